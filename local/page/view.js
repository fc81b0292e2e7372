// What both sides show, and how. Text only ever becomes a text node: nothing that anybody wrote is read as HTML.

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
  element("span", { className: "face", title: name }, name.split(/\s+/, 2).map((word) => word[0]).join(""));

/** Whether an item names no author: it is neither side's, and shown so. */
export const isNobodys = ({ visitorId, userId, aiAgentId }) => !(visitorId || userId || aiAgentId);

/** Say what an item says, in one line. */
export const preview = (item) => item?.text || (item?.parts.length ? "Attachment" : "…");

/**
 * Make the rows of a timeline: what is stored, then what waits in the outbox under an id that is not stored yet.
 *
 * `isMine` tells whether this side wrote an item, `nameOf` who did if anybody did, `say` what an event says;
 * `actions` is what can be done about a message that was refused, as pairs of a word and a function.
 */
export function timelineRows(items, waiting, { isMine, nameOf, say = () => "", actions, note }) {
  const stored = new Set(items.map((item) => item.id));
  let before = null;
  const rows = items.map((item) => {
    const isMessage = item.type === "message";
    const author = isNobodys(item) ? "No author" : nameOf(item);
    const name = author + (item.visibility === "private" ? " (private note)" : "");
    const isNext = isMessage && name === before;
    before = isMessage ? name : null;
    const data = { item, name, isNext, isMine: isMine(item), words: isMessage ? null : say(item), note: note?.(item) };
    return { key: item.id, data, make: isMessage ? messageRow : eventRow };
  });
  const unsent = waiting.filter((message) => !stored.has(message.id)).map((message) => ({
    key: message.id,
    data: message,
    make: () => unsentRow(message, actions(message)),
  }));
  return [...rows, ...unsent];
}

function messageRow({ item, name, isMine, isNext, note }) {
  const side = isNobodys(item) ? "nobodys" : isMine ? "mine" : "theirs";
  const kind = [side, item.visibility === "private" && "private", isNext && "next"];
  return element("li", { className: `message ${kind.filter(Boolean).join(" ")}` },
    element("p", { className: "author" }, name, " ", time(item.createdAt)),
    item.text && element("p", { className: "text", dir: "auto" }, item.text),
    ...item.parts.filter((part) => part.url).map(attachment),
    note && element("p", { className: "state" }, note));
}

const attachment = ({ url, filename, title, mediaType }) =>
  element("p", { className: "text" },
    element("a", { href: url, target: "_blank", rel: "noreferrer" }, filename ?? title ?? mediaType ?? url));

const eventRow = ({ item, words }) => element("li", { className: "event" }, words, " ", time(item.createdAt));

function unsentRow({ text, visibility, problem, delay }, actions) {
  const kind = [visibility === "private" && "private", problem && "refused"].filter(Boolean).join(" ");
  return element("li", { className: `message mine unsent ${kind}` },
    element("p", { className: "text", dir: "auto" }, text),
    element("p", { className: "state" }, problem ? `Not sent. ${problem}` : (delay ?? "Sending …")),
    problem && element("p", { className: "actions" },
      ...actions.map(([words, act]) => element("button", { type: "button", onclick: act }, words))));
}

/** Let a form give its text to `write`: by its button, or by Enter; Shift and Enter begin a line. */
export function onText(form, write) {
  const field = form.querySelector("textarea");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!field.value.trim()) return;
    write(field.value);
    field.value = "";
  });
  field.addEventListener("keydown", (event) => {
    // A key that ends the composing of a character, as in Japanese, sends nothing.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
}
