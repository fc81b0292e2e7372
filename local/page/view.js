// What both sides show, and how. Text only ever becomes a text node: nothing that anybody wrote is read as HTML.

import { isImage, sizeInWords } from "./attachments.js";
import { isFileOf, isUrl, split } from "./links.js";

/** Make an element with properties and children; strings are text, and what is false or null is left out. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child || child === 0));
  return made;
}

/**
 * Show rows in a list: each has a `key`, the `data` that it shows, and `make`, which makes its content of them.
 *
 * Rows whose data are the same stay as they are, so that focus, scrolling and screen readers keep their place.
 */
export function showRows(list, rows) {
  const shown = new Map([...list.children].map((row) => [row.key, row]));
  const focused = document.activeElement;
  const focusedRow = [...list.children].find((row) => row.contains(focused));
  const next = rows.map(({ key, data, make }) => {
    const json = JSON.stringify(data);
    const old = shown.get(key);
    return old?.json === json ? old : Object.assign(make(data), { key, json });
  });
  next.forEach((row, place) => {
    if (list.children[place] !== row) list.insertBefore(row, list.children[place] ?? null);
  });
  while (list.children.length > next.length) list.lastElementChild.remove();
  if (focusedRow && document.activeElement !== focused) {
    const row = next.find(({ key }) => key === focusedRow.key);
    (focused.isConnected ? focused : row?.querySelector("button"))?.focus();
  }
}

/**
 * Change what a scrolled element holds, and leave in place what somebody reads there. At its end it stays at the end.
 *
 * Browsers do so by themselves, but not all of them, and from an element of their choice: it may be the button above.
 */
export function keepPlace(scrolled, list, change) {
  const place = (row) => row.getBoundingClientRect();
  const isAtEnd = scrolled.scrollTop > -1;
  const read = !isAtEnd && [...list.children].find((row) => place(row).bottom > place(scrolled).top);
  const top = read && place(read).top;
  change();
  const now = read && [...list.children].find(({ key }) => key === read.key);
  if (now) scrolled.scrollTop += place(now).top - top;
}

/** Whether somebody can see an element now. */
export const isSeen = (shown) => !document.hidden && shown.getClientRects().length > 0;

/** Show a sentence, or hide its place. */
export function say(place, words) {
  place.hidden = !words;
  if (place.textContent !== (words ?? "")) place.textContent = words ?? "";
}

/** Show when something was: the time today, the day before that. */
export function time(iso) {
  const date = new Date(iso);
  const isToday = date.toDateString() === new Date().toDateString();
  const style = isToday ? { hour: "2-digit", minute: "2-digit" } : { month: "short", day: "numeric" };
  return element("time", { dateTime: iso, title: date.toLocaleString() }, date.toLocaleString(undefined, style));
}

/** Show a name as its initials. */
export const face = (name) =>
  element("span", { className: "face", title: name }, name.trim().split(/\s+/, 2).map((word) => [...word][0]).join(""));

/** Whether an item names no author: it is neither side's, and shown so. */
export const isNobodys = ({ visitorId, userId, aiAgentId }) => !(visitorId || userId || aiAgentId);

/** Say what an item says, in one line. */
export const preview = (item) => item?.text || (item?.parts.length ? "Attachment" : "…");

/** Show a text with its links. */
const written = (text) => split(text).map((piece) => (piece.href ? link(piece.href, piece.text) : piece.text));

/** Show a link, which says to nobody where it was followed from. */
export const link = (href, words) => element("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, words);

/**
 * Make the rows of a timeline: what is stored, then what waits in the outbox under an id that is not stored yet.
 *
 * `isMine` tells whether this side wrote an item, `nameOf` who did if anybody did, `say` what an item says that is no
 * message; without words it is not shown. `actions` is what can be done about a message that was refused, as pairs of a
 * word and a listener; `note` is what to say below an item; `remove` takes a message away, where this side may. `api` is
 * the address of the API: images are shown of its files alone.
 */
export function timelineRows(items, waiting, { isMine, nameOf, say = () => "", actions, note, remove, api }) {
  const stored = new Set(items.map((item) => item.id));
  let before = null;
  const rows = items.flatMap((item) => {
    const isMessage = item.type === "message";
    const words = isMessage ? null : say(item);
    if (words === "") return [];
    const author = isNobodys(item) ? "No author" : nameOf(item);
    const name = author + (item.visibility === "private" ? " (private note)" : "");
    const isNext = isMessage && name === before;
    before = isMessage ? name : null;
    const data = { item, name, isNext, isMine: isMine(item), words, note: note?.(item) };
    return [{ key: item.id, data, make: isMessage ? (shown) => messageRow(shown, remove, api) : eventRow }];
  });
  const unsent = waiting.filter((message) => !stored.has(message.id)).map((message) => {
    const possible = message.problem ? actions(message) : [];
    const data = { message, possible: possible.map(([words]) => words) };
    return { key: message.id, data, make: () => unsentRow(message, possible, api) };
  });
  return [...rows, ...unsent];
}

const REMOVE = "Delete message";

function messageRow({ item, name, isMine, isNext, note }, remove, api) {
  const side = isNobodys(item) ? "nobodys" : isMine ? "mine" : "theirs";
  const kind = [side, item.visibility === "private" && "private", isNext && "next"];
  return element("li", { className: `message ${kind.filter(Boolean).join(" ")}` },
    element("p", { className: "author" }, name, " ", time(item.createdAt)),
    item.text && element("p", { className: "text", dir: "auto" }, ...written(item.text)),
    ...item.parts.filter((part) => part.url).map((part) => attachment(part, api)),
    remove && element("button", { type: "button", className: "remove", title: REMOVE, onclick: () => remove(item) },
      element("span", { className: "unseen" }, REMOVE), "×"),
    note && element("p", { className: "state" }, note));
}

/** Show a file or a source: an image of ours as one, everything else as a link to it. */
function attachment({ type, url, filename, title, mediaType, size }, api) {
  const words = filename ?? title ?? mediaType ?? url;
  const row = element("p", { className: "text" }, isUrl(url) ? link(url, words) : words);
  if (!isFileOf(api, url)) return row;
  const download = Object.assign(link(url, words), { download: filename ?? "" });
  const chip = element("p", { className: "attachment" }, download,
    size && element("span", { className: "size" }, sizeInWords(size)));
  if (type !== "image") return chip;
  const image = element("img", { alt: words, loading: "lazy", referrerPolicy: "no-referrer" });
  image.addEventListener("error", () => image.closest("p").replaceWith(chip));
  image.src = url;
  return element("p", { className: "attachment" }, link(url, image));
}

/** Show a file of the message that is being written. */
export function fileRow({ file, name, type, size, state, problem, delay }, { remove, again }) {
  const isOnItsWay = state === "signing" || state === "uploading";
  const words = `${isOnItsWay ? "Cancel" : "Remove"} ${name}`;
  const progress = isOnItsWay && element("progress", { max: 100 });
  if (progress) progress.setAttribute("aria-label", `Upload of ${name}`);
  return element("li", { className: state },
    file && isImage(type) && thumbnail(file),
    element("div", {},
      element("p", {},
        element("span", { className: "name", dir: "auto" }, name),
        element("span", { className: "size" }, sizeInWords(size))),
      progress,
      (problem || delay) && element("p", { className: "problem" }, problem ?? delay),
      state === "failed" && file && element("button", { type: "button", onclick: again },
        "Try again", element("span", { className: "unseen" }, `: ${name}`))),
    element("button", { type: "button", title: words, onclick: remove },
      element("span", { className: "unseen" }, words), "×"));
}

function thumbnail(file) {
  const image = element("img", { alt: "", src: URL.createObjectURL(file) });
  for (const type of ["load", "error"]) image.addEventListener(type, () => URL.revokeObjectURL(image.src));
  // What is no image is shown by its name.
  image.addEventListener("error", () => image.remove());
  return image;
}

/** Show in a file's row how many percent of it have gone. */
export function showProgress(row, percent) {
  const progress = row.querySelector("progress");
  if (progress) progress.value = percent;
}

const eventRow = ({ item, words }) => element("li", { className: "event" }, words, " ", time(item.createdAt));

/** How much is shown of what was not sent: it may be far more than can be. */
const UNSENT_CHARACTERS = 10_000;

function unsentRow({ text, parts, visibility, problem, delay }, actions, api) {
  const kind = [visibility === "private" && "private", problem && "refused"].filter(Boolean).join(" ");
  return element("li", { className: `message mine unsent ${kind}` },
    text && element("p", { className: "text", dir: "auto" }, ...written(text.slice(0, UNSENT_CHARACTERS))),
    ...parts.map((part) => attachment(part, api)),
    element("p", { className: "state" }, problem ? `Not sent. ${problem}` : (delay ?? "Sending …")),
    actions.length > 0 && element("p", { className: "actions" },
      ...actions.map(([words, onclick]) => element("button", { type: "button", onclick }, words))));
}
