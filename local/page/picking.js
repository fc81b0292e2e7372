// How somebody picks files: by the button with the paper clip, by dropping them, or by pasting them.

import { ACCEPTED } from "./attachments.js";

const hasFiles = ({ dataTransfer }) => dataTransfer.types.includes("Files");

/** Call `picked` with files: those of a form's button, and those that are dropped on or pasted into a zone around it. */
export function onPick(form, zone, picked) {
  const input = form.querySelector("[type=file]");
  const isOpen = () => form.getClientRects().length > 0;
  input.accept = ACCEPTED;
  form.querySelector(".attach").addEventListener("click", () => input.click());
  input.addEventListener("change", () => {
    picked([...input.files]);
    input.value = "";
  });

  zone.addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData;
    // A text that was copied from a document comes with its picture.
    const isText = types.includes("text/plain") && types.includes("text/html");
    if (files.length === 0 || isText || !isOpen()) return;
    event.preventDefault();
    picked([...files]);
  });

  const show = (isOver) => zone.classList.toggle("dropping", isOver);
  zone.addEventListener("dragover", (event) => hasFiles(event) && show(isOpen()));
  zone.addEventListener("dragleave", ({ relatedTarget }) => zone.contains(relatedTarget) || show(false));
  zone.addEventListener("drop", (event) => {
    show(false);
    if (hasFiles(event) && isOpen()) picked([...event.dataTransfer.files]);
  });
  // A file that is dropped elsewhere would take the place of the page.
  for (const type of ["dragover", "drop"]) {
    addEventListener(type, (event) => hasFiles(event) && event.preventDefault());
  }
}
