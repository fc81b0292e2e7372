// The company's side. What is here belongs on a server: a private key reads and writes every conversation of its
// website. This page has one only because the key is a demo's, and worth nothing outside this machine.

import { attempt, caller, inWords, poll, readOlder, withItem, withNewest } from "./api.js";
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
let status = "open";
let pages = 1;
let listed = [];
let hasMore = false;
/** The conversation that is read, with what is known of its timeline. */
let chat = null;

const box = outbox("team", send, render);

const refresh = poll(
  async () => {
    if (!website) await enter();
    await readList();
    await readChat();
    render();
  },
  (failure) => say(find(".trouble"), failure && inWords(failure)),
);

async function enter() {
  website = await call("GET", "/v1/websites");
  // Who of the team acts: the author of answers and notes, and of what is done to a status.
  const actor = website.availableHumanAgents[0]?.id ?? "team";
  call = caller(location.origin, { Authorization: `Bearer ${privateKey}`, "X-Actor-User-Id": actor });
  box.flush();
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
  listed = items;
  hasMore = cursor !== null;
}

async function readChat() {
  const read = chat;
  if (!read) return;
  const path = `/v1/conversations/${read.id}`;
  const [{ conversation }, page] = await Promise.all([call("GET", path), call("GET", `${path}/timeline`)]);
  Object.assign(read, { conversation }, withNewest(read, page));
}

function open(conversation) {
  chat = conversation && { id: conversation.id, conversation, items: [], cursor: null };
  find(".end").scrollTop = 0;
  render();
  refresh();
}

/** Send an answer or a note of the outbox. */
async function send({ id, conversationId, text, visibility }) {
  const { item } = await call("POST", "/v1/messages", { conversationId, item: { id, text, visibility } });
  if (chat?.id === conversationId) Object.assign(chat, withItem(chat, item));
  refresh();
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
  await attempt(() => call("POST", `/v1/conversations/${id}/${verb}`), tell);
  refresh();
}

onText(find(".composer"), (text) => {
  find(".end").scrollTop = 0;
  box.add({ conversationId: chat.id, text, visibility: find("[name=visibility]:checked").value });
});
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
