// The files of one message, from when somebody picks them until the message is sent. Each is `picked`, `signing`,
// `uploading`, `ready` or `failed`, and is signed for the conversation of the message alone: when that becomes another
// one, it is uploaded again. What comes of an upload that was cancelled, or begun again, changes nothing.

import { untilAnswered } from "./api.js";
import { inWords } from "./trouble.js";

const MOST_FILES = 3;
const MOST_BYTES = 5_242_880;
/** The API keeps a file for a day until a message names it. */
const KEPT_MS = 23 * 3_600_000;

const IMAGES = ["image/jpeg", "image/png", "image/gif", "image/webp"];
const DOCUMENTS = ["application/pdf", "text/plain", "text/csv", "text/markdown", "application/zip"];
/** Systems have other names for these types, or none. */
const BY_EXTENSION = new Map([
  ["txt", "text/plain"], ["csv", "text/csv"], ["md", "text/markdown"], ["zip", "application/zip"],
]);

/** What can be chosen where files are picked. */
export const ACCEPTED = [...IMAGES, ...DOCUMENTS, ...[...BY_EXTENSION.keys()].map((each) => `.${each}`)].join();

export const isImage = (type) => IMAGES.includes(type);

/** Whether files that were uploaded then are kept until a message names them. */
export const areKept = (uploadedAt) => Date.now() - uploadedAt < KEPT_MS;

/** Say how large a file is. */
export function sizeInWords(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  if (bytes < 1024 ** 2) return `${Math.round(bytes / 1024)} KB`;
  return `${(bytes / 1024 ** 2).toFixed(1)} MB`;
}

/** Say how far files are, for those who do not see it. */
export function summary(files, isAwaited) {
  const failed = files.filter(({ state }) => state === "failed");
  if (failed.length > 0) return failed.map(({ name, problem }) => `${name}: ${problem}`).join(" ");
  const ready = files.filter(({ state }) => state === "ready");
  const words = files.length > 0 ? `${ready.length} of ${files.length} files attached.` : "";
  return isAwaited ? `${words} The message is sent once all are.` : words;
}

function typeOf({ name, type }) {
  if (isImage(type) || DOCUMENTS.includes(type)) return type;
  return BY_EXTENSION.get(name.split(".").pop().toLowerCase());
}

function problemOf(file) {
  if (!typeOf(file)) {
    return "can’t be sent. Choose an image (JPEG, PNG, GIF, WebP), a PDF, a text, CSV or Markdown file, or a ZIP archive.";
  }
  if (file.size > MOST_BYTES) return "is larger than 5 MB (5,242,880 bytes). Choose a smaller one.";
  return file.size === 0 && "is empty. Choose another file.";
}

export class Attachments {
  /** In the order in which they were picked. */
  files = [];
  /** Whether the message is to be sent as soon as all of its files are ready. */
  isAwaited = false;
  #conversationId = null;

  /** The conversation of the message. */
  get conversationId() {
    return this.#conversationId;
  }

  /** Take files; return in words why some of them were not taken. */
  pick(files) {
    const problems = [];
    for (const file of files) {
      const isTooMany = this.files.length === MOST_FILES && "is one file too many. A message takes 3: send it in another.";
      const problem = problemOf(file) || isTooMany;
      if (problem) problems.push(`“${file.name}” ${problem}`);
      else this.files.push({ file, name: file.name, type: typeOf(file), size: file.size, state: "picked" });
    }
    return problems;
  }

  /** Take the files of a message that was not sent, each with what was picked, where that is still known. */
  takeBack({ parts, conversationId, uploadedAt }, pickedAt) {
    this.#conversationId = conversationId;
    this.files = parts.map(({ url, mediaType, filename, size }) => ({
      file: pickedAt(url), name: filename, type: mediaType, size, state: "ready", url, uploadedAt,
    }));
  }

  /** Let the message be one of another conversation. */
  moveTo(conversationId) {
    if (conversationId === this.#conversationId) return;
    this.#conversationId = conversationId;
    for (const one of this.files) this.pickAgain(one);
  }

  /** Let a file be uploaded again. */
  pickAgain(one) {
    one.upload?.abort();
    if (one.file) Object.assign(one, { state: "picked", url: null, problem: null });
    else this.fail(one, "The browser no longer has this file. Attach it again.");
  }

  /** Take a file out of the message, which is no longer sent by itself then. */
  remove(one) {
    one.upload?.abort();
    this.files = this.files.filter((each) => each !== one);
    this.isAwaited = false;
  }

  fail(one, problem) {
    Object.assign(one, { state: "failed", url: null, problem });
    this.isAwaited = false;
  }

  /** Let files be uploaded again that may not be kept until the message is sent. */
  renew() {
    for (const one of this.files) if (one.state === "ready" && !areKept(one.uploadedAt)) this.pickAgain(one);
  }

  /** Whether all files can be sent. */
  get isReady() {
    return this.files.every(({ state }) => state === "ready");
  }

  /** The first file that somebody has to look at; undefined without one. */
  get failed() {
    return this.files.find(({ state }) => state === "failed");
  }

  /** What the message says of its files. */
  get parts() {
    return this.files.map(({ name, type, size, url }) => (
      { type: isImage(type) ? "image" : "file", url, mediaType: type, filename: name, size }));
  }

  /** Since when the first of the files is kept. */
  get uploadedAt() {
    return Math.min(...this.files.map(({ uploadedAt }) => uploadedAt));
  }
}

/**
 * Upload a file that was picked.
 *
 * `sign` gets the address for it, `put` uploads it there, and `isServed` tells whether it can be read by then: it can't
 * where its content is not what its type says. `changed` is called whenever something is to be shown anew.
 */
export async function upload(attachments, one, { sign, put, isServed, changed }) {
  const begun = new AbortController();
  const { signal } = begun;
  const uploadedAt = Date.now();
  const goOn = (now) => {
    if (signal.aborted) throw new DOMException("The upload was cancelled.", "AbortError");
    Object.assign(one, now);
    changed();
  };
  try {
    goOn({ upload: begun, state: "signing", percent: 0, delay: null });
    const { uploadUrl, publicUrl } = await untilAnswered(() => {
      goOn({});
      return sign(attachments.conversationId, one);
    }, (delay) => signal.aborted || goOn({ delay }));
    goOn({ state: "uploading", delay: null });
    await put(uploadUrl, one, (percent) => signal.aborted || goOn({ percent }), signal);
    const isGood = await isServed(publicUrl);
    goOn({});
    if (!isGood) attachments.fail(one, "Its content is not what its name says. Remove it, or attach another file.");
    else Object.assign(one, { state: "ready", url: publicUrl, uploadedAt });
  } catch (error) {
    if (signal.aborted) return;
    attachments.fail(one, inWords(error));
  }
  changed();
}
