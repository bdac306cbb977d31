// A link with hx-get and hx-target="#dialog-host" opens its page in a dialog. Without scripts it
// is a page. `command` buttons open static dialogs natively; older browsers get it here.

let opener;

document.addEventListener("htmx:before:request", (event) => {
  const from = event.detail?.ctx?.sourceElement ?? event.target;
  if (from?.getAttribute?.("hx-target") === "#dialog-host" && !from.closest("dialog")) opener = from;
});
document.addEventListener("htmx:after:swap", () => {
  const dialog = document.querySelector("#dialog-host dialog[data-modal]:not([open])");
  if (!dialog) return;
  dialog.showModal();
  dialog.addEventListener("close", () => {
    dialog.remove();
    opener?.isConnected && opener.focus();
  }, { once: true });
});
document.addEventListener("click", (event) => event.target.closest("[data-close]")?.closest("dialog")?.close());
document.addEventListener("dialog-close", () => document.querySelector("#dialog-host dialog[open]")?.close());

if (!("command" in HTMLButtonElement.prototype)) {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[commandfor]");
    const dialog = button && document.getElementById(button.getAttribute("commandfor"));
    if (!dialog) return;
    if (button.getAttribute("command") === "close") dialog.close();
    else dialog.showModal();
  });
}
