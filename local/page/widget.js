// The visitor's side: what a widget does in a website's page, with the public key and the Origin that browsers send.

import { caller, insist, newId, poll, sign } from "./api.js";
import { composer, hasWords } from "./composer.js";
import { Conversations, readMissing } from "./conversations.js";
import { listen, onTyping, typists } from "./live.js";
import { outbox } from "./outbox.js";
import { tellOf } from "./presence.js";
import { browser, onOtherTab, tab } from "./storage.js";
import { readAgain, readNew, readOlder, Timeline } from "./timeline.js";
import { guarded, isGone, unlessGone } from "./trouble.js";
import { element, face, isSeen, keepPlace, preview, say, showRows, time, timelineRows } from "./view.js";

const { publicKey } = JSON.parse(document.getElementById("keys").textContent);
const side = document.getElementById("visitor");
const find = (selector) => side.querySelector(selector);

// Browsers send no Origin with a GET to the page's own server, which a widget's page never is to the API. So the API is
// called by the other name of this machine.
const otherName = { localhost: "127.0.0.1", "127.0.0.1": "localhost" }[location.hostname];
const API = otherName ? `${location.protocol}//${otherName}:${location.port}` : location.origin;
const SOCKETS = `${API.replace(/^http/, "ws")}/ws`;

const NOT_KEPT = "This browser stores nothing for this page: once you leave it, you can’t come back to what you wrote.";
const TITLE = document.title;

let call;
let website = null;
let visitorId = null;
/** What tells of news; null until it is known who listens. Without it the page asks, and says nothing of that. */
let live = null;
const conversations = new Conversations();
/** What the API has said of conversations that have expired or were erased, by their id. */
const gone = new Map();
/** Until when the team has seen a conversation, by its id. */
const seenByTeam = new Map();
const typing = typists(render);
/** The timeline of the conversation that is open; null where all are listed. */
let chat = null;

const tell = (words) => say(find(".refusal"), words);
const box = outbox("visitor", send, render);
const form = composer(find(".composer"), "visitor", {
  write,
  tell,
  zone: side,
  sign: (id, file) => sign((...call) => callAbout(id, ...call), website, id, file),
});

const refresh = poll(
  async () => {
    if (!website) await enter();
    await unlessGone(async () => {
      await readList();
      if (!chat && !side.dataset.isEntered) openFirst();
      side.dataset.isEntered = true;
      await readChat();
      await markSeen();
    });
    render();
  },
  (words) => say(find(".trouble"), words),
  isLive,
);

/** Get what the widget shows of the website, and who the visitor is: the one of this browser, or a new one. */
async function enter() {
  const stored = () => browser.get("visitor", (id) => /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id) && id);
  let answer;
  let known;
  do {
    known = stored();
    const headers = { "X-Public-Key": publicKey, ...(known && { "X-Visitor-Id": known }) };
    answer = await caller(API, headers)("GET", "/v1/websites");
    // Another tab may have stored a visitor meanwhile, and have written as that one: then this tab is that one, too.
  } while (stored() !== known);
  visitorId = answer.visitor.id;
  // Who knows this id is the visitor: it is shown to nobody.
  browser.put("visitor", visitorId);
  call = caller(API, { "X-Public-Key": publicKey, "X-Visitor-Id": visitorId });
  const query = new URLSearchParams({ publicKey, visitorId });
  live = listen(`${SOCKETS}?${query}`, { hear, changed: refresh });
  website = answer;
  tellOf(visitorId, call, TITLE);
  box.flush();
}

function isLive() {
  return Boolean(live?.isOpen());
}

/** Call the API about a conversation; one that has expired or was erased is so for the whole page. */
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
  gone.set(id, words);
  if (chat?.id === id) chat = new Timeline(id);
  render();
}

/** Put to what is known what has happened. It may have been known before. */
function hear(type, payload) {
  const { conversationId: id } = payload;
  if (type === "conversationTyping") {
    typing.hear(payload);
  } else if (type === "conversationCreated") {
    conversations.put(payload.conversation);
  } else if (type === "timelineItemCreated" || type === "timelineItemUpdated") {
    typing.forget(id);
    if (chat?.id === id) chat.put(payload.item);
    if (conversations.has(id)) conversations.putItem(id, payload.item);
    else refresh();
  } else if (type === "conversationUpdated") {
    conversations.change(id, payload.updates);
  } else if (type === "conversationSeen" && payload.actorType === "user") {
    putSeen(id, payload.lastSeenAt);
  } else if (type === "conversationSeen") {
    conversations.change(id, { visitorLastSeenAt: payload.lastSeenAt });
  }
  render();
  markSeenIfPossible();
}

/** Keep until when the team has seen a conversation, which never goes back. */
function putSeen(id, at) {
  if (at > (seenByTeam.get(id) ?? "")) seenByTeam.set(id, at);
}

async function readList() {
  const asked = conversations.ask();
  const { conversations: listed } = await call("GET", "/v1/conversations?limit=100");
  const ids = new Set(listed.map(({ id }) => id));
  for (const each of listed) conversations.put(each, asked);
  await readMissing(callAbout, conversations, conversations.all().filter(({ id }) => !ids.has(id)));
}

async function readChat() {
  const read = chat;
  if (!read || !conversations.has(read.id)) return;
  await (isLive() ? readAgain : readNew)(callAbout, read);
  render();
  const last = read.items.filter(isMine).pop();
  if (!last || last.createdAt <= (seenByTeam.get(read.id) ?? "")) return;
  const { seenData } = await callAbout(read.id, "GET", `/v1/conversations/${read.id}/seen`);
  for (const { userId, lastSeenAt } of seenData) if (userId) putSeen(read.id, lastSeenAt);
}

/** Tell that the open conversation is seen, if something in it was not, and if it is in sight. */
async function markSeen() {
  const conversation = conversations.get(chat?.id);
  if (!conversation || !isUnread(conversation) || !isSeen(side)) return;
  const { id } = conversation;
  const { lastSeenAt } = await callAbout(id, "POST", `/v1/conversations/${id}/seen`);
  conversations.change(id, { visitorLastSeenAt: lastSeenAt });
  render();
}

/** The same, where nobody has asked for anything: if it fails, the next time will do. */
function markSeenIfPossible() {
  markSeen().catch(() => {});
}

const isMine = (item) => Boolean(item.visitorId);

/** Whether the last message is the team's, and later than what the visitor has seen. Times compare as text. */
function isUnread({ lastTimelineItem: last, visitorLastSeenAt: seenAt }) {
  return Boolean(last && !last.visitorId && last.createdAt > (seenAt ?? ""));
}

/** Whether nothing more can be written in a conversation. */
const isEnded = (id) => gone.has(id) || (conversations.get(id)?.status ?? "open") !== "open";

const waitingIn = (id) => box.waiting().filter((message) => message.conversationId === id);

// What the visitor does ----------------------------------------------------------------------------------------------

function openFirst() {
  const last = tab.get("chat");
  if (last && (conversations.has(last) || waitingIn(last).length > 0)) open(last);
  else if (conversations.all().length === 0 && box.waiting().length === 0) open(newId());
}

/** Open a conversation, one that exists or one that the first message opens, or the list. */
function open(id) {
  chat = id && new Timeline(id);
  find(".end").scrollTop = 0;
  say(find(".introduced"), null);
  // This tab's, and only until it is closed.
  if (id) tab.put("chat", id);
  else tab.remove("chat");
  render();
  refresh();
}

function openNew() {
  // What was half written in one that has ended is for the new one.
  if (chat && isEnded(chat.id)) form.move(chat.id, "new");
  open(newId());
  form.focus();
}

/** Under what the draft of the open conversation is kept: of those that no message has opened yet there is one. */
function draftKey() {
  const { id } = chat;
  return conversations.has(id) || gone.has(id) || waitingIn(id).length > 0 ? id : "new";
}

function write({ text, parts, uploadedAt }, conversationId) {
  find(".end").scrollTop = 0;
  box.add({ conversationId, text, parts, uploadedAt, opens: !conversations.has(conversationId) });
}

/** Send a message of the outbox; made again, it stores nothing twice: its ids are the same. */
async function send({ id, conversationId, text, parts, opens }) {
  const item = { id, text: text || null, parts, visitorId };
  let stored;
  if (opens) {
    // Also for what was written before the conversation was there: what is not stored of it yet is added.
    const body = { conversationId, visitorId, defaultTimelineItems: [item] };
    const answer = await call("POST", "/v1/conversations", body);
    conversations.put(answer.conversation);
    [stored] = answer.initialTimelineItems;
  } else {
    ({ item: stored } = await callAbout(conversationId, "POST", "/v1/messages", { conversationId, item }));
  }
  if (chat?.id === conversationId) chat.put(stored);
  if (!isLive()) refresh();
}

/** What can be done about a message that was refused for good. */
function actions(message) {
  const elsewhere = () => {
    const id = newId();
    const hasFiles = message.parts.length > 0;
    // They were signed for this conversation.
    if (hasFiles && !form.takeBack(message, "new")) {
      tell("You have begun another message in a new conversation. Send it or clear it first.");
      return;
    }
    box.discard(message);
    if (!hasFiles) write(message, id);
    open(id);
  };
  const hasEnded = isEnded(message.conversationId);
  return [
    (hasEnded || message.code === "CONVERSATION_CLOSED") && ["Send in a new conversation", guarded(tell, elsewhere)],
    !hasEnded && ["Try again", guarded(tell, () => box.tryAgain(message))],
    ["Discard", guarded(tell, () => box.discard(message))],
  ].filter(Boolean);
}

const on = (selector, type, act) => {
  for (const each of side.querySelectorAll(selector)) each.addEventListener(type, guarded(tell, act));
};

on(".back", "click", () => open(null));
on(".new", "click", openNew);
on(".older", "click", async () => {
  const read = chat;
  await insist(() => readOlder(callAbout, read), tell);
  render();
});
on(".rating", "click", async ({ target }) => {
  if (!target.value) return;
  const { id } = chat;
  const body = { rating: Number(target.value) };
  const { rating } = await insist(() => callAbout(id, "POST", `/v1/conversations/${id}/rating`, body), tell);
  conversations.change(id, { visitorRating: rating });
  render();
});
on(".introduction", "submit", async (event) => {
  event.preventDefault();
  const { name, email } = Object.fromEntries(new FormData(event.target));
  const body = { visitorId, email, ...(hasWords(name) && { name }) };
  const fields = find(".introduction fieldset");
  fields.disabled = true;
  try {
    const { contact } = await insist(() => call("POST", "/v1/contacts/identify", body), tell);
    website.visitor.contact = contact;
  } finally {
    fields.disabled = false;
  }
  say(find(".introduced"), "Thank you! The team sees now who you are.");
  render();
  form.focus();
});
on(".later", "click", () => {
  browser.put("unnamed", "yes");
  render();
  form.focus();
});
onTyping(
  find(".composer"),
  () => (conversations.has(chat?.id) ? chat.id : null),
  (conversationId, isTyping) => live.send("conversationTyping", { conversationId, isTyping }),
);
for (const type of ["visibilitychange", "change"]) {
  // The tab, or on a phone this side, may have come into sight.
  document.addEventListener(type, markSeenIfPossible);
}
// Another tab has begun as a new visitor, or has cleared what is stored.
onOtherTab(() => {
  if (visitorId && browser.get("visitor") !== visitorId) location.reload();
});
document.getElementById("new-visitor")?.addEventListener("click", guarded(tell, () => {
  browser.clear();
  tab.clear();
  location.reload();
}));

// What is shown ------------------------------------------------------------------------------------------------------

function render() {
  if (!website) return;
  const people = [...website.availableHumanAgents, ...website.availableAIAgents];
  say(find(".name"), website.name);
  say(find(".about"), website.description);
  find(".faces").replaceChildren(...people.slice(0, 3).map(({ name }) => face(name)));
  say(find(".kept"), browser.isKept() ? null : NOT_KEPT);
  side.dataset.view = chat ? "chat" : "list";

  const unread = conversations.all().filter(isUnread).length;
  for (const badge of document.querySelectorAll("[data-unread]")) say(badge, unread ? `${unread} new` : "");
  document.title = unread ? `(${unread}) ${TITLE}` : TITLE;
  renderList();
  if (chat) keepPlace(find(".end"), find(".timeline"), () => renderChat(people));
}

function renderList() {
  const begun = box.waiting().filter((message) => !conversations.has(message.conversationId));
  showRows(find(".conversations"), [
    ...[...new Map(begun.map((message) => [message.conversationId, message]))].map(([id, message]) => ({
      key: id,
      data: { id, text: preview(message) },
      make: conversationRow,
    })),
    ...conversations.all().map((conversation) => ({
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
    element("button", { type: "button", className: unread ? "unread" : "", onclick: guarded(tell, () => open(id)) },
      element("span", { className: "text", dir: "auto" }, text),
      unread && element("span", { className: "unseen" }, "New message"),
      status !== "open" && element("span", { className: "status" }, at ? "Closed" : "Not sent yet"),
      at && time(at)));

function renderChat(people) {
  const { id, items, cursor } = chat;
  const conversation = conversations.get(id);
  const nameOf = ({ visitorId: visitor, userId, aiAgentId }) =>
    visitor ? "You" : (people.find((one) => one.id === (userId ?? aiAgentId))?.name ?? website.name);
  find(".welcome").hidden = Boolean(cursor) || gone.has(id);
  find(".older").hidden = !cursor;
  const lastSeen = items.filter((item) => isMine(item) && item.createdAt <= (seenByTeam.get(id) ?? "")).pop();
  const note = (item) => item === lastSeen && "Seen";
  showRows(find(".timeline"), timelineRows(items, waitingIn(id), { isMine, nameOf, actions, note, api: API }));
  const typist = typing.in(id);
  say(find(".typing"), typist && `${nameOf({ ...typist, visitorId: null })} is typing …`);

  find(".rating").hidden = conversation?.status !== "resolved";
  const rating = conversation?.visitorRating;
  const question = "This conversation was resolved. How was it?";
  say(find(".rating legend"), rating ? `You rated ${rating} of 5. Thank you!` : question);
  for (const star of find(".rating").elements) {
    if (star.value) star.setAttribute("aria-pressed", String(Number(star.value) <= (rating ?? 0)));
  }

  const isAsked = items.some(isMine) && !isEnded(id);
  find(".introduction").hidden = !isAsked || Boolean(website.visitor.contact || browser.get("unnamed"));
  find(".composer").hidden = isEnded(id);
  find(".ended").hidden = !isEnded(id);
  say(find(".ended p"), gone.get(id));
  form.show(draftKey(), id);
}
