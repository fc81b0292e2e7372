// What is a message, by local/page/composer.js.

import assert from "node:assert/strict";
import { test } from "node:test";

import { hasWords } from "../../../local/page/composer.js";

test("signs that show nothing are no message by themselves", () => {
  for (const sign of " \n\t\u00a0\u00ad\u034f\u115f\u180e\u200b\u200d\u2060\u2800\u3000\u3164\ufe0f\ufeff\uffa0\u0000") {
    assert.ok(!hasWords(sign.repeat(3)), sign.codePointAt(0).toString(16));
  }
  for (const text of ["a", "\u200b.\u200b", "👍🏽", "❤️", "한", "0"]) assert.ok(hasWords(text), text);
});
