// Links in what somebody wrote. Only ever http and https, and never with what follows a sentence: `(see https://a.b/c).`

const LINK = /https?:\/\/[^\s<>"“”«»]+/gi;
const AFTER_A_SENTENCE = new Set(".,:;!?'’*_…");

/** Split a text into pieces: each has its `text`, and a link its `href`. */
export function split(text) {
  const pieces = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(LINK)) {
    const link = trim(found);
    if (!isUrl(link)) continue;
    pieces.push({ text: text.slice(end, index) }, { text: link, href: link });
    end = index + link.length;
  }
  return [...pieces, { text: text.slice(end) }].filter((piece) => piece.text);
}

/** Tell whether a link may be followed: it leads to a page, and runs no script. */
export function isUrl(link) {
  try {
    return /^https?:$/.test(new URL(link).protocol);
  } catch {
    return false;
  }
}

/** Tell whether a link is that of a file which the API at an address serves. Both names of this machine are one. */
export function isFileOf(api, link) {
  const named = (url) => url.replace(/^(https?:\/\/)127\.0\.0\.1(?=[:/]|$)/, "$1localhost");
  return isUrl(link) && named(new URL(link).href).startsWith(`${named(api)}/v1/files/`);
}

function trim(link) {
  const count = (sign) => link.split(sign).length;
  const unopened = { ")": count(")") - count("("), "]": count("]") - count("["), "}": count("}") - count("{") };
  let end = link.length;
  while (unopened[link[end - 1]] > 0 || AFTER_A_SENTENCE.has(link[end - 1])) {
    end -= 1;
    unopened[link[end]] -= 1;
  }
  return link.slice(0, end);
}
