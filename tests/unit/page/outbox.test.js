// Messages with files in local/page/outbox.js.

import { webcrypto } from "node:crypto";
import assert from "node:assert/strict";
import { test } from "node:test";

import { outbox } from "../../../local/page/outbox.js";

// Node 18 has it, under another name.
globalThis.crypto ??= webcrypto;

globalThis.addEventListener = () => {};

const HOUR = 3_600_000;
const settle = () => new Promise((resolve) => setImmediate(resolve));

test("a message is sent as long as its files are kept, and later says that they are to be attached again", async () => {
  const sent = [];
  const box = outbox("visitor", async (message) => sent.push(message), () => {});
  const parts = [{ type: "image", url: "https://example.com/v1/files/f" }];
  const write = (text, hours) =>
    box.add({ conversationId: "c", text, parts, uploadedAt: Date.now() - hours * HOUR });

  write("early", 22);
  await settle();
  write("late", 24);
  await settle();

  assert.deepEqual(sent.map(({ text }) => text), ["early"]);
  assert.deepEqual(sent[0].parts, parts);
  const [late, ...others] = box.waiting();
  assert.deepEqual(others, []);
  assert.equal(late.text, "late");
  assert.match(late.problem, /Attach them again/);
});

test("a message that an earlier page has left there, without a word of files, is sent", async () => {
  const sent = [];
  globalThis.window = { localStorage: { getItem: () => stored, removeItem: () => { stored = null; } } };
  let stored = JSON.stringify({ id: "m", conversationId: "c", text: "Hello", writtenAt: 1 });
  Object.defineProperty(window.localStorage, "outbox/visitor/m", { enumerable: true, get: () => stored });
  const box = outbox("visitor", async (message) => sent.push(message), () => {});

  box.flush();
  await settle();

  assert.deepEqual(sent.map(({ text, parts }) => ({ text, parts })), [{ text: "Hello", parts: [] }]);
});
