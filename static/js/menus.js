// Menus are native popovers and open without this. It places them where the browser cannot,
// and moves focus in with the keyboard.

const anchored = CSS.supports("position-area", "block-end");

document.addEventListener("toggle", (event) => {
  const menu = event.target;
  if (!menu.matches?.(".menu[popover]")) return;
  const id = CSS.escape(menu.id);
  const opener = document.querySelector(`[popovertarget="${id}"], [aria-controls="${id}"]`);
  opener?.setAttribute("aria-expanded", String(event.newState === "open"));
  if (event.newState !== "open") return;
  if (!anchored && opener) place(menu, opener);
  if (opener?.matches(":focus-visible")) menu.querySelector("a, button, input:not([type=hidden]), select")?.focus();
}, true);

function place(menu, opener) {
  const from = opener.getBoundingClientRect();
  const below = from.bottom + 4 + menu.offsetHeight < innerHeight;
  menu.style.left = `${Math.max(8, Math.min(from.left, innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${below ? from.bottom + 4 : Math.max(8, from.top - menu.offsetHeight - 4)}px`;
}

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(".menu:popover-open, [data-arrows]");
  if (!menu || event.target.matches("input:not([type=search]), select, textarea")) return;
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const items = [...menu.querySelectorAll(".item")];
  if (!items.length) return;
  event.preventDefault();
  const step = event.key === "ArrowDown" ? 1 : -1;
  items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
});

// A move that is sent closes its menu, which would stay open. Focus goes back to the button.
document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  if (ctx.sourceElement?.matches?.("form")) ctx.sourceElement.closest(".moves:popover-open")?.hidePopover();
});
