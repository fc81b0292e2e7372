// What is known of conversations, by local/page/conversations.js.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Conversations, readMissing } from "../../../local/page/conversations.js";
import { Refused, Unreachable } from "../../../local/page/trouble.js";

const message = (id, createdAt, visibility = "public") => ({ id, type: "message", visibility, createdAt, text: id });
const conversation = (updatedAt, more = {}) => ({ id: "c", status: "open", updatedAt, ...more });

function known(...all) {
  const conversations = new Conversations();
  for (const each of all) conversations.put(each);
  return conversations;
}

test("a list that was asked for before a change was told does not take it back", () => {
  const conversations = known(conversation("1"));
  const asked = conversations.ask();

  conversations.change("c", { status: "resolved" });
  conversations.put(conversation("1"), asked);

  assert.equal(conversations.get("c").status, "resolved");
});

test("a list that was asked for later counts", () => {
  const conversations = known(conversation("1"));

  conversations.change("c", { status: "resolved" });
  conversations.put(conversation("1"), conversations.ask());

  assert.equal(conversations.get("c").status, "open");
});

test("what is newer counts, whenever it was asked for", () => {
  const conversations = known(conversation("1"));
  const asked = conversations.ask();

  conversations.putItem("c", message("m", "2"));
  conversations.put(conversation("3", { status: "resolved" }), asked);
  conversations.put(conversation("2"), conversations.ask());

  assert.equal(conversations.get("c").status, "resolved");
});

test("until when a visitor has seen a conversation never goes back", () => {
  const conversations = known(conversation("1", { visitorLastSeenAt: "5" }));

  conversations.put(conversation("2", { visitorLastSeenAt: "3" }));
  conversations.change("c", { visitorLastSeenAt: "4" });

  assert.equal(conversations.get("c").visitorLastSeenAt, "5");
});

test("the visitor of a list stays known, although frames do not name it", () => {
  const conversations = known(conversation("1", { visitor: { id: "v" } }));

  conversations.put(conversation("2"));

  assert.deepEqual(conversations.get("c").visitor, { id: "v" });
});

test("a note that is told leaves the last public message known, and one that a list names does not", () => {
  const question = message("question", "1");
  const conversations = known(conversation("1", { lastTimelineItem: question }));

  conversations.putItem("c", message("note", "2", "private"));
  assert.equal(conversations.lastPublic("c"), question);

  conversations.put(conversation("3", { lastTimelineItem: message("another note", "3", "private") }));
  assert.equal(conversations.lastPublic("c"), undefined);

  conversations.putLastPublic("c", question);
  conversations.put(conversation("3", { lastTimelineItem: message("another note", "3", "private") }));
  assert.equal(conversations.lastPublic("c"), question);

  conversations.putItem("c", { ...question, deletedAt: "4" });
  assert.equal(conversations.lastPublic("c"), undefined);
});

test("what a list does not name is asked for, and one that is gone keeps nothing from the others", async () => {
  const conversations = known(conversation("1"), conversation("1", { id: "gone" }));
  const callAbout = async (id) => {
    if (id === "gone") throw new Refused({ status: 404, headers: new Map() }, {});
    return { conversation: conversation("2", { id, status: "resolved" }) };
  };

  await readMissing(callAbout, conversations, [{ id: "gone" }, { id: "c" }]);
  assert.equal(conversations.get("c").status, "resolved");

  const fail = async () => {
    throw new Unreachable();
  };
  await assert.rejects(readMissing(fail, conversations, [{ id: "c" }]), Unreachable);
});
