// Messages that were written, and not answered with 200 yet.
//
// A message gets its id here, before it is sent for the first time, and is sent under it until it is answered. So it is
// never stored twice: after a lost answer the API finds it by its id. And it is never lost: it stands in the browser's
// storage meanwhile, and goes on after a reload. Another tab may send it, too; that is one more try under the same id.

import { inWords, newId, untilAnswered } from "./api.js";

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
  const put = (message) => localStorage.setItem(key(message.id), JSON.stringify(message));

  function waiting() {
    return Object.keys(localStorage)
      .filter((each) => each.startsWith(key("")))
      .map((each) => JSON.parse(localStorage.getItem(each)))
      .sort((a, b) => a.writtenAt - b.writtenAt)
      .map((message) => ({ ...message, delay: delays.get(message.id) }));
  }

  async function flush() {
    if (isSending) return;
    isSending = true;
    for (let message; (message = waiting().find((each) => !each.problem)); changed()) {
      const { delay: _, ...sent } = message;
      try {
        await untilAnswered(
          () => send(sent),
          (error) => {
            delays.set(sent.id, inWords(error));
            changed();
          },
        );
        localStorage.removeItem(key(sent.id));
      } catch (error) {
        // Refused for good: what to do about it is for the person who wrote it.
        put({ ...sent, problem: error.message, code: error.code });
      }
      delays.delete(sent.id);
    }
    isSending = false;
  }

  function add(message) {
    put({ id: newId(), writtenAt: Date.now(), ...message });
    changed();
    flush();
  }

  function discard(message) {
    localStorage.removeItem(key(message.id));
    changed();
  }

  function tryAgain({ problem: _, code: __, delay: ___, ...message }) {
    put(message);
    changed();
    flush();
  }

  return { waiting, flush, add, discard, tryAgain };
}
