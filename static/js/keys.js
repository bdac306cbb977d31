// Shortcuts: `?` shows them, `g` then a key goes to a page. Ignored in fields and with modifiers.

let going = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (event.target.closest?.("input, textarea, select, [contenteditable], dialog[open]")) return;
  if (event.key === "?") {
    document.getElementById("shortcuts")?.showModal();
    return;
  }
  if (event.key === "g") {
    going = Date.now();
    return;
  }
  if (Date.now() - going < 1500) {
    const link = document.querySelector(`[data-go="${CSS.escape(event.key)}"]`);
    if (link) location.assign(link.href);
  }
  going = 0;
});
