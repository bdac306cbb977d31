// Chart tips: for the pointer, and for arrow keys on a focused chart. The table under
// the chart says it too.

const tip = document.createElement("div");
tip.className = "tip";
tip.hidden = true;
tip.setAttribute("role", "status");
document.body.append(tip);
let current;

function show(area) {
  current?.classList.remove("on");
  current = area;
  area.classList.add("on");
  tip.textContent = area.dataset.tip;
  tip.hidden = false;
  const box = area.getBoundingClientRect();
  const width = tip.offsetWidth;
  const left = Math.min(Math.max(8, box.left + box.width / 2 - width / 2), innerWidth - width - 8);
  const above = box.top - tip.offsetHeight - 6;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 4 ? above : Math.min(box.top + 8, innerHeight - tip.offsetHeight - 4)}px`;
}

function hide() {
  current?.classList.remove("on");
  current = undefined;
  tip.hidden = true;
}

document.addEventListener("pointerover", (event) => {
  const area = event.target.closest?.("[data-tip]");
  if (area) show(area);
  else if (current && !current.ownerSVGElement?.matches(":focus-visible")) hide();
});
document.addEventListener("scroll", hide, { passive: true, capture: true });
document.addEventListener("focusout", hide);

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && current) return hide();
  const chart = event.target.closest?.(".chart svg");
  if (!chart) return;
  const areas = [...chart.querySelectorAll("[data-tip]")];
  const at = areas.indexOf(current);
  const next = {
    ArrowRight: Math.min(at + 1, areas.length - 1),
    ArrowDown: Math.min(at + 1, areas.length - 1),
    ArrowLeft: Math.max(at - 1, 0),
    ArrowUp: Math.max(at - 1, 0),
    Home: 0,
    End: areas.length - 1,
  }[event.key];
  if (next === undefined || !areas[next]) return;
  event.preventDefault();
  show(areas[next]);
});
