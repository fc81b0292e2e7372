// The visitor's side: what a widget does in a website's page, with the public key and the Origin that browsers send.

import {
  attempt, caller, inWords, newest, newId, poll, readNew, readNewest, readOlder, unread, withItems, withLast,
} from "./api.js";
import { listen, onTyping, typists } from "./live.js";
import { outbox } from "./outbox.js";
import { element, face, onText, preview, say, showRows, time, timelineRows } from "./view.js";

const { publicKey } = JSON.parse(document.getElementById("keys").textContent);
const side = document.getElementById("visitor");
const find = (selector) => side.querySelector(selector);

// Browsers send no Origin with a GET to the page's own server, which a widget's page never is to the API. So the API is
// called by the other name of this machine.
const otherName = { localhost: "127.0.0.1", "127.0.0.1": "localhost" }[location.hostname];
const API = otherName ? `${location.protocol}//${otherName}:${location.port}` : location.origin;
const SOCKETS = `${API.replace(/^http/, "ws")}/ws`;

let call;
let website = null;
let visitorId = null;
/** What tells of news; null until it is known who listens. Without it the page asks, and says nothing of that. */
let live = null;
const conversations = new Map();
/** Until when the team has seen a conversation, by its id. */
const seenByTeam = new Map();
const typing = typists(render);
/** The conversation that is open, with what is known of its timeline; null where all are listed. */
let chat = null;

const box = outbox("visitor", send, render);

const refresh = poll(
  async () => {
    if (!website) await enter();
    const { conversations: listed } = await call("GET", "/v1/conversations?limit=100");
    for (const each of listed) conversations.set(each.id, newest(conversations.get(each.id), each));
    if (!chat && !side.dataset.isEntered) openFirst();
    side.dataset.isEntered = true;
    await readChat();
    render();
    await markSeen();
  },
  (failure) => say(find(".trouble"), failure && inWords(failure)),
  isLive,
);

/** Get what the widget shows of the website, and who the visitor is: the one of this browser, or a new one. */
async function enter() {
  const known = localStorage.getItem("visitor");
  const headers = { "X-Public-Key": publicKey, ...(known && { "X-Visitor-Id": known }) };
  website = await caller(API, headers)("GET", "/v1/websites");
  visitorId = website.visitor.id;
  // Who knows this id is the visitor: it is shown to nobody.
  localStorage.setItem("visitor", visitorId);
  call = caller(API, { "X-Public-Key": publicKey, "X-Visitor-Id": visitorId });
  const query = new URLSearchParams({ publicKey, visitorId });
  live = listen(`${SOCKETS}?${query}`, { hear, changed: refresh });
  box.flush();
}

function isLive() {
  return Boolean(live?.isOpen());
}

/** Put to what is known what has happened. It may have been known before. */
function hear(type, payload) {
  const { conversationId: id } = payload;
  const known = conversations.get(id);
  if (type === "conversationTyping") {
    typing.hear(payload);
  } else if (type === "conversationCreated") {
    conversations.set(id, payload.conversation);
  } else if (type === "timelineItemCreated" || type === "timelineItemUpdated") {
    typing.forget(id);
    if (chat?.id === id) Object.assign(chat, withItems(chat, [payload.item]));
    if (known) conversations.set(id, withLast(known, payload.item));
    else refresh();
  } else if (type === "conversationUpdated" && known) {
    conversations.set(id, { ...known, ...payload.updates });
  } else if (type === "conversationSeen" && payload.actorType === "user") {
    putSeen(id, payload.lastSeenAt);
  } else if (type === "conversationSeen" && known) {
    conversations.set(id, { ...known, visitorLastSeenAt: payload.lastSeenAt });
  }
  render();
  // If that fails, the next time will do.
  markSeen().catch(() => {});
}

/** Keep until when the team has seen a conversation, which never goes back. */
function putSeen(id, at) {
  if (at > (seenByTeam.get(id) ?? "")) seenByTeam.set(id, at);
}

function openFirst() {
  const last = sessionStorage.getItem("chat");
  if (last && (conversations.has(last) || box.waiting().some((message) => message.conversationId === last))) open(last);
  else if (conversations.size === 0 && box.waiting().length === 0) open(newId());
}

/** Open a conversation, one that exists or one that the first message opens, or the list. */
function open(id) {
  chat = id && unread(id);
  find(".end").scrollTop = 0;
  // This tab's, and only until it is closed.
  if (id) sessionStorage.setItem("chat", id);
  else sessionStorage.removeItem("chat");
  render();
  refresh();
}

async function readChat() {
  const read = chat;
  if (!read || !conversations.has(read.id)) return;
  await (isLive() ? readNewest : readNew)(call, read);
  const last = read.items.findLast(isMine);
  if (!last || last.createdAt <= (seenByTeam.get(read.id) ?? "")) return;
  const { seenData } = await call("GET", `/v1/conversations/${read.id}/seen`);
  for (const { userId, lastSeenAt } of seenData) if (userId) putSeen(read.id, lastSeenAt);
}

/** Tell that the open conversation is seen, if something in it was not, and if it is in sight. */
async function markSeen() {
  const conversation = conversations.get(chat?.id);
  if (!conversation || !isUnread(conversation) || !side.checkVisibility() || document.hidden) return;
  const { lastSeenAt } = await call("POST", `/v1/conversations/${conversation.id}/seen`);
  conversations.get(conversation.id).visitorLastSeenAt = lastSeenAt;
  render();
}

const isMine = (item) => Boolean(item.visitorId);

/** Whether the last message is the team's, and later than what the visitor has seen. Times compare as text. */
function isUnread({ lastTimelineItem: last, visitorLastSeenAt: seenAt }) {
  return Boolean(last && !last.visitorId && last.createdAt > (seenAt ?? ""));
}

/** Send a message of the outbox; made again, it stores nothing twice: its ids are the same. */
async function send({ id, conversationId, text, opens }) {
  const item = { id, text, visitorId };
  let stored;
  if (opens) {
    // Also for what was written before the conversation was there: what is not stored of it yet is added.
    const body = { conversationId, visitorId, defaultTimelineItems: [item] };
    const answer = await call("POST", "/v1/conversations", body);
    conversations.set(conversationId, answer.conversation);
    [stored] = answer.initialTimelineItems;
  } else {
    ({ item: stored } = await call("POST", "/v1/messages", { conversationId, item }));
  }
  if (chat?.id === conversationId) Object.assign(chat, withItems(chat, [stored]));
  if (!isLive()) refresh();
}

function write(text, conversationId) {
  find(".end").scrollTop = 0;
  box.add({ conversationId, text, opens: !conversations.has(conversationId) });
}

/** What can be done about a message that was refused for good. */
function actions(message) {
  const elsewhere = () => {
    box.discard(message);
    const id = newId();
    write(message.text, id);
    open(id);
  };
  return [
    message.code === "CONVERSATION_CLOSED" && ["Send in a new conversation", elsewhere],
    ["Try again", () => box.tryAgain(message)],
    ["Discard", () => box.discard(message)],
  ].filter(Boolean);
}

// What is shown ------------------------------------------------------------------------------------------------------

function render() {
  if (!website) return;
  const people = [...website.availableHumanAgents, ...website.availableAIAgents];
  say(find(".name"), website.name);
  say(find(".about"), website.description);
  find(".faces").replaceChildren(...people.slice(0, 3).map(({ name }) => face(name)));
  side.dataset.view = chat ? "chat" : "list";

  const unread = [...conversations.values()].filter(isUnread).length;
  for (const badge of document.querySelectorAll("[data-unread]")) say(badge, unread ? `${unread} new` : "");
  renderList();
  if (chat) renderChat(people);
}

function renderList() {
  const known = [...conversations.values()].sort((a, b) => (a.updatedAt < b.updatedAt ? 1 : -1));
  const begun = box.waiting().filter((message) => !conversations.has(message.conversationId));
  showRows(find(".conversations"), [
    ...[...new Map(begun.map((message) => [message.conversationId, message]))].map(([id, { text }]) => ({
      key: id,
      data: { id, text },
      make: conversationRow,
    })),
    ...known.map((conversation) => ({
      key: conversation.id,
      data: {
        id: conversation.id,
        text: preview(conversation.lastTimelineItem),
        status: conversation.status,
        at: conversation.updatedAt,
        unread: isUnread(conversation),
      },
      make: conversationRow,
    })),
  ]);
}

const conversationRow = ({ id, text, status, at, unread }) =>
  element("li", {},
    element("button", { type: "button", className: unread ? "unread" : "", onclick: () => open(id) },
      element("span", { className: "text", dir: "auto" }, text),
      unread && element("span", { className: "unseen" }, "New message"),
      status !== "open" && element("span", { className: "status" }, at ? "Closed" : "Not sent yet"),
      at && time(at)));

function renderChat(people) {
  const { id, items, cursor } = chat;
  const conversation = conversations.get(id);
  const waiting = box.waiting().filter((message) => message.conversationId === id);
  const nameOf = ({ visitorId: visitor, userId, aiAgentId }) =>
    visitor ? "You" : (people.find((one) => one.id === (userId ?? aiAgentId))?.name ?? website.name);
  find(".welcome").hidden = Boolean(cursor);
  find(".older").hidden = !cursor;
  const lastSeen = items.findLast((item) => isMine(item) && item.createdAt <= (seenByTeam.get(id) ?? ""));
  const note = (item) => item === lastSeen && "Seen";
  showRows(find(".timeline"), timelineRows(items, waiting, { isMine, nameOf, actions, note }));
  const typist = typing.in(id);
  say(find(".typing"), typist && `${nameOf({ ...typist, visitorId: null })} is typing …`);

  find(".rating").hidden = conversation?.status !== "resolved";
  const rating = conversation?.visitorRating;
  const question = "This conversation was resolved. How was it?";
  say(find(".rating legend"), rating ? `You rated ${rating} of 5. Thank you!` : question);
  for (const star of find(".rating").elements) {
    if (star.value) star.setAttribute("aria-pressed", String(Number(star.value) <= (rating ?? 0)));
  }
}

// What the visitor does ----------------------------------------------------------------------------------------------

const tell = (words) => say(find(".refusal"), words);

onText(find(".composer"), (text) => write(text, chat.id));
onTyping(find(".composer"), (isTyping) => {
  if (conversations.has(chat?.id)) live.send("conversationTyping", { conversationId: chat.id, isTyping });
});
for (const type of ["visibilitychange", "change"]) {
  // The tab, or on a phone this side, may have come into sight.
  document.addEventListener(type, () => markSeen().catch(() => {}));
}
find(".back").addEventListener("click", () => open(null));
find(".new").addEventListener("click", () => {
  open(newId());
  find("textarea").focus();
});
find(".older").addEventListener("click", async () => {
  await readOlder(call, chat, tell);
  render();
});
find(".rating").addEventListener("click", async ({ target }) => {
  if (!target.value) return;
  const { id } = chat;
  const body = { rating: Number(target.value) };
  const answer = await attempt(() => call("POST", `/v1/conversations/${id}/rating`, body), tell);
  if (answer) conversations.get(id).visitorRating = answer.rating;
  render();
});
// Another tab has stored another visitor, or none. Two tabs that open at once get an id each, and the last one counts.
addEventListener("storage", () => {
  if (visitorId && localStorage.getItem("visitor") !== visitorId) location.reload();
});
document.getElementById("new-visitor")?.addEventListener("click", () => {
  localStorage.clear();
  sessionStorage.clear();
  location.reload();
});
