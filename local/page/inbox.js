// The company's side. What is here belongs on a server: a private key reads and writes every conversation of its
// website. This page has one only because the key is a demo's, and worth nothing outside this machine.

import {
  attempt, caller, inWords, newest, poll, readNew, readNewest, readOlder, unread, withItems, withLast,
} from "./api.js";
import { listen, onTyping, typists } from "./live.js";
import { outbox } from "./outbox.js";
import { element, isNobodys, onText, preview, say, showRows, time, timelineRows } from "./view.js";

const { privateKey } = JSON.parse(document.getElementById("keys").textContent);
const side = document.getElementById("inbox");
const find = (selector) => side.querySelector(selector);

const ACTIONS = {
  open: { resolve: "Resolve", spam: "Spam" },
  resolved: { reopen: "Reopen", spam: "Spam" },
  spam: { "not-spam": "Not spam" },
};
const EVENTS = { resolved: "resolved this", reopened: "reopened this", status_changed: "changed the status" };

let call = caller(location.origin, { Authorization: `Bearer ${privateKey}` });
let website = null;
/** Who of the team acts. */
let actor = null;
/** What tells of news; null until it is known who listens. */
let live = null;
let status = "open";
let pages = 1;
let listed = [];
let hasMore = false;
/** The conversation that is read, with what is known of its timeline. */
let chat = null;

const typing = typists(render);
const box = outbox("team", send, render);

const refresh = poll(
  async () => {
    if (!website) await enter();
    await readList();
    await readChat();
    render();
    await markSeen();
  },
  (failure) => say(find(".trouble"), failure && inWords(failure)),
  isLive,
);

async function enter() {
  website = await call("GET", "/v1/websites");
  // The author of answers and notes, and of what is done to a status.
  actor = website.availableHumanAgents[0]?.id ?? "team";
  call = caller(location.origin, { Authorization: `Bearer ${privateKey}`, "X-Actor-User-Id": actor });
  // In the address only because browsers send no headers with it: a server sends the same two as with a call.
  const query = new URLSearchParams({ token: privateKey, actorUserId: actor });
  live = listen(`${location.origin.replace(/^http/, "ws")}/ws?${query}`, { hear, changed: refresh });
  box.flush();
}

function isLive() {
  return Boolean(live?.isOpen());
}

/** Put to what is known what has happened. It may have been known before. */
function hear(type, payload) {
  const { conversationId: id } = payload;
  const known = chat?.id === id ? chat.conversation : listed.find((conversation) => conversation.id === id);
  if (type === "conversationTyping") {
    if (payload.userId !== actor) typing.hear(payload);
  } else if (type === "conversationCreated") {
    put(payload.conversation);
  } else if (!known) {
    // It comes into this list by what has happened, or into another one.
    refresh();
  } else if (type === "timelineItemCreated" || type === "timelineItemUpdated") {
    typing.forget(id);
    if (chat?.id === id) Object.assign(chat, withItems(chat, [payload.item]));
    put(withLast(known, payload.item));
  } else if (type === "conversationUpdated") {
    put({ ...known, ...payload.updates });
  } else if (type === "conversationSeen" && payload.actorType === "visitor") {
    put({ ...known, visitorLastSeenAt: payload.lastSeenAt });
  }
  render();
  // If that fails, the next time will do.
  markSeen().catch(() => {});
}

/** Put a conversation where it belongs: into the list of its status, by its last change, and into the open chat. */
function put(conversation) {
  listed = listed.filter((each) => each.id !== conversation.id);
  if (conversation.status === status) listed.push(conversation);
  listed.sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1));
  if (chat?.id === conversation.id) chat.conversation = conversation;
}

async function readList() {
  const asked = status;
  const items = [];
  let cursor = null;
  for (let page = 0; page < pages && (page === 0 || cursor); page += 1) {
    const answer = await call("GET", `/v1/conversations/inbox?status=${asked}${cursor ? `&cursor=${cursor}` : ""}`);
    items.push(...answer.items);
    cursor = answer.nextCursor;
  }
  if (asked !== status) return;
  const known = new Map(listed.map((conversation) => [conversation.id, conversation]));
  listed = items.map((conversation) => newest(known.get(conversation.id), conversation));
  hasMore = cursor !== null;
}

async function readChat() {
  const read = chat;
  if (!read) return;
  const [{ conversation }] = await Promise.all([
    call("GET", `/v1/conversations/${read.id}`),
    (isLive() ? readNewest : readNew)(call, read),
  ]);
  read.conversation = newest(read.conversation, conversation);
}

/** Tell that the team has seen what the visitor wrote in the open conversation, if it is in sight. */
async function markSeen() {
  const seen = chat;
  const last = seen?.items.findLast((item) => item.visitorId);
  if (!last || last.createdAt <= seen.seenAt || !side.checkVisibility() || document.hidden) return;
  seen.seenAt = last.createdAt;
  await call("POST", `/v1/conversations/${seen.id}/seen`);
}

function open(conversation) {
  chat = conversation && { ...unread(conversation.id), conversation, seenAt: "" };
  find(".end").scrollTop = 0;
  render();
  refresh();
}

/** Send an answer or a note of the outbox. */
async function send({ id, conversationId, text, visibility }) {
  const { item } = await call("POST", "/v1/messages", { conversationId, item: { id, text, visibility } });
  if (chat?.id === conversationId) Object.assign(chat, withItems(chat, [item]));
  if (!isLive()) refresh();
}

// What is shown ------------------------------------------------------------------------------------------------------

function render() {
  if (!website) return;
  showRows(find(".conversations"), listed.map((conversation) => {
    const last = conversation.lastTimelineItem;
    const data = {
      conversation,
      // It waits for an answer: the last message is neither the team's nor an AI agent's.
      isWaiting: conversation.status === "open" && Boolean(last) && !isOurs(last),
      isChosen: conversation.id === chat?.id,
    };
    return { key: conversation.id, data, make: conversationRow };
  }));
  find(".list .none").hidden = listed.length > 0;
  find(".more").hidden = !hasMore;
  side.dataset.view = chat ? "chat" : "list";
  if (chat) renderChat();
}

const isOurs = (item) => !item.visitorId && !isNobodys(item);

const titleOf = ({ title, visitorId }) => title ?? `Visitor ${visitorId.slice(-4)}`;

const conversationRow = ({ conversation, isWaiting, isChosen }) => {
  const properties = { type: "button", className: isWaiting ? "unread" : "", onclick: () => open(conversation) };
  const row = element("button", properties,
    element("span", { className: "title" }, titleOf(conversation)),
    time(conversation.updatedAt),
    element("span", { className: "text", dir: "auto" }, preview(conversation.lastTimelineItem)),
    isWaiting && element("span", { className: "unseen" }, "Waits for an answer"));
  if (isChosen) row.setAttribute("aria-current", "true");
  return element("li", {}, row);
};

function renderChat() {
  const { id, conversation, items, cursor } = chat;
  say(find(".chat h2"), titleOf(conversation));
  say(find(".chat .status"), conversation.status);
  showRows(find(".chat .actions"), Object.entries(ACTIONS[conversation.status]).map(([verb, words]) => ({
    key: verb,
    data: id,
    make: () => element("button", { type: "button", onclick: () => change(id, verb) }, words),
  })));

  const people = [...website.availableHumanAgents, ...website.availableAIAgents];
  const nameOf = ({ visitorId, userId, aiAgentId }) =>
    visitorId ? "Visitor" : (people.find((one) => one.id === (userId ?? aiAgentId))?.name ?? website.name);
  const isAnswer = (item) => item.type === "message" && item.visibility === "public" && isOurs(item);
  const lastAnswer = items.findLast(isAnswer);
  const waiting = box.waiting().filter((message) => message.conversationId === id);
  find(".older").hidden = !cursor;
  showRows(find(".timeline"), timelineRows(items, waiting, {
    isMine: isOurs,
    nameOf,
    say: wordsOf,
    actions: (message) => [
      ["Try again", () => box.tryAgain(message)],
      ["Discard", () => box.discard(message)],
    ],
    note: (item) => item === lastAnswer && conversation.visitorLastSeenAt >= item.createdAt && "Seen",
  }));
  const typist = typing.in(id);
  say(find(".typing"), typist && `${nameOf(typist.userId ? { userId: typist.userId } : typist)} is typing …`);
}

/** Say what an event says: who has done what to the status, or how the visitor rated. */
function wordsOf({ parts: [part], text }) {
  if (part?.type === "feedback") return `The visitor rated ${part.rating} of 5.${text ? ` “${text}”` : ""}`;
  const actor = website.availableHumanAgents.find((one) => one.id === part?.actorUserId)?.name ?? "Somebody";
  return `${actor} ${EVENTS[part?.eventType] ?? "did something"}.`;
}

// What the team does -------------------------------------------------------------------------------------------------

const tell = (words) => say(find(".refusal"), words);

/** Change a status. What is so already is answered as if it had been done, so this may be made again. */
async function change(id, verb) {
  const answer = await attempt(() => call("POST", `/v1/conversations/${id}/${verb}`), tell);
  if (answer) put(answer.conversation);
  render();
  if (!isLive()) refresh();
}

onText(find(".composer"), (text) => {
  find(".end").scrollTop = 0;
  box.add({ conversationId: chat.id, text, visibility: find("[name=visibility]:checked").value });
});
onTyping(find(".composer"), (isTyping) => {
  // Nobody is to know of a private note.
  if (!chat || find("[name=visibility]:checked").value === "private") return;
  live.send("conversationTyping", { conversationId: chat.id, isTyping });
});
for (const type of ["visibilitychange", "change"]) {
  // The tab, or on a phone this side, may have come into sight.
  document.addEventListener(type, () => markSeen().catch(() => {}));
}
find(".back").addEventListener("click", () => open(null));
find(".more").addEventListener("click", () => {
  pages += 1;
  refresh();
});
find(".older").addEventListener("click", async () => {
  await readOlder(call, chat, tell);
  render();
});
find(".statuses").addEventListener("change", ({ target }) => {
  [status, pages, listed, hasMore] = [target.value, 1, [], false];
  render();
  refresh();
});
