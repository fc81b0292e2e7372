// Where somebody writes: a form with a field `text`, files and what else belongs to a message, with a draft of each
// conversation. A draft is what all of the form's fields hold, so a form with more of them needs no more code. Its files
// stay with the page alone: no browser keeps them over a reload.

import { isServed, put } from "./api.js";
import { Attachments, summary, upload } from "./attachments.js";
import { onPick } from "./picking.js";
import { tab } from "./storage.js";
import { guarded } from "./trouble.js";
import { fileRow, say, showProgress, showRows } from "./view.js";

const NOT_SENT = "A file was not attached. Go back to its conversation to try it again, or to send without it.";

/** Whether a text has anything to see: there are many signs that show nothing. */
export const hasWords = (text) => /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800]/u.test(text);

/**
 * Let somebody write in a form: by its button, or by Enter; Shift and Enter begin a line. Files are picked by a button,
 * or dropped and pasted in `zone`, and the message waits until all of them are uploaded.
 *
 * `write` is called with the form's fields and the files as `parts`; where it throws, they stay in the form, and `tell`
 * is called with the reason. `sign` gets the address to upload a file to.
 */
export function composer(form, side, { write, tell, zone, sign }) {
  const field = form.elements.text;
  const find = (selector) => form.querySelector(selector);
  const key = (id) => `draft/${side}/${id}`;
  let shown = null;
  let conversationId = null;
  /** The files of each draft that has some, by its conversation. */
  const attached = new Map();
  /** What was picked, by the address of its upload: a message that is refused may have to go elsewhere. */
  const picked = new Map();

  // The text apart: some browsers give its lines other ends here.
  const fields = () => ({
    ...Object.fromEntries([...new FormData(form)].filter(([, value]) => typeof value === "string")),
    text: field.value,
  });
  form.reset();
  const empty = fields();

  const filesOf = (id) => attached.get(id)?.files ?? [];

  function draftOf(id) {
    if (id === shown) return fields();
    const { files: _, ...draft } = tab.get(key(id), JSON.parse) ?? {};
    return { ...empty, ...draft };
  }

  function keep() {
    const names = filesOf(shown).map(({ name }) => name);
    const draft = { ...fields(), ...(names.length > 0 && { files: names }) };
    if (JSON.stringify(draft) === JSON.stringify(empty)) tab.remove(key(shown));
    else tab.put(key(shown), JSON.stringify(draft));
  }

  function fill() {
    form.reset();
    const draft = tab.get(key(shown), JSON.parse) ?? {};
    for (const [name, value] of Object.entries(draft)) {
      if (form.elements[name]) form.elements[name].value = value;
    }
    const lost = filesOf(shown).length === 0 && draft.files;
    say(find(".unattached"), lost && `A page that is loaded again has no files. Attach them again: ${lost.join(", ")}.`);
    renderFiles();
    grow();
  }

  /** Let the field be as high as its lines, where the style sheet can't. */
  function grow() {
    if (CSS.supports("field-sizing", "content")) return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  }

  /** Send what a draft holds, or let it wait until its files are uploaded. */
  function send(id) {
    const attachments = attached.get(id);
    const isWithFiles = filesOf(id).length > 0;
    const given = draftOf(id);
    if (!hasWords(given.text) && !isWithFiles) return;
    attachments?.renew();
    if (isWithFiles && !attachments.isReady) {
      const { failed } = attachments;
      attachments.isAwaited = !failed;
      say(find(".unattached"), failed && `“${failed.name}” is not attached. Try it again or remove it, and send then.`);
      uploadAll(id);
      return;
    }
    const files = isWithFiles && { parts: attachments.parts, uploadedAt: attachments.uploadedAt };
    attached.delete(id);
    if (id === shown) field.value = "";
    try {
      write({ parts: [], ...given, ...files }, attachments?.conversationId ?? conversationId);
    } catch (error) {
      if (isWithFiles) attached.set(id, attachments);
      if (id === shown) field.value = given.text;
      throw error;
    }
    for (const { url, file } of attachments?.files ?? []) picked.set(url, file);
    // The first message opens its conversation, which has another draft.
    if (id === shown) keep();
    else tab.remove(key(id));
    say(find(".unattached"), null);
    renderFiles();
    grow();
  }

  /** Upload the files of a draft, and send it once they are there, where that was asked for. */
  function uploadAll(id) {
    const attachments = attached.get(id);
    const changed = () => {
      renderFiles();
      // By then it may be the draft of another conversation, under which `move` has put it.
      const [now] = [...attached].find(([, each]) => each === attachments) ?? [];
      if (now && attachments.isAwaited && attachments.isReady) guarded(tell, () => send(now))();
      const isInSight = now === shown && form.getClientRects().length > 0;
      if (now && attachments.failed && !isInSight) tell(NOT_SENT);
    };
    for (const one of filesOf(id)) {
      if (one.state === "picked") upload(attachments, one, { sign, put, isServed, changed });
    }
    renderFiles();
  }

  function pick(files) {
    if (!attached.has(shown)) attached.set(shown, new Attachments());
    const attachments = attached.get(shown);
    attachments.moveTo(conversationId);
    say(find(".unattached"), attachments.pick(files).join(" "));
    keep();
    uploadAll(shown);
    field.focus();
  }

  function renderFiles() {
    const attachments = attached.get(shown);
    const isAwaited = Boolean(attachments?.isAwaited);
    const remove = (one) => {
      attachments.remove(one);
      say(find(".unattached"), null);
      keep();
      renderFiles();
      field.focus();
    };
    const again = (one) => {
      attachments.pickAgain(one);
      say(find(".unattached"), null);
      uploadAll(shown);
    };
    showRows(find(".files"), filesOf(shown).map(({ upload: _, percent: __, file, ...data }, place) => {
      const one = attachments.files[place];
      return { key: one, data, make: () => fileRow(one, { remove: () => remove(one), again: () => again(one) }) };
    }));
    for (const row of find(".files").children) showProgress(row, row.key.percent);
    say(find(".attached"), summary(filesOf(shown), isAwaited));
    find(".awaited").hidden = !isAwaited;
    field.readOnly = isAwaited;
  }

  for (const type of ["input", "change"]) {
    form.addEventListener(type, () => {
      keep();
      grow();
    });
  }
  form.addEventListener("submit", guarded(tell, (event) => {
    event.preventDefault();
    send(shown);
  }));
  find(".awaited button").addEventListener("click", () => {
    attached.get(shown).isAwaited = false;
    renderFiles();
    field.focus();
  });
  field.addEventListener("keydown", (event) => {
    // A key that ends the composing of a character, as in Japanese, sends nothing. Safari has ended it by then, and
    // says so by this code alone.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    find("[type=submit]").click();
  });
  onPick(form, zone, pick);

  return {
    fields,
    /** Show a draft, which is for a conversation: by its id, or by one name for all that have not begun. */
    show(id, forConversation) {
      if (id === shown && forConversation === conversationId) return;
      const isOther = id !== shown;
      [shown, conversationId] = [id, forConversation];
      attached.get(id)?.moveTo(conversationId);
      if (isOther) fill();
      if (attached.has(id)) uploadAll(id);
    },
    /** Give a conversation the draft of another one, unless it has one. */
    move(from, to) {
      const draft = tab.get(key(from));
      if (!draft || tab.get(key(to))) return;
      tab.put(key(to), draft);
      tab.remove(key(from));
      if (attached.has(from)) attached.set(to, attached.get(from));
      attached.delete(from);
    },
    /**
     * Make a message that was refused a draft again, to be sent once its files are uploaded for where it is shown;
     * false where there is a draft.
     */
    takeBack({ text, ...message }, id) {
      if (tab.get(key(id))) return false;
      const attachments = new Attachments();
      attachments.takeBack(message, (url) => picked.get(url));
      attachments.isAwaited = true;
      attached.set(id, attachments);
      tab.put(key(id), JSON.stringify({ ...empty, text, files: filesOf(id).map(({ name }) => name) }));
      if (id === shown) fill();
      return true;
    },
    focus: () => field.focus(),
  };
}
