// What the browser keeps, where it does, by local/page/storage.js and what is built on it.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { browser } from "../../../local/page/storage.js";

/** A browser's storage, that may begin to refuse. */
class Area {
  getItem(key) {
    return Object.hasOwn(this, key) ? this[key] : null;
  }

  setItem(key, text) {
    this[key] = text;
  }

  removeItem(key) {
    delete this[key];
  }
}

const refuse = () => {
  throw new Error("QuotaExceededError");
};

beforeEach(() => {
  browser.clear();
  globalThis.window = { localStorage: new Area() };
});

test("what is stored is there, and not after it was removed", () => {
  browser.put("a/1", "one");
  browser.put("b/1", "other");

  assert.equal(browser.get("a/1"), "one");
  assert.deepEqual(browser.keys("a/"), ["a/1"]);
  assert.ok(browser.isKept());
  browser.remove("a/1");
  assert.equal(browser.get("a/1"), null);
});

test("without a storage the page remembers", () => {
  Object.defineProperty(window, "localStorage", { get: refuse });

  browser.put("a/1", "one");

  assert.equal(browser.get("a/1"), "one");
  assert.deepEqual(browser.keys("a/"), ["a/1"]);
  assert.ok(!browser.isKept());
  browser.remove("a/1");
  assert.equal(browser.get("a/1"), null);
});

test("what a full storage does not take is remembered in place of what it had", () => {
  browser.put("a/1", "one");
  window.localStorage.setItem = refuse;

  browser.put("a/1", "more than fits");

  assert.equal(browser.get("a/1"), "more than fits");
  assert.equal(window.localStorage.getItem("a/1"), null);
});

test("what is broken is dropped", () => {
  browser.put("broken", "{");
  browser.put("null", "null");

  assert.equal(browser.get("broken", JSON.parse), null);
  assert.equal(browser.get("null", JSON.parse), null);
  assert.deepEqual(browser.keys(""), []);
});
