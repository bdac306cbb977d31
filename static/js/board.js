// Board and list: drag and drop, keys, focus that follows. The same forms work without.

const find = (selector, inside = document) => inside.querySelector(selector);
const findAll = (selector, inside = document) => [...inside.querySelectorAll(selector)];
const cardOf = (element) => element?.closest?.("[data-deal]");
const cardsOf = (list) => findAll("[data-deal]", list);
const titleOf = (card) => card && find("h3 a", card);
const keysOn = () => document.body.dataset.shortcuts !== "off";

// A dragged card moves at once, its form is sent, and on a refusal it goes back.
const places = new Map();

function boot() {
  const board = find("#board");
  if (!board || "fixed" in board.dataset || !globalThis.Sortable) return;
  for (const list of findAll("[data-cards], [data-drop]", board)) {
    if (!Sortable.get(list)) new Sortable(list, options);
  }
}

const options = {
  group: "deals",
  draggable: "[data-deal]",
  filter: ".menu, .move",
  preventOnFilter: false,
  sort: false, // the order in a column is a rule, not a place
  delay: 180,
  delayOnTouchOnly: true, // so that a finger scrolls
  touchStartThreshold: 5,
  onStart: ({ item, from }) => {
    menuOf(item); // while it is in its column
    places.set(item.id, [from, item.nextElementSibling]);
    find("#board").classList.add("dragging");
  },
  onEnd: ({ item, from, to }) => {
    find("#board").classList.remove("dragging");
    if (from === to) return;
    const { drop } = to.dataset;
    const stage = to.closest("[data-stage]")?.dataset.stage;
    const button = find(drop ? `[data-close-as="${drop}"]` : `[name="stage"][value="${stage}"]`, menuOf(item));
    if (drop || !button) putBack(item);
    button?.click();
  },
};

function putBack(card) {
  const [list, next] = places.get(card.id) ?? [];
  places.delete(card.id);
  if (list?.isConnected) list.insertBefore(card, next?.isConnected ? next : null);
}

boot();
document.addEventListener("DOMContentLoaded", boot);

// The page has one menu, of no deal: a card gets its copy when it is first to be moved. Without
// this its link leads to the form of the move. The key of a screen is that of the deal's version.
function menuOf(card) {
  const made = find(".moves", card);
  if (made) return made;
  const menu = find("#move-menu").content.firstElementChild.cloneNode(true);
  const id = card.id.replace("deal-", "");
  for (const element of [menu, ...findAll("[href], form", menu)]) {
    for (const { name, value } of element.attributes) {
      element.setAttribute(name, value.replace(/(?<=^move-|\/)0(?=$|\/\w+\/$)/, id));
    }
  }
  const { version } = card.dataset;
  find("[name=version]", menu).value = version;
  find("[name=key]", menu).value += `-${id}-${version}`;
  find(`[name=stage][value="${card.closest("[data-stage]").dataset.stage}"]`, menu)?.remove();
  find(".move", card).setAttribute("aria-controls", menu.id);
  card.append(menu);
  htmx.process(menu);
  return menu;
}

let shut; // the link whose open menu this press closes
document.addEventListener("pointerdown", ({ target }) => (shut = target.closest(".move[aria-expanded=true]")), true);
document.addEventListener("click", (event) => {
  const link = event.target.closest(".deal .move");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (shut !== link) menuOf(cardOf(link)).showPopover({ source: link });
  shut = null;
});

// Focus goes along with what was asked for.
let moved; // id of a card
let opened; // a column of which more was asked, and how much it showed
let byKeyboard;
document.addEventListener("keydown", () => (byKeyboard = true), true);
document.addEventListener("pointerdown", () => (byKeyboard = false), true);

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => {
  const source = ctx.sourceElement;
  if (cardOf(source) && source.matches("form")) {
    moved = cardOf(source).id;
    source.closest("[popover]")?.hidePopover();
  }
  const column = source.matches?.("[data-more]") && source.closest("[data-stage]");
  opened = column && [column.id, cardsOf(column).length];
});

for (const failure of ["htmx:response:error", "htmx:error"]) {
  document.addEventListener(failure, ({ detail: { ctx } }) => {
    const card = cardOf(ctx?.sourceElement);
    if (!card) return;
    putBack(card);
    titleOf(card)?.focus();
  });
}

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  boot();
  const source = ctx.sourceElement;
  if (source?.matches?.("[data-bulk]") && ctx.response?.status === 200) choose(source, false);
  if (opened) return void titleOf(cardsOf(find(`#${opened[0]}`))[opened[1]])?.focus();
  if (!moved || ctx.request?.method === "GET" || !find("#board")) return;
  places.delete(moved);
  const at = document.activeElement;
  if (at && at !== document.body && !at.closest("[data-deal], .toast")) return;
  // A card that was dragged or clicked away does not take the page along.
  (titleOf(find(`#${moved}`)) ?? find("#main")).focus({ preventScroll: !byKeyboard });
});

// Arrows go from card to card, m opens the menu, a digit picks a stage.
function neighbour(card, key) {
  const cards = cardsOf(card.parentElement);
  const at = cards.indexOf(card);
  const near = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: cards.length - 1 }[key];
  if (near !== undefined) return cards[near];
  const lists = findAll("#board [data-cards]").filter((list) => cardsOf(list).length);
  const beside = lists[lists.indexOf(card.parentElement) + (key === "ArrowRight" ? 1 : -1)];
  return beside && (cardsOf(beside)[at] ?? cardsOf(beside).at(-1));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey || event.defaultPrevented) return;
  const card = cardOf(event.target);
  const onTitle = card && event.target === titleOf(card);
  const menu = find(".moves:popover-open"); // focus may not have arrived in it yet
  let done;
  if (menu) {
    done = keysOn() && /^[1-9]$/.test(event.key) && find(`[data-digit="${event.key}"]`, menu);
    if (done) done.click();
  } else if (onTitle && event.key === "m" && keysOn()) {
    done = find(".move", card);
    done?.focus();
    done?.click();
  } else if (onTitle && /^(Arrow|Home$|End$)/.test(event.key)) {
    done = titleOf(neighbour(card, event.key));
    done?.focus();
  }
  if (done) event.preventDefault();
});

// The list: choose a page of rows at once, and say how many are chosen.
function choose(form, all) {
  const rows = findAll("[name=deal]", form);
  if (all !== undefined) for (const box of rows) box.checked = all;
  if (all === false) for (const box of findAll("[data-choose-all], [name=every]", form)) box.checked = false;
  const count = rows.filter((box) => box.checked).length;
  const said = find("[data-chosen]", form);
  said.dataset.none ??= said.textContent;
  said.textContent = said.dataset[["none", "one"][count] ?? "many"].replace("%(n)s", count);
}

document.addEventListener("change", ({ target }) => {
  const form = target.closest?.("[data-bulk]");
  if (form) choose(form, target.matches("[data-choose-all]") ? target.checked : undefined);
});
