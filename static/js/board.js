// The board's and the list's comforts: drag and drop, keys, focus that follows. Everything they do
// is done by the same forms and links that work without them.

const cardOf = (element) => element?.closest?.("[data-deal]");
const titleOf = (card) => card?.querySelector("h3 a");
const keysOff = () => document.body.dataset.shortcuts === "off";

// Drag and drop: the card moves at once, its form is sent, and on a refusal it goes back. -------

const places = new Map(); // card id -> where it stood before it was dragged
let moved; // id of the card that focus follows
let byKeyboard = false;
document.addEventListener("keydown", () => (byKeyboard = true), true);
document.addEventListener("pointerdown", () => (byKeyboard = false), true);

function boot() {
  const board = document.getElementById("board");
  if (!board || "fixed" in board.dataset || !globalThis.Sortable) return;
  const options = {
    group: "deals",
    draggable: "[data-deal]",
    filter: ".menu, .move",
    preventOnFilter: false,
    sort: false, // the order within a column is a rule, not a place
    delay: 180, // with a finger only, so that the board scrolls
    delayOnTouchOnly: true,
    touchStartThreshold: 5,
    animation: matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 120,
    onStart: ({ item, from }) => {
      places.set(item.id, { from, next: item.nextElementSibling });
      board.classList.add("dragging");
    },
    onEnd: ({ item, from, to }) => {
      board.classList.remove("dragging");
      if (from === to) return void places.delete(item.id);
      if (to.dataset.drop) {
        putBack(item.id);
        item.querySelector(`[data-close-as="${to.dataset.drop}"]`)?.click();
        return;
      }
      const stage = to.closest("[data-stage]").dataset.stage;
      const button = item.querySelector(`.moves [name="stage"][value="${stage}"]`);
      if (button) button.form.requestSubmit(button);
      else putBack(item.id);
    },
  };
  for (const list of board.querySelectorAll("[data-cards], [data-drop]")) {
    if (!Sortable.get(list)) new Sortable(list, options);
  }
}

function putBack(id) {
  const card = document.getElementById(id);
  const place = places.get(id);
  places.delete(id);
  if (card && place?.from.isConnected) place.from.insertBefore(card, place.next?.isConnected ? place.next : null);
}

boot();
document.addEventListener("DOMContentLoaded", boot);

// Requests: remember the card, close its menu, put it back when refused, and take focus along. --

let opened; // how many cards a column showed before more were asked for

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  const source = ctx.sourceElement;
  const card = cardOf(source);
  if (card && source.matches?.("form")) {
    moved = card.id;
    source.closest("[popover]")?.hidePopover();
  }
  if (source.matches?.("[data-more]")) {
    const column = source.closest("[data-stage]");
    opened = { id: column.id, count: column.querySelectorAll("[data-deal]").length };
  }
});

const failed = ({ detail: { ctx } }) => {
  const card = cardOf(ctx?.sourceElement);
  if (!card) return;
  putBack(card.id);
  titleOf(card)?.focus();
};
document.addEventListener("htmx:response:error", failed);
document.addEventListener("htmx:error", failed);

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  boot();
  const source = ctx.sourceElement;
  if (source?.matches?.("[data-bulk]") && ctx.response?.status === 200) choose(source, false);
  if (opened && document.getElementById(opened.id)) {
    const cards = document.getElementById(opened.id).querySelectorAll("[data-deal]");
    titleOf(cards[opened.count] ?? cards[cards.length - 1])?.focus();
    opened = undefined;
    return;
  }
  if (!moved || ctx.request?.method === "GET") return;
  places.delete(moved);
  const lost = !document.activeElement || document.activeElement === document.body || cardOf(document.activeElement) || document.activeElement.closest(".toast");
  if (!lost || !document.getElementById("board")) return;
  // A card that was dragged or clicked away does not take the page along with it.
  const to = titleOf(document.getElementById(moved)) ?? document.getElementById("main");
  to.focus({ preventScroll: !byKeyboard });
});

// Keys: arrows from card to card, m for the menu, a digit for a stage in it. ---------------------

const columns = () => [...document.querySelectorAll("#board [data-cards]")].filter((list) => list.querySelector("[data-deal]"));

function neighbour(card, key) {
  const cards = [...card.parentElement.querySelectorAll("[data-deal]")];
  const at = cards.indexOf(card);
  if (key === "ArrowDown") return cards[at + 1];
  if (key === "ArrowUp") return cards[at - 1];
  if (key === "Home") return cards[0];
  if (key === "End") return cards.at(-1);
  const lists = columns();
  const beside = lists[lists.indexOf(card.parentElement) + (key === "ArrowRight" ? 1 : -1)];
  const there = [...(beside?.querySelectorAll("[data-deal]") ?? [])];
  return there[Math.min(at, there.length - 1)];
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented) return;
  // A quick hand types the digit before focus has arrived in the menu.
  const menu = document.querySelector(".moves:popover-open");
  if (menu && /^[1-9]$/.test(event.key) && !keysOff()) {
    const item = menu.querySelector(`[data-digit="${event.key}"]`);
    if (item) {
      event.preventDefault();
      item.click();
    }
    return;
  }
  const card = cardOf(event.target);
  if (!card || event.target !== titleOf(card)) return;
  if (event.key === "m" && !keysOff()) {
    const button = card.querySelector(".move");
    if (!button) return;
    event.preventDefault();
    button.focus();
    button.click();
  } else if (/^(Arrow|Home$|End$)/.test(event.key)) {
    const next = neighbour(card, event.key);
    if (!next) return;
    event.preventDefault();
    titleOf(next).focus();
    next.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
});

// The list: choose a page of rows at once, and say how many are chosen. -------------------------

document.addEventListener("change", ({ target }) => {
  const form = target.closest?.("[data-bulk]");
  if (form) choose(form, target.matches("[data-choose-all]") ? target.checked : undefined);
});

/** Check or uncheck all rows of the page (`all`), and say how many are chosen. */
function choose(form, all) {
  const boxes = [...form.querySelectorAll("[name=deal]")];
  if (all !== undefined) for (const box of boxes) box.checked = all;
  if (all === false) for (const box of form.querySelectorAll("[data-choose-all], [name=every]")) box.checked = false;
  const count = boxes.filter((box) => box.checked).length;
  const said = form.querySelector("[data-chosen]");
  if (!said) return;
  said.dataset.none ??= said.textContent;
  if (!count) said.textContent = said.dataset.none;
  else said.textContent = count === 1 ? said.dataset.one : said.dataset.many.replace("%(n)s", count);
}
