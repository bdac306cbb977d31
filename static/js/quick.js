// Choosing as one types: a field with role=combobox over a list that htmx fills. Without scripts
// the text is sent as it is, and the page asks what it means.

const fieldOf = (target) => target.closest?.("[role=combobox]");
const listOf = (field) => document.getElementById(field.getAttribute("aria-controls"));

function mark(field, option) {
  const list = listOf(field);
  for (const other of list.children) other.ariaSelected = other === option;
  field.setAttribute("aria-activedescendant", option?.id ?? "");
  field.ariaExpanded = list.childElementCount > 0;
  option?.scrollIntoView({ block: "nearest" });
}

function shut(field) {
  listOf(field).replaceChildren();
  mark(field);
}

document.addEventListener("keydown", (event) => {
  const field = fieldOf(event.target);
  const options = field ? [...listOf(field).children] : [];
  if (!options.length) return;
  const at = options.findIndex((option) => option.ariaSelected === "true");
  if (event.key === "ArrowDown") mark(field, options[at + 1] ?? options[0]);
  else if (event.key === "ArrowUp") mark(field, options[at - 1] ?? options.at(-1));
  else if (event.key === "Escape") shut(field);
  else if (event.key === "Enter" && at >= 0) options[at].click();
  else return;
  event.preventDefault();
});
document.addEventListener("click", (event) => {
  const option = event.target.closest("[role=option]");
  if (!option) return;
  const field = document.querySelector(`[aria-controls="${option.parentElement.id}"]`);
  field.value = option.dataset.value;
  field.form.elements.meant.value = option.dataset.meant;
  shut(field);
  field.dispatchEvent(new Event("change", { bubbles: true }));
});
document.addEventListener("pointerdown", (event) => event.target.closest("[role=option]") && event.preventDefault());
document.addEventListener("focusout", (event) => fieldOf(event.target) && shut(event.target));
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  const { activeElement, body } = document;
  if (fieldOf(activeElement)) mark(activeElement);
  // What was settled is gone from the page: go on from its top.
  else if (activeElement === body && ctx.request?.method !== "GET") document.querySelector("[data-rest]")?.focus();
});
