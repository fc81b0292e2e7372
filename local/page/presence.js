// What the page tells of its visitor: who is there, and where. Nothing of it is needed to chat, so where it fails nobody
// is told.

const HEARTBEAT_MS = 120_000;
const FOCUS_MS = 10_000;

/** Tell of a visitor for as long as the page is there; `call` calls the API with their id, `title` is the page's. */
export function tellOf(visitorId, call, title) {
  let toldAt;
  const tell = (method, path, body) => call(method, path, body).catch(() => {});

  function tellActivity(activityType) {
    toldAt = Date.now();
    tell("POST", "/v1/visitors/activity", { activityType });
  }

  function focus() {
    // A tab that comes into sight has two events, and somebody may go to and fro.
    if (!document.hidden && Date.now() - toldAt >= FOCUS_MS) tellActivity("focus");
  }

  tell("PATCH", `/v1/visitors/${visitorId}`, {
    language: navigator.language,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    screenResolution: `${screen.width}x${screen.height}`,
    viewport: `${innerWidth}x${innerHeight}`,
    currentPage: {
      url: withoutQuery(location.href),
      path: location.pathname,
      title,
      referrerUrl: document.referrer ? withoutQuery(document.referrer) : null,
      updatedAt: new Date().toISOString(),
    },
  });
  tellActivity("connected");
  setInterval(() => document.hidden || tellActivity("heartbeat"), HEARTBEAT_MS);
  addEventListener("focus", focus);
  document.addEventListener("visibilitychange", focus);
}

/** A query, and what stands after #, may hold a secret. */
const withoutQuery = (url) => url.replace(/[?#].*/s, "");
