// Calls to the API, and when to make one again.

import { inWords, isPassing, NotUploaded, Refused, Unreachable } from "./trouble.js";

const TIMEOUT_MS = 15_000;
const POLL_SECONDS = 2;
const LONGEST_WAIT_SECONDS = 30;

/** Return a function that calls the API and gives its response; it throws `Refused` or `Unreachable`. */
export function caller(base, headers) {
  return async (method, path, body) => {
    const stop = new AbortController();
    const request = new Request(base + path, {
      method,
      headers: body ? { ...headers, "Content-Type": "application/json" } : headers,
      body: body && JSON.stringify(body),
      signal: stop.signal,
    });
    const timer = setTimeout(() => stop.abort(), TIMEOUT_MS);
    try {
      const response = await fetch(request);
      if (!response.ok) throw new Refused(response, await response.json().catch(() => ({})));
      return await response.json();
    } catch (error) {
      throw error instanceof Refused ? error : new Unreachable(error.message);
    } finally {
      clearTimeout(timer);
    }
  };
}

/** Get the address to upload a file to, of a website's conversation, which need not exist yet. */
export const sign = (call, { id: websiteId, organizationId }, conversationId, { name, type }) =>
  call("POST", "/v1/uploads/sign-url", {
    contentType: type,
    websiteId,
    scope: { type: "conversation", organizationId, websiteId, conversationId },
    fileName: name,
  });

/** Upload a file to such an address, and tell how many percent have gone; throws `NotUploaded`. */
export const put = (url, { file, type }, tell, signal) => new Promise((resolve, reject) => {
  // `fetch` tells nothing of what has gone.
  const request = new XMLHttpRequest();
  request.open("PUT", url);
  request.setRequestHeader("Content-Type", type);
  request.upload.addEventListener("progress", ({ loaded, total }) => tell(Math.floor((100 * loaded) / total)));
  request.addEventListener("loadend", () => {
    if (request.status >= 200 && request.status < 300) resolve();
    else reject(new NotUploaded());
  });
  signal.addEventListener("abort", () => request.abort());
  request.send(file);
});

/** Whether a file that was uploaded is served. Where that can't be asked, it may be. */
export async function isServed(url) {
  try {
    return (await fetch(url, { redirect: "manual" })).status !== 404;
  } catch {
    return true;
  }
}

/** Make a call until it is answered. Only one that may be repeated: with the ids that it had the first time. */
export async function untilAnswered(call, tellDelay) {
  for (let wait = 0.5; ; wait = Math.min(wait * 2, LONGEST_WAIT_SECONDS)) {
    try {
      return await call();
    } catch (error) {
      if (!isPassing(error)) throw error;
      tellDelay(inWords(error));
      // Randomised, so that clients do not retry in step when the server is back.
      await pause(error.retryAfter ?? wait * (1 + Math.random()));
    }
  }
}

/** Make a call that somebody has asked for until it is answered; tell in words what delays it, and null once it is. */
export async function insist(call, tell) {
  const answer = await untilAnswered(call, tell);
  tell(null);
  return answer;
}

/**
 * Call `refresh` every few seconds while the page is seen, and tell each time in words what failed, or null. Once it
 * has succeeded and `isLive` says that news comes by itself, it is not called until somebody asks for it.
 *
 * Returns what calls it at once.
 */
export function poll(refresh, tell, isLive) {
  let isDue;
  let ring = () => {};
  const loop = async () => {
    for (;;) {
      isDue = false;
      const failure = await refresh().then(() => null, (error) => error);
      tell(failure && inWords(failure));
      if (isDue) continue;
      const rung = new Promise((resolve) => { ring = resolve; });
      const wait = failure && !isPassing(failure) ? LONGEST_WAIT_SECONDS : POLL_SECONDS;
      if (!failure && isLive()) await rung;
      else await Promise.race([pause(failure?.retryAfter ?? wait).then(untilSeen), rung]);
    }
  };
  loop();
  return () => {
    isDue = true;
    ring();
  };
}

const pause = (seconds) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function untilSeen() {
  while (document.hidden) {
    await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
  }
}

/** An id that nobody can guess: 128 random bits. (`randomUUID` is not in every browser, nor on a page without https.) */
export const newId = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
