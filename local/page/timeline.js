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

  /** The id of the last item up to which nothing is missing; null if there is none. */
  get end() {
    return this.#row?.[this.#row.length - 1] ?? null;
  }

  /** Return the moment of a question, which its answer is put in with. */
  ask() {
    this.#moment += 1;
    return this.#moment;
  }

  /** Put in the newest page. Returns false where it does not reach down to what is known: then ask from `end` on. */
  putNewest({ items, nextCursor }, asked) {
    // A page that was asked for later has said all that this one says.
    if (asked < this.#newestAsked) return true;
    const ids = new Set(items.map(({ id }) => id));
    const row = this.#row ?? [];
    if (row.length > 0 && nextCursor && !row.some((id) => ids.has(id))) return false;
    this.#newestAsked = asked;

    // What was known when it was asked for, and is missing where it would be, was taken away.
    const first = items[0];
    const wouldBeIn = ({ createdAt }) => !nextCursor || createdAt > first.createdAt;
    for (const { item, since } of [...this.#known.values()]) {
      if (!ids.has(item.id) && since < asked && wouldBeIn(item)) this.take(item.id);
    }
    const rest = row.filter((id) => !ids.has(id) && this.#known.has(id));
    const older = rest.filter((id) => !wouldBeIn(this.#known.get(id).item));
    const newer = rest.filter((id) => wouldBeIn(this.#known.get(id).item));
    if (older.length === 0 && row[0] !== first?.id) this.#cursor = nextCursor;
    this.#row = [...older, ...this.#learn(items), ...newer];
    return true;
  }

  /** Put in the page of older items that was asked for with a cursor. */
  putOlder({ items, nextCursor }, cursor) {
    // Otherwise the same page was asked for twice, and is in.
    if (cursor !== this.#cursor) return;
    const row = new Set(this.#row);
    this.#row = [...this.#learn(items).filter((id) => !row.has(id)), ...this.#row];
    this.#cursor = nextCursor;
  }

  /** Put in what has come since an item. */
  putSince({ items }, after) {
    if (!this.#row.includes(after) && !this.#taken.has(after)) return;
    const row = new Set(this.#row);
    this.#row = [...this.#row, ...this.#learn(items).filter((id) => !row.has(id))];
  }

  /** Put in one item: a response, or a frame, which may have only the beginning of a long text. */
  put(item) {
    const known = this.#known.get(item.id)?.item;
    if (item.deletedAt) this.take(item.id);
    else if (!known || JSON.stringify(known).length < JSON.stringify(item).length) this.#learn([item]);
  }

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
 * Read what is new in a timeline. With `isWhole` also what was taken away from its newest page, which is only told by
 * the newest page itself; without it, asking costs next to nothing where nothing is new.
 *
 * `callAbout` calls the API about a conversation, by its id.
 */
export async function readNew(callAbout, timeline, isWhole) {
  const { id } = timeline;
  const path = `/v1/conversations/${id}/timeline`;
  if (isWhole || timeline.end === null) {
    const asked = timeline.ask();
    if (timeline.putNewest(await callAbout(id, "GET", path), asked)) return;
  }
  for (let after = timeline.end; after;) {
    const page = await callAbout(id, "GET", `${path}?limit=100&after=${after}`);
    timeline.putSince(page, after);
    after = page.hasNextPage ? page.items[page.items.length - 1]?.id : null;
  }
}

/** Read the page of a timeline before what is known of it. */
export async function readOlder(callAbout, timeline) {
  const { id, cursor } = timeline;
  if (!cursor) return;
  timeline.putOlder(await callAbout(id, "GET", `/v1/conversations/${id}/timeline?cursor=${cursor}`), cursor);
}
