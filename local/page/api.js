// Calls to the API, and when to make one again.

const TIMEOUT_MS = 15_000;
const POLL_SECONDS = 2;
const LONGEST_WAIT_SECONDS = 30;

/** What the API refused, or the gateway before it. Both say why in `message`, in words that people can be shown. */
export class Refused extends Error {
  constructor(response, answer) {
    super(answer.message ?? `The server answered ${response.status}.`);
    this.status = response.status;
    this.code = answer.code;
    this.retryAfter = Number(response.headers.get("Retry-After") ?? 1);
  }

  /** Whether the same call may succeed later. Nothing is half-written then, so it can be made again as it is. */
  get isPassing() {
    return this.status === 429 || this.status >= 500;
  }
}

/** Return a function that calls the API and gives its answer; it throws `Refused`, or something else without one. */
export function caller(base, headers) {
  return async (method, path, body) => {
    const response = await fetch(base + path, {
      method,
      headers: body ? { ...headers, "Content-Type": "application/json" } : headers,
      body: body && JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Refused(response, await response.json().catch(() => ({})));
    return response.json();
  };
}

/** Say in words why a call failed. */
export const inWords = (error) =>
  error instanceof Refused ? error.message : "There is no connection to the server. Trying again …";

/** Make a call until it is answered. Only one that may be repeated: with the ids that it had the first time. */
export async function untilAnswered(call, tellDelay) {
  for (let wait = 0.5; ; wait = Math.min(wait * 2, LONGEST_WAIT_SECONDS)) {
    try {
      return await call();
    } catch (error) {
      if (error instanceof Refused && !error.isPassing) throw error;
      tellDelay(error);
      // Not all clients at once, when the server is back.
      await pause(error.retryAfter ?? wait * (1 + Math.random()));
    }
  }
}

/** Do what a person asks for, until it is answered. Tell in words what is in the way, and null once nothing is. */
export async function attempt(call, tell) {
  tell(null);
  try {
    const answer = await untilAnswered(call, (error) => tell(inWords(error)));
    tell(null);
    return answer;
  } catch (error) {
    tell(error.message);
    return null;
  }
}

/**
 * Call `refresh` every few seconds while the page is seen, and tell each time what failed, or null. Once it has
 * succeeded and `isLive` says that news comes by itself, it is not called until somebody asks for it.
 *
 * Returns what calls it at once.
 */
export function poll(refresh, tell, isLive) {
  let isDue;
  let ring = () => {};
  const loop = async () => {
    for (;;) {
      isDue = false;
      const failure = await refresh().then(() => null, (error) => error);
      tell(failure);
      if (isDue) continue;
      const rung = new Promise((resolve) => { ring = resolve; });
      if (!failure && isLive()) await rung;
      else await Promise.race([pause(failure?.retryAfter ?? POLL_SECONDS).then(seen), rung]);
    }
  };
  loop();
  return () => {
    isDue = true;
    ring();
  };
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function seen() {
  while (document.hidden) {
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
}

/** An id that nobody can guess: 122 random bits. */
export const newId = () => crypto.randomUUID();

/** What is known of a conversation's timeline before its first page is read: `items`, and no `cursor` to older ones. */
export const unread = (id) => ({ id, items: [], cursor: undefined });

/** Put items to those that are known of a timeline, each once, the oldest first. */
export function withItems(known, items) {
  const given = new Map(items.map((item) => [item.id, item]));
  const kept = known.items.map((item) => given.get(item.id) ?? item);
  const ids = new Set(kept.map((item) => item.id));
  // Times are of fixed width, and compare as text. The sort is stable: among equal times the order stays.
  const byTime = (a, b) => (a.createdAt < b.createdAt ? -1 : Number(a.createdAt > b.createdAt));
  return { items: [...kept, ...items.filter((item) => !ids.has(item.id))].sort(byTime), cursor: known.cursor };
}

/** Read the newest page of a conversation's timeline, and put it to what is known of it. */
export async function readNewest(call, known) {
  const page = await call("GET", `/v1/conversations/${known.id}/timeline`);
  const ids = new Set(page.items.map((item) => item.id));
  // Where more came since than a page holds, what is between is not known.
  const isNext = known.cursor === undefined || known.items.some((item) => ids.has(item.id));
  const { items } = withItems(isNext ? known : unread(known.id), page.items);
  Object.assign(known, { items, cursor: isNext && known.cursor !== undefined ? known.cursor : page.nextCursor });
}

/** Read what has come to a conversation's timeline since the last item that is known of it. */
export async function readNew(call, known) {
  if (known.cursor === undefined || known.items.length === 0) return readNewest(call, known);
  for (let hasMore = true; hasMore;) {
    const path = `/v1/conversations/${known.id}/timeline?limit=100&after=${known.items.at(-1).id}`;
    const page = await call("GET", path);
    Object.assign(known, withItems(known, page.items));
    hasMore = page.hasNextPage;
  }
}

/** Return a conversation as it is once an item has come to it. */
export function withLast(conversation, item) {
  const { lastTimelineItem: last, updatedAt } = conversation;
  const isLast = item.type === "message" && !item.deletedAt && item.createdAt >= (last?.createdAt ?? "");
  return {
    ...conversation,
    ...(isLast && { lastTimelineItem: item }),
    updatedAt: item.createdAt > updatedAt ? item.createdAt : updatedAt,
  };
}

/** Choose what was read of a conversation, unless something newer is known: news may come before an older answer. */
export const newest = (known, read) => (known && known.updatedAt > read.updatedAt ? known : read);

/** Put the page before what is known of a conversation's timeline to it. Tell in words what is in the way. */
export async function readOlder(call, known, tell) {
  const path = `/v1/conversations/${known.id}/timeline?cursor=${known.cursor}`;
  const page = await attempt(() => call("GET", path), tell);
  if (page) Object.assign(known, { items: [...page.items, ...known.items], cursor: page.nextCursor });
}
