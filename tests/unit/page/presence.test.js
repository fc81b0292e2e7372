// What the page tells of its visitor, by local/page/presence.js.

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { tellOf } from "../../../local/page/presence.js";

let told;
let events;
let now;
let intervals;
const real = { setInterval, now: Date.now };
const call = async (method, path, body) => void told.push({ method, path, body });
const types = () => told.map(({ body }) => body.activityType ?? "patch");

beforeEach(() => {
  [told, events] = [[], new EventTarget()];
  [now, intervals] = [0, []];
  Date.now = () => now;
  globalThis.setInterval = (act, ms) => void intervals.push({ act, ms, next: now + ms });
  const listen = (type, act) => events.addEventListener(type, act);
  const page = {
    document: { hidden: false, referrer: "https://search.example.com/?q=secret", addEventListener: listen },
    location: { href: "https://shop.example.com/orders?token=secret#secret", pathname: "/orders" },
    navigator: { language: "pt-PT" },
    screen: { width: 1920, height: 1080 },
    innerWidth: 1280,
    innerHeight: 720,
    addEventListener: listen,
  };
  for (const [name, value] of Object.entries(page)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
});

afterEach(() => {
  Date.now = real.now;
  globalThis.setInterval = real.setInterval;
});

/** Let time pass, by the clock that the page asks. */
function tick(ms) {
  for (const end = now + ms; now < end; now += 1_000) {
    for (const interval of intervals) {
      if (now + 1_000 >= interval.next) {
        interval.next += interval.ms;
        interval.act();
      }
    }
  }
}

const come = () => ["visibilitychange", "focus"].forEach((type) => events.dispatchEvent(new Event(type)));

test("a load tells once where the visitor is, without what an address may hold as a secret", () => {
  tellOf("v", call, "Orders");

  assert.deepEqual(types(), ["patch", "connected"]);
  const [{ method, path, body }] = told;
  assert.deepEqual([method, path, body.language, body.viewport], ["PATCH", "/v1/visitors/v", "pt-PT", "1280x720"]);
  const { updatedAt, ...page } = body.currentPage;
  assert.deepEqual(page, {
    url: "https://shop.example.com/orders",
    path: "/orders",
    title: "Orders",
    referrerUrl: "https://search.example.com/",
  });
  assert.match(updatedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test("a visitor who stays is told every two minutes, as long as the page is in sight", () => {
  tellOf("v", call, "Orders");

  tick(240_000);
  document.hidden = true;
  tick(240_000);

  assert.deepEqual(types(), ["patch", "connected", "heartbeat", "heartbeat"]);
});

test("a visitor who comes back is told once, and not each time where they go to and fro", () => {
  tellOf("v", call, "Orders");

  come();
  tick(10_000);
  document.hidden = true;
  come();
  assert.deepEqual(types(), ["patch", "connected"]);
  document.hidden = false;
  come();
  tick(9_000);
  come();

  assert.deepEqual(types(), ["patch", "connected", "focus"]);
});

test("where it fails nobody is told", async () => {
  const failures = [];
  const hear = (error) => failures.push(error);
  process.on("unhandledRejection", hear);

  tellOf("v", () => Promise.reject(new Error("no network")), "Orders");
  await new Promise((resolve) => { setImmediate(resolve); });

  process.off("unhandledRejection", hear);
  assert.deepEqual(failures, []);
});
