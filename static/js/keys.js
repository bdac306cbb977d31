// Shortcuts: the element with data-key="gd" is used by g and then d. Not in fields, not with
// modifiers; in an open dialog only its own.

let before = "";
let at = 0;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || document.body.dataset.shortcuts === "off") return;
  if (event.target.closest?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]")) return;
  const within = document.querySelector("dialog[open]") ?? document;
  const find = (keys) => within.querySelector(`[data-key="${CSS.escape(keys)}"]`);
  const found = (Date.now() - at < 1500 && find(before + event.key)) || find(event.key);
  before = event.key;
  at = Date.now();
  if (!found) return;
  event.preventDefault();
  if (!found.matches("input")) found.click();
  else if (found.checkVisibility()) found.select();
  else location.assign(found.form.action);
});
