// The company's side. What is here belongs on a server: a private key reads and writes every conversation of its
// website. This page has one only because the key is a demo's, and worth nothing outside this machine.

import { caller, insist, poll, sign } from "./api.js";
import { composer } from "./composer.js";
import { Conversations, readMissing } from "./conversations.js";
import { isUrl } from "./links.js";
import { listen, onTyping, typists } from "./live.js";
import { outbox } from "./outbox.js";
import { readAgain, readNew, readOlder, Timeline } from "./timeline.js";
import { guarded, isGone, unlessGone } from "./trouble.js";
import { element, isNobodys, isSeen, keepPlace, link, preview, say, showRows, time, timelineRows } from "./view.js";

const { privateKey } = JSON.parse(document.getElementById("keys").textContent);
const side = document.getElementById("inbox");
const find = (selector) => side.querySelector(selector);

const ACTIONS = {
  open: { resolve: "Resolve", spam: "Spam" },
  resolved: { reopen: "Reopen", spam: "Spam" },
  spam: { "not-spam": "Not spam" },
};
const COMPOSING = {
  public: { placeholder: "Write an answer …", button: "Send" },
  private: { placeholder: "Write a note that the visitor does not see …", button: "Save note" },
};

let call = caller(location.origin, { Authorization: `Bearer ${privateKey}` });
let website = null;
/** Who of the team acts. */
let actor = null;
/** What tells of news; null until it is known who listens. */
let live = null;
const conversations = new Conversations();
/** The status that is listed, how many pages of it, and the time down to which they reach; null until they are read. */
let list = { status: "open", pages: 1, end: null };
/** The timeline of the conversation that is read. */
let chat = null;
/** The last time that was told as seen, by the conversation's id. */
const seenAt = new Map();
/** What the API has said of the open conversation, once it has expired or was erased. */
let gone = null;
/** The records of visitors, by their id, each with what was known of the visitor when it was asked for. */
const records = new Map();

const tell = (words) => say(find(".refusal"), words);
const typing = typists(render);
const box = outbox("team", send, render);
const form = composer(find(".composer"), "team", {
  write,
  tell,
  zone: find(".chat"),
  sign: (id, file) => sign((...call) => callAbout(id, ...call), website, id, file),
});

const refresh = poll(
  async () => {
    if (!website) await enter();
    await unlessGone(async () => {
      await readList();
      render();
      await readChat();
      await markSeen();
    });
    render();
  },
  (words) => say(find(".trouble"), words),
  isLive,
);

async function enter() {
  const answer = await call("GET", "/v1/websites");
  // The author of answers and notes, and of what is done to a status.
  actor = answer.availableHumanAgents[0]?.id ?? "team";
  call = caller(location.origin, { Authorization: `Bearer ${privateKey}`, "X-Actor-User-Id": actor });
  // In the address only because browsers send no headers with it: a server sends the same two as with a call.
  const query = new URLSearchParams({ token: privateKey, actorUserId: actor });
  live = listen(`${location.origin.replace(/^http/, "ws")}/ws?${query}`, { hear, changed: refresh });
  website = answer;
  box.flush();
}

function isLive() {
  return Boolean(live?.isOpen());
}

/** Call the API about a conversation, which may be found to be gone. */
async function callAbout(id, method, path, body) {
  try {
    return await call(method, path, body);
  } catch (error) {
    if (isGone(error)) lose(id, error.message);
    throw error;
  }
}

function lose(id, words) {
  conversations.forget(id);
  if (chat?.id === id) [chat, gone] = [new Timeline(id), words];
  render();
}

/** Put to what is known what has happened. It may have been known before. */
function hear(type, payload) {
  const { conversationId: id } = payload;
  if (type === "visitorIdentified") {
    conversations.putVisitor(payload.visitor);
  } else if (type === "conversationTyping") {
    if (payload.userId !== actor) typing.hear(payload);
  } else if (type === "conversationCreated") {
    conversations.put(payload.conversation);
  } else if (!conversations.has(id)) {
    // It comes into this list by what has happened, or into another one.
    refresh();
  } else if (type === "timelineItemCreated" || type === "timelineItemUpdated") {
    typing.forget(id);
    if (chat?.id === id) chat.put(payload.item);
    conversations.putItem(id, payload.item);
    readLastPublic().catch(() => refresh());
  } else if (type === "conversationUpdated") {
    conversations.change(id, payload.updates);
  } else if (type === "conversationSeen" && payload.actorType === "visitor") {
    conversations.change(id, { visitorLastSeenAt: payload.lastSeenAt });
  }
  render();
  markSeenIfPossible();
}

async function readList() {
  const asked = conversations.ask();
  const { status, pages } = list;
  const read = [];
  let cursor = null;
  for (let page = 0; page < pages && (page === 0 || cursor); page += 1) {
    const path = `/v1/conversations/inbox?status=${status}${cursor ? `&cursor=${cursor}` : ""}`;
    const { items, nextCursor } = await call("GET", path);
    read.push(...items);
    cursor = nextCursor;
  }
  for (const each of read) conversations.put(each, asked);
  if (status !== list.status) return;
  list.end = cursor ? read[read.length - 1].updatedAt : "";
  const ids = new Set(read.map(({ id }) => id));
  await readMissing(callAbout, conversations, listed().filter(({ id }) => !ids.has(id)));
  await readLastPublic();
}

/** The conversations of the status that is listed, as far as it was read. */
const listed = () =>
  conversations.all().filter(({ status, updatedAt }) => status === list.status && updatedAt >= (list.end ?? ""));

/** Read the last message that the visitor sees where only a note is known, which stands after it. */
async function readLastPublic() {
  const unknown = listed().filter(({ id }) => conversations.lastPublic(id) === undefined);
  await Promise.all(unknown.map(({ id }) => unlessGone(async () => {
    const path = `/v1/conversations/${id}/timeline`;
    let [message, query] = [undefined, ""];
    while (message === undefined) {
      const { items, nextCursor } = await callAbout(id, "GET", path + query);
      const isPublic = ({ type, visibility }) => type === "message" && visibility === "public";
      message = items.filter(isPublic).pop() ?? (nextCursor ? undefined : null);
      query = `?cursor=${nextCursor}`;
    }
    conversations.putLastPublic(id, message);
  })));
}

async function readChat() {
  const read = chat;
  if (!read || gone) return;
  const asked = conversations.ask();
  const [{ conversation }] = await Promise.all([
    callAbout(read.id, "GET", `/v1/conversations/${read.id}`),
    (isLive() ? readAgain : readNew)(callAbout, read),
  ]);
  conversations.put(conversation, asked);
  await readVisitor(conversation);
}

/** Read the record of a conversation's visitor, if there is one and it has changed. */
async function readVisitor({ visitorId, visitor }) {
  const hasRecord = visitor.lastSeenAt || visitor.contact || visitor.blockedAt;
  const known = JSON.stringify(visitor);
  if (!hasRecord || records.get(visitorId)?.known === known) return;
  await unlessGone(async () => {
    records.set(visitorId, { known, ...(await call("GET", `/v1/visitors/${visitorId}`)) });
    render();
  });
}

/** Tell that the team has seen what the visitor wrote in the open conversation, if it is in sight. */
async function markSeen() {
  const last = chat?.items.filter((item) => item.visitorId).pop();
  if (!last || last.createdAt <= (seenAt.get(chat.id) ?? "") || !isSeen(find(".chat"))) return;
  seenAt.set(chat.id, last.createdAt);
  await callAbout(chat.id, "POST", `/v1/conversations/${chat.id}/seen`);
}

/** The same, where nobody has asked for anything: if it fails, the next message will do. */
function markSeenIfPossible() {
  markSeen().catch(() => {});
}

// What the team does -------------------------------------------------------------------------------------------------

function open(id) {
  [chat, gone] = [id && new Timeline(id), null];
  find(".end").scrollTop = 0;
  render();
  refresh();
}

function write({ text, visibility, parts, uploadedAt }, conversationId) {
  find(".end").scrollTop = 0;
  box.add({ conversationId, text, visibility, parts, uploadedAt });
}

/** Send an answer or a note of the outbox. */
async function send({ id, conversationId, text, visibility, parts }) {
  const body = { conversationId, item: { id, text: text || null, visibility, parts } };
  const { item } = await callAbout(conversationId, "POST", "/v1/messages", body);
  if (chat?.id === conversationId) chat.put(item);
  if (!isLive()) refresh();
}

/** Change a status. What is so already is answered as if it had been done, so this may be made again. */
async function change(id, verb) {
  const { conversation } = await insist(() => callAbout(id, "POST", `/v1/conversations/${id}/${verb}`), tell);
  conversations.put(conversation);
  render();
  if (!isLive()) refresh();
}

async function block() {
  const conversation = conversations.get(chat.id);
  const { visitorId } = conversation;
  const verb = conversations.visitorOf(conversation)?.isBlocked ? "unblock" : "block";
  conversations.putVisitor(await insist(() => call("POST", `/v1/visitors/${visitorId}/${verb}`), tell));
  render();
}

/** Take away for good what the team has confirmed. It may be away by then, which is just as well. */
const take = (path) => insist(() => unlessGone(() => call("DELETE", path)), tell);

async function removeItem({ id: itemId }) {
  if (!confirm("Delete this message for good? Neither side can read it any more.")) return;
  const read = chat;
  await take(`/v1/conversations/${read.id}/timeline/${itemId}`);
  read.take(itemId);
  render();
  if (!isLive()) refresh();
}

async function erase() {
  if (!confirm("Delete this conversation for good? Neither side can read it any more.")) return;
  const { id } = chat;
  await take(`/v1/conversations/${id}`);
  conversations.forget(id);
  if (chat?.id === id) open(null);
  else render();
}

const on = (selector, type, act) => find(selector).addEventListener(type, guarded(tell, act));

on(".back", "click", () => open(null));
on(".more", "click", () => {
  list.pages += 1;
  refresh();
});
on(".older", "click", async () => {
  const read = chat;
  await insist(() => readOlder(callAbout, read), tell);
  render();
});
on(".statuses", "change", ({ target }) => {
  list = { status: target.value, pages: 1, end: null };
  render();
  refresh();
});
on(".block", "click", block);
on(".erase", "click", erase);
on(".composer", "change", render);
onTyping(
  find(".composer"),
  // Nobody is to know of a private note.
  () => (chat && form.fields().visibility === "public" ? chat.id : null),
  (conversationId, isTyping) => live.send("conversationTyping", { conversationId, isTyping }),
);
for (const type of ["visibilitychange", "change"]) {
  // The tab, or on a phone this side, may have come into sight.
  document.addEventListener(type, markSeenIfPossible);
}

// What is shown ------------------------------------------------------------------------------------------------------

function render() {
  if (!website) return;
  const rows = listed().map((conversation) => {
    const { id, status, lastTimelineItem: last } = conversation;
    const shown = conversations.lastPublic(id);
    const data = {
      conversation,
      visitor: conversations.visitorOf(conversation),
      isNote: last?.visibility === "private",
      // It waits for an answer: the last message that the visitor sees is neither the team's nor an AI agent's.
      isWaiting: status === "open" && Boolean(shown) && !isOurs(shown),
      isChosen: id === chat?.id,
    };
    return { key: id, data, make: conversationRow };
  });
  showRows(find(".conversations"), rows);
  find(".list .none").hidden = list.end === null || rows.length > 0;
  find(".more").hidden = !list.end;
  side.dataset.view = chat ? "chat" : "list";
  if (chat) keepPlace(find(".end"), find(".timeline"), renderChat);
}

const isOurs = (item) => !item.visitorId && !isNobodys(item);

const titleOf = ({ title, visitorId }, visitor) => {
  const { name, email } = visitor?.contact ?? {};
  return [name || email || `Visitor ${visitorId.slice(-4)}`, title].filter(Boolean).join(" · ");
};

const conversationRow = ({ conversation, visitor, isNote, isWaiting, isChosen }) => {
  const { id, updatedAt, lastTimelineItem: last } = conversation;
  const properties = { type: "button", className: isWaiting ? "unread" : "", onclick: guarded(tell, () => open(id)) };
  const row = element("button", properties,
    element("span", { className: "title", dir: "auto" }, titleOf(conversation, visitor)),
    visitor?.isBlocked && element("span", { className: "status" }, "Blocked"),
    time(updatedAt),
    element("span", { className: "text", dir: "auto" },
      isNote && element("span", { className: "note" }, "Note"), preview(last)),
    isWaiting && element("span", { className: "unseen" }, "Waits for an answer"));
  if (isChosen) row.setAttribute("aria-current", "true");
  return element("li", {}, row);
};

function renderChat() {
  const { id, items, cursor } = chat;
  const conversation = conversations.get(id);
  side.dataset.isGone = Boolean(gone);
  say(find(".ended"), gone);
  find(".composer").hidden = Boolean(gone);
  find(".who").hidden = Boolean(gone) || !conversation;
  if (conversation) {
    renderHead(conversation);
    renderWho(conversation);
  }

  const people = [...website.availableHumanAgents, ...website.availableAIAgents];
  const visitor = (conversation && conversations.visitorOf(conversation)?.contact?.name) || "Visitor";
  const nameOf = ({ visitorId, userId, aiAgentId }) =>
    visitorId ? visitor : (people.find((one) => one.id === (userId ?? aiAgentId))?.name ?? website.name);
  const isAnswer = (item) => item.type === "message" && item.visibility === "public" && isOurs(item);
  const lastAnswer = items.filter(isAnswer).pop();
  const changes = changesOf(items, conversation?.status);
  find(".older").hidden = !cursor;
  showRows(find(".timeline"), timelineRows(items, box.waiting().filter((message) => message.conversationId === id), {
    isMine: isOurs,
    nameOf,
    say: (item) => wordsOf(item, changes),
    actions: (message) => [
      !gone && ["Try again", guarded(tell, () => box.tryAgain(message))],
      ["Discard", guarded(tell, () => box.discard(message))],
    ].filter(Boolean),
    remove: guarded(tell, removeItem),
    api: location.origin,
    note: (item) => item === lastAnswer && conversation?.visitorLastSeenAt >= item.createdAt && "Seen",
  }));
  const typist = typing.in(id);
  say(find(".typing"), typist && `${nameOf(typist.userId ? { userId: typist.userId } : typist)} is typing …`);

  form.show(id, id);
  const { visibility } = form.fields();
  const { placeholder, button } = COMPOSING[visibility];
  find(".composer").dataset.visibility = visibility;
  find("textarea").placeholder = placeholder;
  say(find(".composer .primary"), button);
}

function renderHead(conversation) {
  const { id, status } = conversation;
  say(find(".chat h2"), titleOf(conversation, conversations.visitorOf(conversation)));
  say(find(".chat .status"), status);
  showRows(find(".chat .actions"), Object.entries(ACTIONS[status]).map(([verb, words]) => ({
    key: verb,
    data: id,
    make: () => element("button", { type: "button", onclick: guarded(tell, () => change(id, verb)) }, words),
  })));
}

/** Show who writes: what is proven, what anybody could have said, and what their page tells. */
function renderWho(conversation) {
  const visitor = conversations.visitorOf(conversation);
  const { name, email, externalId, verified = [] } = visitor?.contact ?? {};
  const { currentPage, language } = records.get(conversation.visitorId) ?? {};
  const lastSeenAt = [visitor?.lastSeenAt, conversation.visitorLastSeenAt].filter(Boolean).sort().pop();
  const facts = [
    { key: "Name", words: name, proof: verified.includes("name") ? "verified" : "claimed" },
    { key: "E-mail", words: email, proof: verified.includes("email") ? "verified" : "claimed" },
    { key: "Account", words: externalId, proof: verified.includes("externalId") ? "verified" : "claimed" },
    { key: "Page", words: currentPage?.title || currentPage?.path, href: currentPage?.url },
    { key: "Language", words: language },
    { key: "Last seen", at: lastSeenAt },
  ];
  const shown = facts.filter(({ words, at }) => words || at);
  showRows(find(".who dl"), shown.map((fact) => ({ key: fact.key, data: fact, make: factRow })));
  find(".block").hidden = !visitor;
  say(find(".block"), visitor?.isBlocked ? "Unblock visitor" : "Block visitor");
}

const factRow = ({ key, words, proof, href, at }) =>
  element("div", {},
    element("dt", {}, key),
    element("dd", { dir: "auto" }, at ? time(at) : isUrl(href) ? link(href, words) : words),
    proof && element("dd", { className: proof }, proof));

/** Return to which status each event has changed the conversation, by its id: from the last one, which it has now. */
function changesOf(items, status) {
  const changes = new Map();
  let after = status;
  for (const { id, parts: [part] } of [...items].reverse()) {
    if (part?.eventType === "resolved") after = "open";
    if (part?.eventType === "reopened") after = "resolved";
    if (part?.eventType !== "status_changed") continue;
    // Only spam is begun and ended by this event.
    changes.set(id, after === "spam" ? "spam" : "open");
    after = after === "spam" ? "open" : "spam";
  }
  return changes;
}

/** Say what an event says: who has done what to the status, or how the visitor rated. */
function wordsOf({ id, parts: [part], text }, changes) {
  if (part?.type === "feedback") return `The visitor rated ${part.rating} of 5.${text ? ` “${text}”` : ""}`;
  const name = website.availableHumanAgents.find((one) => one.id === part?.actorUserId)?.name ?? "Somebody";
  const did = {
    resolved: "resolved this",
    reopened: "reopened this",
    status_changed: changes.get(id) === "spam" ? "marked this as spam" : "marked this as not spam",
  };
  return `${name} ${did[part?.eventType] ?? "did something"}.`;
}
