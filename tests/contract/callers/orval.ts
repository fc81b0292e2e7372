/** Calls the API with the client that orval makes, and reads its answers by the schemas that it makes for zod. */

import { ConversationRequest, createConversation, createConversationResponse as Answer } from "./client";
import { createConversationBody, createConversationResponse } from "./zod";

declare const process: { argv: string[] };
declare function require(name: string): any;
const assert = require("node:assert/strict");

const given = JSON.parse(process.argv[2]);
const sent = given.request;
const headers = { Authorization: `Bearer ${given.key}` };

/** The client calls a path: a browser knows of which host. */
function call(url: string, request: ConversationRequest): Promise<Answer> {
  const send = globalThis.fetch;
  globalThis.fetch = (path, init) => send(url + path, init);
  return createConversation(request, { headers }).finally(() => (globalThis.fetch = send));
}

async function main(): Promise<void> {
  createConversationBody.parse(sent);
  const opened = await call(given.url, sent);
  if (opened.status !== 200) throw new Error(opened.data.message);
  const read = createConversationResponse.parse(opened.data);
  assert.deepEqual(read, opened.data);
  assert.equal(opened.data.conversation.status, "open");
  assert.deepEqual(opened.data.conversation.metadata, sent.metadata);
  assert.deepEqual(opened.data.initialTimelineItems[0].parts, sent.defaultTimelineItems[0].parts);

  const replayed = await call(given.url, sent);
  if (replayed.status !== 200) throw new Error(replayed.data.message);
  assert.equal(replayed.headers.get("Idempotent-Replayed"), "true");
  assert.deepEqual(replayed.data.initialTimelineItems, opened.data.initialTimelineItems);

  const refused = await call(given.url, given.invalid);
  if (refused.status !== 400) throw new Error("an invalid request was taken");
  assert.equal(refused.data.code, "VALIDATION_FAILED");
  assert.deepEqual(refused.data.details?.map((detail) => detail.path), ["defaultTimelineItems.1.id"]);

  const later = createConversationResponse.parse((await call(given.later, given.resolved)).data);
  assert.equal(later.conversation.status, "resolved");
  assert.equal(later.conversation.lastTimelineItem?.text, "Goodbye");
}

main();
