// What happens, as soon as it happens: a WebSocket, opened again whenever it is lost.
//
// What comes may come twice, and something may never come: a side puts it to what it knows by its id, and reads what it
// may have missed each time that the socket has been opened.

// API Gateway closes a socket on which nothing comes or goes for ten minutes.
const PING_MS = 9 * 60_000;
const PONG_MS = 10_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;

/**
 * Listen at a URL, for as long as the page is there.
 *
 * `hear` is called with the type and the payload of what happens, `changed` whenever news begins or ceases to come.
 */
export function listen(url, { hear, changed }) {
  let socket = null;
  let isOpen = false;
  let wait = FIRST_WAIT_MS;
  let again;
  let silence;

  function connect() {
    clearTimeout(again);
    try {
      socket = new WebSocket(url);
    } catch {
      // The page's policy, or the browser's, allows none.
      lose();
      return;
    }
    socket.addEventListener("message", take);
    socket.addEventListener("close", lose);
  }

  function take({ data }) {
    clearTimeout(silence);
    if (data === "pong") return;
    const { type, payload } = JSON.parse(data);
    if (type === "CONNECTION_ESTABLISHED") {
      isOpen = true;
      wait = FIRST_WAIT_MS;
      changed();
    } else if (type) {
      hear(type, payload);
    }
  }

  function lose() {
    clearTimeout(silence);
    // It may take a minute to close one whose network has gone.
    socket?.removeEventListener("message", take);
    socket?.removeEventListener("close", lose);
    socket?.close();
    socket = null;
    // Not all clients at once, when the server is back.
    again = setTimeout(connect, wait * (0.5 + Math.random()));
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    if (isOpen) {
      isOpen = false;
      changed();
    }
  }

  /** Ask whether the socket still is one. A network that has gone tells nobody. */
  function probe() {
    if (socket?.readyState !== WebSocket.OPEN) return;
    socket.send("ping");
    clearTimeout(silence);
    silence = setTimeout(lose, PONG_MS);
  }

  setInterval(probe, PING_MS);
  addEventListener("offline", () => socket && lose());
  addEventListener("online", () => (socket ? probe() : connect()));
  document.addEventListener("visibilitychange", () => document.hidden || probe());
  connect();

  return {
    isOpen: () => isOpen,
    /** Tell the server something that may be lost. */
    send: (type, payload) => isOpen && socket.send(JSON.stringify({ type, payload })),
  };
}

const STILL_TYPING_MS = 4_000;
const STOPPED_TYPING_MS = 2_000;
const TYPING_SHOWN_MS = 6_000;

/**
 * Tell that somebody types in a form: at the first key, from time to time while they go on, and once they stop.
 *
 * `where` returns the conversation that they write in, or null where nobody is to know. `tell` is called with it, and
 * with whether they type.
 */
export function onTyping(form, where, tell) {
  let told = null;
  let pause;
  const stop = () => {
    clearTimeout(pause);
    if (told) tell(told.id, false);
    told = null;
  };
  form.addEventListener("submit", stop);
  form.elements.text.addEventListener("input", () => {
    const id = where();
    if (id !== told?.id) stop();
    if (!id) return;
    clearTimeout(pause);
    pause = setTimeout(stop, STOPPED_TYPING_MS);
    if (told && Date.now() - told.at < STILL_TYPING_MS) return;
    told = { id, at: Date.now() };
    tell(id, true);
  });
}

/** Remember who types where, until they stop, or have been silent for a while; then `changed` is called. */
export function typists(changed) {
  const known = new Map();
  const forget = (id) => {
    clearTimeout(known.get(id)?.end);
    known.delete(id);
  };
  return {
    in: (id) => known.get(id)?.payload,
    forget,
    hear(payload) {
      const { conversationId: id, isTyping } = payload;
      forget(id);
      if (!isTyping) return;
      const end = setTimeout(() => {
        known.delete(id);
        changed();
      }, TYPING_SHOWN_MS);
      known.set(id, { payload, end });
    },
  };
}
