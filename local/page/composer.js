// Where somebody writes: a form with a field `text` and what else belongs to a message, with a draft of each
// conversation. A draft is what all of the form's fields hold, so a form with more of them needs no more code.

import { tab } from "./storage.js";
import { guarded } from "./trouble.js";

/** Whether a text has anything to see: there are many signs that show nothing. */
export const hasWords = (text) => /[^\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cc}\p{Cf}\u2800]/u.test(text);

/**
 * Let somebody write in a form: by its button, or by Enter; Shift and Enter begin a line.
 *
 * `write` is called with the form's fields; where it throws, they stay in the form, and `tell` is called with the reason.
 */
export function composer(form, side, { write, tell }) {
  const field = form.elements.text;
  const key = (id) => `draft/${side}/${id}`;
  let shown = null;

  // The text apart: some browsers give its lines other ends here.
  const fields = () => ({
    ...Object.fromEntries([...new FormData(form)].filter(([, value]) => typeof value === "string")),
    text: field.value,
  });
  form.reset();
  const empty = JSON.stringify(fields());

  function keep() {
    const draft = JSON.stringify(fields());
    if (draft === empty) tab.remove(key(shown));
    else tab.put(key(shown), draft);
  }

  function fill() {
    form.reset();
    for (const [name, value] of Object.entries(tab.get(key(shown), JSON.parse) ?? {})) {
      if (form.elements[name]) form.elements[name].value = value;
    }
    grow();
  }

  /** Let the field be as high as its lines, where the style sheet can't. */
  function grow() {
    if (CSS.supports("field-sizing", "content")) return;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
  }

  for (const type of ["input", "change"]) {
    form.addEventListener(type, () => {
      keep();
      grow();
    });
  }
  form.addEventListener("submit", guarded(tell, (event) => {
    event.preventDefault();
    if (!hasWords(field.value)) return;
    const [written, given] = [shown, fields()];
    field.value = "";
    try {
      write(given);
    } catch (error) {
      field.value = given.text;
      throw error;
    }
    // The first message opens its conversation, which has another draft.
    if (shown === written) keep();
    else tab.remove(key(written));
    grow();
  }));
  field.addEventListener("keydown", (event) => {
    // A key that ends the composing of a character, as in Japanese, sends nothing. Safari has ended it by then, and
    // says so by this code alone.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    form.querySelector("[type=submit]").click();
  });

  return {
    fields,
    /** Show the draft of a conversation. */
    show(id) {
      if (id === shown) return;
      shown = id;
      fill();
    },
    /** Give a conversation the draft of another one, unless it has one. */
    move(from, to) {
      const draft = tab.get(key(from));
      if (draft && !tab.get(key(to))) tab.put(key(to), draft);
      tab.remove(key(from));
    },
    focus: () => field.focus(),
  };
}
