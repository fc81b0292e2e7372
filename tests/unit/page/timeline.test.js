// The timeline of local/page/timeline.js, over every order in which what is asked for may be answered.

import assert from "node:assert/strict";
import { test } from "node:test";

import { readAgain, readNew, readOlder, Timeline } from "../../../local/page/timeline.js";

const PAGE = 3;

const text = (number) => String(number).padStart(6, "0");
const item = (number, minute = number) => ({ id: `m${number}`, createdAt: text(minute), text: `Message ${number}` });
const ids = (items) => items.map(({ id }) => id);

/** A server with a timeline of some items, which answers as it is when it is asked. */
function aServer(count) {
  const items = Array.from({ length: count }, (_, number) => item(number));
  const taken = new Map();
  return {
    items,
    add() {
      items.push(item(items.length + taken.size));
      return items[items.length - 1];
    },
    takeAway(place) {
      const [one] = items.splice(place, 1);
      taken.set(one.id, one);
      return { ...one, text: null, deletedAt: "now" };
    },
    get(path) {
      const { searchParams: query } = new URL(path, "http://api");
      const createdAt = (id) => (items.find((one) => one.id === id) ?? taken.get(id)).createdAt;
      if (query.has("after")) {
        const rest = items.filter((one) => one.createdAt > createdAt(query.get("after")));
        return { items: rest.slice(0, PAGE), nextCursor: null, hasNextPage: rest.length > PAGE };
      }
      const before = query.has("cursor") ? items.filter((one) => one.createdAt < createdAt(query.get("cursor"))) : items;
      const page = before.slice(-PAGE);
      const hasOlder = before.length > PAGE;
      return { items: page, nextCursor: hasOlder ? page[0].id : null, hasNextPage: hasOlder };
    },
  };
}

/** A page that shows a timeline of a server; what it asks for is answered when the test says so. */
function aPage(server) {
  const timeline = new Timeline("c");
  const asked = [];
  const failures = [];
  const callAbout = (id, method, path) => new Promise((resolve) => {
    const answer = server.get(path);
    asked.push(() => resolve(answer));
  });
  const start = (read) => read.catch((error) => failures.push(error));
  return {
    timeline,
    failures,
    asked,
    /** What is on its way: frames come in their order, responses in any. */
    sent: [],
    frames: [],
    /** What it was told to be taken away, and the last item up to which nothing was missing. */
    told: new Set(),
    last: null,
    do: {
      newest: (page) => start(readAgain(callAbout, page.timeline)),
      since: (page) => start(readNew(callAbout, page.timeline)),
      older: (page) => start(readOlder(callAbout, page.timeline)),
      send: (page) => {
        const stored = server.add();
        page.frames.push(stored);
        page.sent.push(stored);
      },
      hear: (page) => page.frames.push(server.add()),
      miss: () => server.add(),
      missMany: () => Array.from({ length: PAGE + 1 }, () => server.add()),
      takeAway: (page) => page.frames.push(server.takeAway(server.items.length - 1)),
      missTakingAway: () => server.takeAway(server.items.length - 2),
    },
  };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Check what may never be, whatever has been answered by now. */
function check(page, server) {
  const { items, cursor, last } = page.timeline;
  const [first] = items;
  const shown = ids(items);
  assert.equal(new Set(shown).size, items.length, "an item is there twice");
  assert.deepEqual(shown, ids([...items].sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1))), "the order is another");
  assert.deepEqual(shown.filter((id) => page.told.has(id)), [], "what was taken away is back");
  if (!last) return;
  const between = server.items.filter((one) => one.createdAt > first.createdAt && one.createdAt < last.createdAt);
  assert.deepEqual(ids(between).filter((id) => !shown.includes(id)), [], "something is missing between two rows");
  assert.ok(cursor !== null || !server.items.some((one) => one.createdAt < first.createdAt), "the cursor is lost");
  const isLess = page.last && !page.told.has(page.last.id) && last.createdAt < page.last.createdAt;
  assert.ok(!isLess || !server.items.includes(page.last), "less is known than before");
  page.last = last;
}

/** Do all of `todo` in the order of `choose`, which picks what comes next: an action, or what is on its way. */
async function play(todo, choose) {
  const server = aServer(2 * PAGE + 1);
  const page = aPage(server);
  let left = todo;
  for (;;) {
    const steps = [];
    if (left.length > 0) steps.push(() => {
      page.do[left[0]](page);
      left = left.slice(1);
    });
    page.asked.forEach((answer, place) => steps.push(() => {
      page.asked.splice(place, 1);
      answer();
    }));
    if (page.frames.length > 0) steps.push(() => {
      const frame = page.frames.shift();
      page.timeline.put(frame);
      if (frame.deletedAt) page.told.add(frame.id);
    });
    page.sent.forEach((stored, place) => steps.push(() => {
      page.sent.splice(place, 1);
      page.timeline.put(stored);
    }));
    if (steps.length === 0) break;
    steps[choose(steps.length)]();
    await settle();
    check(page, server);
  }
  await finish(page, server);
}

/** Welcome the page after a break, and then read down to the first item: what it shows is what is there. */
async function finish(page, server) {
  const answerAll = async () => {
    for (await settle(); page.asked.length > 0; await settle()) page.asked.shift()();
    check(page, server);
  };
  page.do.newest(page);
  await answerAll();
  const suffix = server.items.slice(-page.timeline.items.length);
  assert.deepEqual(ids(page.timeline.items), ids(suffix), "something is missing between two rows");
  for (let pages = 0; page.timeline.cursor !== null; pages += 1) {
    assert.ok(pages < 20, "it does not end");
    page.do.older(page);
    await answerAll();
  }
  assert.deepEqual(page.timeline.items, server.items);
  assert.deepEqual(page.failures, []);
}

/** Do all of `todo` in every order of answers: each run differs from the last one in the latest choice that it can. */
async function playAll(todo) {
  let choices = [];
  do {
    const widths = [];
    try {
      await play(todo, (width) => {
        const place = widths.push(width) - 1;
        choices[place] ??= 0;
        return choices[place];
      });
    } catch (error) {
      error.message += `\n${todo}, in the order ${choices.slice(0, widths.length)}`;
      throw error;
    }
    choices = choices.slice(0, widths.length);
    while (choices.length > 0 && choices[choices.length - 1] + 1 === widths[choices.length - 1]) choices.pop();
    if (choices.length > 0) choices[choices.length - 1] += 1;
  } while (choices.length > 0);
}

const ACTIONS = Object.keys(aPage(aServer(1)).do);

test("the newest page and any two others give the same rows in every order", async () => {
  for (const one of ACTIONS) {
    for (const other of ACTIONS) {
      await playAll(["newest", one, other]);
      await playAll([one, "newest", other]);
    }
  }
});

test("a double click on older messages, a message sent and one heard give the same rows in every order", async () => {
  await playAll(["newest", "older", "older", "send", "hear"]);
});

test("many at once give the same rows", async () => {
  let seed = 1;
  const pick = (width) => {
    seed = (seed * 48271) % 2147483647;
    return seed % width;
  };
  for (let run = 0; run < 1000; run += 1) {
    const todo = Array.from({ length: 8 }, () => ACTIONS[pick(ACTIONS.length)]);
    await play(["newest", ...todo], pick);
  }
});

test("items of one moment stay in the order of the server's page", () => {
  const timeline = new Timeline("c");
  const [first, second, third] = ["b", "c", "a"].map((id) => ({ id, createdAt: text(1), text: id }));

  timeline.put(third);
  timeline.putNewest({ items: [first, second, third], nextCursor: null }, timeline.ask());

  assert.deepEqual(ids(timeline.items), ["b", "c", "a"]);
});

test("what stands before older pages that were not read is shown with them alone", () => {
  const timeline = new Timeline("c");
  timeline.putNewest({ items: [item(5)], nextCursor: "older" }, timeline.ask());

  timeline.put(item(2));

  assert.deepEqual(ids(timeline.items), ["m5"]);
  timeline.putOlder({ items: [item(2), item(3), item(4)], nextCursor: null }, "older");
  assert.deepEqual(ids(timeline.items), ["m2", "m3", "m4", "m5"]);
});

test("the beginning of a long text never replaces all of it", () => {
  const timeline = new Timeline("c");
  const [whole, beginning] = [item(1), { ...item(1), text: "Mess" }];

  timeline.put(beginning);
  timeline.putNewest({ items: [whole], nextCursor: null }, timeline.ask());
  timeline.put(beginning);

  assert.deepEqual(timeline.items, [whole]);
});
