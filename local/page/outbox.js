// Messages that were written, and have no 200 yet.
//
// A message gets its id here, before it is sent for the first time, and is sent under it until it is answered. So it is
// never stored twice: after a lost response the API finds it by its id. And it is never lost: it stands in the browser's
// storage until then, and goes on after a reload. Another tab may send it, too; that is one more try under the same id.

import { newId, untilAnswered } from "./api.js";
import { areKept } from "./attachments.js";
import { browser, onOtherTab } from "./storage.js";
import { inWords } from "./trouble.js";

const NOT_KEPT = "Its files were kept for a day only. Attach them again, to a new message.";

/**
 * Return the outbox of one side.
 *
 * `send` sends a message and throws what `caller` throws; `changed` is called whenever something is to be shown anew.
 */
export function outbox(name, send, changed) {
  const delays = new Map();
  let isSending = false;

  // An entry each: tabs that rewrote one list would lose each other's messages.
  const key = (id) => `outbox/${name}/${id}`;
  const put = (message) => browser.put(key(message.id), JSON.stringify(message));

  function parse(text) {
    const message = JSON.parse(text);
    return [message.id, message.conversationId, message.text].every((each) => typeof each === "string")
      && { parts: [], ...message };
  }

  function waiting() {
    return browser.keys(key(""))
      .map((each) => browser.get(each, parse))
      .filter(Boolean)
      .sort((a, b) => a.writtenAt - b.writtenAt)
      .map((message) => ({ ...message, delay: delays.get(message.id) }));
  }

  async function flush() {
    if (isSending) return;
    isSending = true;
    try {
      for (let message; (message = waiting().find((each) => !each.problem)); changed()) await finish(message);
    } finally {
      isSending = false;
    }
  }

  /** Send a message until it is answered. */
  async function finish({ delay: _, ...message }) {
    if (message.parts.length > 0 && !areKept(message.uploadedAt)) {
      put({ ...message, problem: NOT_KEPT });
      return;
    }
    try {
      await untilAnswered(() => send(message), (words) => {
        delays.set(message.id, words);
        changed();
      });
      browser.remove(key(message.id));
    } catch (error) {
      // Refused for good: what to do about it is for the person who wrote it. Another tab may have sent it by now.
      if (browser.get(key(message.id))) put({ ...message, problem: inWords(error), code: error.code });
    }
    delays.delete(message.id);
  }

  function add(message) {
    put({ id: newId(), writtenAt: Date.now(), ...message });
    changed();
    flush();
  }

  function discard(message) {
    browser.remove(key(message.id));
    changed();
  }

  function tryAgain({ problem: _, code: __, delay: ___, ...message }) {
    put(message);
    changed();
    flush();
  }

  onOtherTab((changedKey) => changedKey?.startsWith(key("")) && changed());
  return { waiting, flush, add, discard, tryAgain };
}
