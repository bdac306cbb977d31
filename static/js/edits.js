// Editing a fact in its place: focus goes into the form and back to its button, Escape cancels.
// Ctrl or Cmd with Enter sends a note.

let editing;

document.addEventListener("htmx:after:swap", () => {
  const form = document.querySelector("form[data-inline]");
  if (form && form.dataset.inline !== editing) {
    editing = form.dataset.inline;
    const field = form.querySelector("input:not([type=hidden]), select, textarea");
    field?.focus();
    field?.select?.();
  } else if (!form && editing) {
    document.querySelector(`[data-edit="${CSS.escape(editing)}"]`)?.focus();
    editing = undefined;
  }
});

document.addEventListener("keydown", (event) => {
  const form = event.target.closest?.("form");
  if (event.key === "Escape" && form?.matches("[data-inline]")) form.querySelector("[data-cancel]")?.click();
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && form?.matches("[data-quick]")) form.requestSubmit();
});

// A note that was added leaves its field; the text of any other form stays through redrawings.
document.addEventListener("htmx:after:swap", ({ detail }) => {
  const form = detail?.ctx?.sourceElement;
  if (form?.matches?.("form.quick") && detail.ctx.response?.status === 200) form.reset();
});
