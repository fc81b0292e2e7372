// The files of a message in local/page/attachments.js, over every order in which what is done to them may end.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ACCEPTED, Attachments, summary, upload } from "../../../local/page/attachments.js";
import { NotUploaded, Refused } from "../../../local/page/trouble.js";

const KB = 1024;
const HOUR = 3_600_000;

const aFile = (name, { type = "image/png", size = KB } = {}) => ({ name, type, size });
const states = (attachments) => attachments.files.map(({ state }) => state);
const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Files of a message, and a server whose answers the test gives, by what was asked for. */
function aMessage(...files) {
  const attachments = new Attachments();
  attachments.moveTo("c");
  const message = { isServed: true };
  const asked = [];
  let addresses = 0;
  const ask = (answer, signal) => new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(new NotUploaded()));
    asked.push({ succeed: () => resolve(answer()), fail: reject });
  });
  const services = {
    sign: (conversation) => ask(() => {
      addresses += 1;
      return { uploadUrl: "put", publicUrl: `${conversation}/${addresses}` };
    }),
    put: (url, one, tell, signal) => ask(() => tell(100), signal),
    isServed: () => ask(() => message.isServed),
    changed: () => {},
  };
  const start = () => {
    for (const one of attachments.files) if (one.state === "picked") upload(attachments, one, services);
  };
  assert.deepEqual(attachments.pick(files), []);
  start();
  return Object.assign(message, { attachments, asked, start });
}

async function answerAll({ asked }) {
  while (asked.length > 0) {
    asked.shift().succeed();
    await settle();
  }
}

/** Do all of `todo`, and between them answer in the order of `choose`, which picks what comes next. */
async function play(todo, choose) {
  const message = aMessage(aFile("one.png"), aFile("two.png"));
  const { attachments, asked, start } = message;
  const [first] = attachments.files;
  const actions = {
    cancel: () => {
      attachments.remove(first);
      assert.ok(first.upload.signal.aborted, "a file that was cancelled goes on");
      assert.ok(!attachments.isAwaited, "a message of which a file was taken is sent without a look");
    },
    move: () => attachments.moveTo("d"),
    moveBack: () => attachments.moveTo("c"),
    again: () => first.state === "failed" && attachments.pickAgain(first),
    send: () => { attachments.isAwaited = !attachments.failed; },
  };
  let left = todo;
  for (;;) {
    const steps = asked.flatMap((one, place) => ["succeed", "fail"].map((end) => () => {
      asked.splice(place, 1);
      one[end](new NotUploaded());
    }));
    if (left.length > 0) steps.push(() => {
      actions[left[0]]();
      start();
      left = left.slice(1);
    });
    if (steps.length === 0) break;
    steps[choose(steps.length)]();
    await settle();
    for (const { state, url } of attachments.files) {
      assert.equal(state === "ready", Boolean(url), "an address is there before its file");
      assert.ok(!url || url.startsWith(`${attachments.conversationId}/`), "a file of another conversation is ready");
    }
    assert.ok(!(attachments.failed && attachments.isAwaited), "a message waits for a file that failed");
    const isCancelled = todo.slice(0, todo.length - left.length).includes("cancel");
    assert.equal(attachments.files.includes(first), !isCancelled, "a file that was cancelled is back");
  }
  assert.ok(states(attachments).every((state) => ["ready", "failed"].includes(state)), "a file hangs");
}

test("cancelling, moving, trying again and sending leave each file ready for its conversation, or failed", async () => {
  let seed = 1;
  const pick = (width) => {
    seed = (seed * 48271) % 2147483647;
    return seed % width;
  };
  const names = ["cancel", "move", "moveBack", "again", "send"];
  for (let run = 0; run < 500; run += 1) {
    await play(Array.from({ length: 3 }, () => names[pick(names.length)]), pick);
  }
});

test("a message names its files once all are ready", async () => {
  const message = aMessage(aFile("photo.png"), aFile("list.csv", { type: "text/csv", size: 3 * KB }));
  assert.ok(!message.attachments.isReady);

  await answerAll(message);

  assert.ok(message.attachments.isReady);
  assert.deepEqual(message.attachments.parts, [
    { type: "image", url: "c/1", mediaType: "image/png", filename: "photo.png", size: KB },
    { type: "file", url: "c/2", mediaType: "text/csv", filename: "list.csv", size: 3 * KB },
  ]);
});

test("what can't be sent is told so at once, with what to do, and what can be is taken", () => {
  const attachments = new Attachments();

  const problems = attachments.pick([
    aFile("film.mp4", { type: "video/mp4" }),
    aFile("a.constructor", { type: "" }),
    aFile("large.png", { size: 5_242_881 }),
    aFile("empty.txt", { type: "text/plain", size: 0 }),
    aFile("largest.png", { size: 5_242_880 }),
    aFile("two.png"),
    aFile("three.png"),
    aFile("four.png"),
  ]);

  assert.deepEqual(attachments.files.map(({ name }) => name), ["largest.png", "two.png", "three.png"]);
  const words = [/film.mp4” can’t be sent. Choose an image/, /can’t be sent/, /large.png” .* 5 MB/, /“empty.txt” is empty/, /four.png” .* 3/];
  assert.equal(problems.length, words.length);
  problems.forEach((problem, place) => assert.match(problem, words[place]));
});

test("a file that its system gives another type, or none, has the one of its name", () => {
  const types = [["notes.md", ""], ["list.CSV", "application/vnd.ms-excel"], ["all.zip", "application/x-zip-compressed"]];

  const given = types.map(([name, type]) => {
    const attachments = new Attachments();
    attachments.pick([aFile(name, { type })]);
    return attachments.files[0].type;
  });

  assert.deepEqual(given, ["text/markdown", "text/csv", "application/zip"]);
  for (const type of given) assert.ok(ACCEPTED.split(",").includes(type));
});

test("a refusal is told in its words, keeps the file, and the next try can succeed", async () => {
  const message = aMessage(aFile("photo.png"));
  const { attachments, asked, start } = message;
  const [one] = attachments.files;
  attachments.isAwaited = true;

  asked.shift().fail(new Refused({ status: 409, headers: new Map() }, { message: "Please contact us another way." }));
  await settle();

  assert.equal(one.problem, "Please contact us another way.");
  assert.ok(!attachments.isAwaited);
  assert.match(summary(attachments.files), /^photo.png: Please contact us another way.$/);
  attachments.pickAgain(one);
  start();
  await answerAll(message);
  assert.deepEqual(states(attachments), ["ready"]);
});

test("a file that is not served after its upload is told so, and is no file of the message", async () => {
  const message = aMessage(aFile("page.png"));
  message.isServed = false;

  await answerAll(message);

  assert.match(message.attachments.failed.problem, /content is not what its name says/);
});

test("what is no longer kept is uploaded again, and what is kept is not", async (context) => {
  const message = aMessage(aFile("photo.png"));
  const { attachments, asked, start } = message;
  await answerAll(message);
  const now = Date.now();
  const clock = context.mock.method(Date, "now", () => now + 22 * HOUR);

  attachments.renew();
  assert.ok(attachments.isReady);
  clock.mock.mockImplementation(() => now + 24 * HOUR);
  attachments.renew();

  assert.ok(!attachments.isReady);
  start();
  assert.equal(asked.length, 1);
});

test("a message that was refused keeps its files, and elsewhere they are uploaded again where they still can be", () => {
  const part = { type: "image", url: "c/1", mediaType: "image/png", filename: "photo.png", size: KB };
  const refused = { parts: [part, { ...part, url: "c/2", filename: "gone.png" }], conversationId: "c", uploadedAt: Date.now() };
  const attachments = new Attachments();
  attachments.takeBack(refused, (url) => (url === "c/1" ? aFile("photo.png") : undefined));
  attachments.isAwaited = true;
  assert.deepEqual(attachments.parts, refused.parts);
  assert.equal(attachments.uploadedAt, refused.uploadedAt);

  attachments.moveTo("d");

  assert.deepEqual(states(attachments), ["picked", "failed"]);
  assert.match(attachments.failed.problem, /Attach it again/);
  assert.ok(!attachments.isAwaited);
});
