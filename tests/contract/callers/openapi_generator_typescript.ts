/** Calls the API with the client that openapi-generator makes for TypeScript. */

import {
  ApiErrorFromJSON,
  Configuration,
  ConversationRequest,
  ConversationRequestFromJSON,
  ConversationsApi,
  MessageRequest,
  Part,
  PartToJSON,
  ResponseError,
} from "./index";

declare const process: { argv: string[] };
declare function require(name: string): any;
const assert = require("node:assert/strict");

const given = JSON.parse(process.argv[2]);
const sent = given.request;

const api = (url: string) => new ConversationsApi(new Configuration({ basePath: url, accessToken: given.key }));
const plain = (value: unknown) => JSON.parse(JSON.stringify(value));

async function main(): Promise<void> {
  const request: ConversationRequest = ConversationRequestFromJSON(sent);
  const opened = await api(given.url).createConversation({ conversationRequest: request });
  assert.equal(opened.conversation.status, "open");
  assert.deepEqual(opened.conversation.metadata, sent.metadata);
  const parts: Part[] = opened.initialTimelineItems[0].parts;
  assert.equal(opened.initialTimelineItems[0].createdAt.getUTCFullYear(), 2026);
  assert.deepEqual(plain(parts.map(PartToJSON)), sent.defaultTimelineItems[0].parts);

  const replayed = await api(given.url).createConversationRaw({ conversationRequest: request });
  assert.equal(replayed.raw.headers.get("Idempotent-Replayed"), "true");
  assert.deepEqual((await replayed.value()).initialTimelineItems, opened.initialTimelineItems);

  const conversationId = opened.conversation.id;
  const messageRequest: MessageRequest = { conversationId, item: { id: "2", text: "More" } };
  const added = await api(given.url).sendMessage({ messageRequest });
  const timeline = await api(given.url).getTimeline({ conversationId, limit: 10 });
  assert.deepEqual(timeline.items, [...opened.initialTimelineItems, added.item]);
  assert.deepEqual([timeline.nextCursor, timeline.hasNextPage], [null, false]);

  const refused = await api(given.url)
    .createConversation({ conversationRequest: ConversationRequestFromJSON(given.invalid) })
    .catch((error: unknown) => error);
  assert.ok(refused instanceof ResponseError);
  const error = ApiErrorFromJSON(await (refused as ResponseError).response.json());
  assert.equal(error.code, "VALIDATION_FAILED");
  assert.deepEqual(error.details?.map((detail) => detail.path), ["defaultTimelineItems.1.id"]);

  // Written out, so that the compiler sees what a developer types.
  const written: ConversationRequest = {
    conversationId: given.resolved.conversationId,
    visitorId: given.resolved.visitorId,
    metadata: { plan: "pro", seats: 3, trial: false },
    defaultTimelineItems: [],
  };
  const later = await api(given.later).createConversation({ conversationRequest: written });
  assert.equal(later.conversation.status, "resolved");
  assert.equal(later.conversation.lastTimelineItem?.text, "Goodbye");
}

main();
