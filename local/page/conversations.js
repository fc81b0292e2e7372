// What is known of conversations. It comes from lists, from responses and from frames of the socket, in any order: what
// a list says may be older than what was told while it was read.

import { unlessGone } from "./trouble.js";

const latest = (one, other) => ((one ?? "") > (other ?? "") ? one : other);

export class Conversations {
  /** By id: the conversation, since which moment it is known so, and the last message that its visitor sees. */
  #known = new Map();
  #moment = 0;

  /** Return the moment of a question, which its answer is put in with. */
  ask() {
    this.#moment += 1;
    return this.#moment;
  }

  has(id) {
    return this.#known.has(id);
  }

  get(id) {
    return this.#known.get(id)?.conversation;
  }

  /** All of them, the last changed first. */
  all() {
    const all = [...this.#known.values()].map(({ conversation }) => conversation);
    return all.sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1));
  }

  /** Put in a conversation as it was read, by a question of the moment `asked`, or as it was just told. */
  put(read, asked = Infinity) {
    const known = this.#known.get(read.id);
    const before = known?.conversation;
    const isOlder = known && (before.updatedAt > read.updatedAt
      || (before.updatedAt === read.updatedAt && known.since > asked));
    const conversation = isOlder ? before : read;
    const seenAt = latest(before?.visitorLastSeenAt, read.visitorLastSeenAt);
    // Frames do not name the visitor.
    const visitor = conversation.visitor ?? before?.visitor;
    this.#set({ ...conversation, ...(seenAt && { visitorLastSeenAt: seenAt }), ...(visitor && { visitor }) });
  }

  /** Put in an item that has come to a conversation, or was taken away from it. */
  putItem(id, item) {
    const known = this.#known.get(id);
    if (!known) return;
    const { lastTimelineItem: last, updatedAt } = known.conversation;
    if (item.deletedAt && known.lastPublic?.id === item.id) known.lastPublic = undefined;
    const isLast = item.type === "message" && !item.deletedAt && item.createdAt >= (last?.createdAt ?? "");
    const changed = { ...known.conversation, updatedAt: latest(item.createdAt, updatedAt) };
    this.#set(isLast ? { ...changed, lastTimelineItem: item } : changed, isLast);
  }

  /** Change what is known of a conversation. */
  change(id, updates) {
    const conversation = this.get(id);
    if (conversation) this.put({ ...conversation, ...updates });
  }

  forget(id) {
    this.#known.delete(id);
  }

  /** Return the last message that the visitor sees, null without one; undefined where notes stand after it. */
  lastPublic(id) {
    return this.#known.get(id)?.lastPublic;
  }

  putLastPublic(id, message) {
    const known = this.#known.get(id);
    if (known) known.lastPublic = message;
  }

  #set(conversation, isNext = false) {
    const before = this.#known.get(conversation.id);
    const last = conversation.lastTimelineItem;
    // A note says nothing of what stands before it, unless that was known.
    const isKnown = isNext || before?.conversation.lastTimelineItem?.id === last?.id;
    const lastPublic = last?.visibility !== "private" ? (last ?? null) : isKnown ? before?.lastPublic : undefined;
    this.#known.set(conversation.id, { conversation, since: this.ask(), lastPublic });
  }
}

/** Ask for conversations that a list does not name although they are known: it is behind, or they have changed. */
export async function readMissing(callAbout, conversations, missing) {
  await Promise.all(missing.map(({ id }) => unlessGone(async () => {
    const asked = conversations.ask();
    conversations.put((await callAbout(id, "GET", `/v1/conversations/${id}`)).conversation, asked);
  })));
}
