// What is known of a conversation's timeline. It comes from four sides, in any order, and any of it may come twice: the
// newest page, older pages, what has come since an item, and single items, which are the response to a send or a frame
// of the socket. Whatever the order, the rows are the same: none twice, none missing between two others.

const byTime = (a, b) => (a.createdAt < b.createdAt ? -1 : Number(a.createdAt > b.createdAt));

export class Timeline {
  /** The ids of what pages have brought, in the server's order and without a gap; null before the first page. */
  #row = null;
  /** Leads from there to older items; null where there are none. */
  #cursor = null;
  /** All items by id, with the moment since when each is known: also those that no page has brought yet. */
  #known = new Map();
  /** The ids of what was taken away: an answer that is on its way may still have it. */
  #taken = new Set();
  #moment = 0;
  #newestAsked = 0;

  constructor(id) {
    this.id = id;
  }

  /** What can be shown, the oldest first. Of what stands before older pages that were not read, nothing is. */
  get items() {
    const row = (this.#row ?? []).map((id) => this.#known.get(id).item);
    const inRow = new Set(this.#row);
    const others = [...this.#known.values()].map(({ item }) => item).filter((item) => !inRow.has(item.id));
    const shown = others.filter((item) => !this.#cursor || row.length === 0 || item.createdAt >= row[0].createdAt);
    // Times are of fixed width, and compare as text. The sort is stable: among equal times the server's order stays.
    return [...row, ...shown].sort(byTime);
  }

  /** What to ask older items with; null before the first page, and where there are none. */
  get cursor() {
    return this.#cursor;
  }

  /** The last item up to which nothing is missing; undefined before there is one. */
  get last() {
    return this.#known.get(this.#row?.[this.#row.length - 1])?.item;
  }

  /** Whether the first item that pages have brought is an item, or comes after it. */
  begins({ id, createdAt }) {
    const first = this.#known.get(this.#row?.[0])?.item;
    return !first || first.id === id || first.createdAt > createdAt;
  }

  /** Return the moment of a question, which its answer is put in with. */
  ask() {
    this.#moment += 1;
    return this.#moment;
  }

  /** Put in the newest page, which reaches down to the first item that is known from pages. */
  putNewest({ items, nextCursor }, asked) {
    // A page that was asked for later has said all that this one says.
    if (asked < this.#newestAsked) return;
    this.#newestAsked = asked;
    const ids = new Set(items.map(({ id }) => id));
    // What was known when it was asked for, and is missing where it would be, was taken away.
    const wouldBeIn = ({ createdAt }) => !nextCursor || createdAt > items[0].createdAt;
    for (const { item, since } of [...this.#known.values()]) {
      if (!ids.has(item.id) && since < asked && wouldBeIn(item)) this.take(item.id);
    }
    // The rest came while it was on its way.
    const rest = (this.#row ?? []).filter((id) => !ids.has(id));
    const row = [...this.#learn(items), ...rest];
    this.#row = row.map((id) => this.#known.get(id).item).sort(byTime).map(({ id }) => id);
    this.#cursor = nextCursor;
  }

  /** Put in the page of older items that was asked for with a cursor. */
  putOlder({ items, nextCursor }, cursor) {
    // Otherwise the page was asked for twice, and is in.
    if (cursor !== this.#cursor) return;
    this.#row = [...this.#learn(items), ...this.#row];
    this.#cursor = nextCursor;
  }

  /** Put in what has come since an item of the row. */
  putSince({ items }) {
    const row = new Set(this.#row);
    this.#row = [...this.#row, ...this.#learn(items).filter((id) => !row.has(id))];
  }

  /** Put in one item: a response, or a frame, which may have only the beginning of a long text. */
  put(item) {
    const known = this.#known.get(item.id)?.item;
    if (item.deletedAt) this.take(item.id);
    else if (!known || JSON.stringify(known).length < JSON.stringify(item).length) this.#learn([item]);
  }

  /** Forget an item that was taken away, for good. */
  take(id) {
    this.#taken.add(id);
    this.#known.delete(id);
    this.#row = this.#row && this.#row.filter((each) => each !== id);
  }

  /** Know items, but for those that were taken away; return the ids of the others. */
  #learn(items) {
    const left = items.filter(({ id }) => !this.#taken.has(id));
    for (const item of left) this.#known.set(item.id, { item, since: this.#known.get(item.id)?.since ?? this.ask() });
    return left.map(({ id }) => id);
  }
}

/**
 * Read what is shown of a timeline again: what is new, and what was taken away.
 *
 * `callAbout` calls the API about a conversation, by its id.
 */
export async function readAgain(callAbout, timeline) {
  const { id } = timeline;
  const asked = timeline.ask();
  const read = (query) => callAbout(id, "GET", `/v1/conversations/${id}/timeline${query}`);
  let { items, nextCursor } = await read("");
  // Down to the first item that is known by then: another answer may have come first.
  while (nextCursor && !timeline.begins(items[0])) {
    const page = await read(`?cursor=${nextCursor}`);
    [items, nextCursor] = [[...page.items, ...items], page.nextCursor];
  }
  timeline.putNewest({ items, nextCursor }, asked);
}

/** Read what is new in a timeline: it costs next to nothing where nothing is, and tells of nothing taken away. */
export async function readNew(callAbout, timeline) {
  if (!timeline.last) return readAgain(callAbout, timeline);
  const { id } = timeline;
  for (let after = timeline.last.id; after;) {
    const page = await callAbout(id, "GET", `/v1/conversations/${id}/timeline?limit=100&after=${after}`);
    timeline.putSince(page);
    after = page.hasNextPage ? page.items[page.items.length - 1]?.id : null;
  }
}

/** Read the page of a timeline before what is known of it. */
export async function readOlder(callAbout, timeline) {
  const { id, cursor } = timeline;
  if (!cursor) return;
  timeline.putOlder(await callAbout(id, "GET", `/v1/conversations/${id}/timeline?cursor=${cursor}`), cursor);
}
