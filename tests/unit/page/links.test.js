// Links in messages, by local/page/links.js.

import assert from "node:assert/strict";
import { test } from "node:test";

import { isFileOf, isUrl, split } from "../../../local/page/links.js";

const linksIn = (text) => split(text).flatMap(({ href }) => href ?? []);

for (const [text, ...links] of [
  ["See https://example.com.", "https://example.com"],
  ["(https://example.com/a_(b)?c=d&e#f), or http://example.org!", "https://example.com/a_(b)?c=d&e#f", "http://example.org"],
  ["HTTPS://EXAMPLE.COM/x", "HTTPS://EXAMPLE.COM/x"],
  ['<a href="https://example.com">', "https://example.com"],
  ["„https://例え.jp/道“", "https://例え.jp/道"],
  ["https://example.com/a\nhttps://example.com/b", "https://example.com/a", "https://example.com/b"],
  ["https:// http://[ javascript:alert(1) data:text/html,x ftp://example.com example.com"],
  ["a.b@example.com"],
  [""],
]) {
  test(`links in ${JSON.stringify(text)}`, () => {
    assert.deepEqual(linksIn(text), links);
    assert.equal(split(text).map((piece) => piece.text).join(""), text);
  });
}

test("what runs a script, or leads nowhere, is no link", () => {
  for (const url of ["javascript:alert(1)", " \tJavaScript:alert(1)", "data:text/html,x", "/x", "", undefined]) {
    assert.ok(!isUrl(url), url);
  }
  assert.ok(isUrl("https://example.com/files/a.pdf"));
});

test("a very long text is split at once", () => {
  const began = Date.now();
  split("https://".repeat(100_000) + ")".repeat(100_000));
  assert.ok(Date.now() - began < 2000);
});

test("a file of ours is one at the API's own address, by either name of this machine", () => {
  const api = "http://localhost:3000";
  for (const link of [`${api}/v1/files/w/test/c/f`, "http://127.0.0.1:3000/v1/files/w/test/c/f"]) {
    assert.ok(isFileOf(api, link), link);
  }
  for (const link of [
    "http://localhost:3000.example.com/v1/files/f",
    "https://example.com/v1/files/f",
    `${api}/v1/files/../websites`,
    `${api}/v1/filesf`,
    "http://localhost:30001/v1/files/f",
    "http://127.0.0.1.example.com:3000/v1/files/f",
    "javascript:alert(1)",
    "data:image/png,1",
  ]) assert.ok(!isFileOf(api, link), link);
});
