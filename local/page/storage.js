// What the browser keeps for this page, where it does: blocked cookies, a private window or a full storage take that
// away at any time. What it does not keep stands in the page's memory, and is gone with the page.

function storage(area) {
  const unkept = new Map();

  /**
   * Return what is stored under a key, or null. `parse` makes it of the text that is stored; where it throws, or gives
   * nothing, what is stored is broken, and dropped.
   */
  function get(key, parse = (text) => text) {
    let text = unkept.get(key) ?? null;
    try {
      text ??= window[area].getItem(key);
    } catch {
      // Nothing is kept.
    }
    if (text === null) return null;
    try {
      const value = parse(text);
      if (value) return value;
    } catch {
      // It is broken.
    }
    remove(key);
    return null;
  }

  function put(key, text) {
    unkept.delete(key);
    try {
      window[area].setItem(key, text);
    } catch {
      remove(key);
      unkept.set(key, text);
    }
  }

  function remove(key) {
    unkept.delete(key);
    try {
      window[area].removeItem(key);
    } catch {
      // Nothing is kept.
    }
  }

  /** Return the keys that begin with a text. */
  function keys(beginning) {
    let kept = [];
    try {
      kept = Object.keys(window[area]);
    } catch {
      // Nothing is kept.
    }
    return [...new Set([...kept, ...unkept.keys()])].filter((key) => key.startsWith(beginning));
  }

  return { get, put, remove, keys, clear: () => keys("").forEach(remove), isKept: () => unkept.size === 0 };
}

/** Of the browser: each tab of the page has it, and it stays. Read again before you store: another tab may have. */
export const browser = storage("localStorage");

/** Of this tab: it stays over a reload. */
export const tab = storage("sessionStorage");

/** Call `changed` with the key, or null for all, when another tab has changed what the browser keeps. */
export const onOtherTab = (changed) => addEventListener("storage", ({ key }) => changed(key));
