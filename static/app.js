// What every page needs: toast, copy link, print, busy state, theme without a reload.
// Only delegated listeners, so that swapped fragments need no start-up of their own.

const toast = document.querySelector(".toast");
let leaving;

/** Say one thing in the live region; it stays 8 seconds, longer while pointed at or focused. */
function say(text, { href, label } = {}) {
  if (!toast || !text) return;
  const box = document.createElement("div");
  box.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (href && label) box.append(Object.assign(document.createElement("a"), { href, textContent: label }));
  toast.replaceChildren(box);
  clearTimeout(leaving);
  leaving = setTimeout(hide, 8000);
}

function hide() {
  if (toast.matches(":hover, :focus-within")) leaving = setTimeout(hide, 2000);
  else toast.replaceChildren();
}

document.addEventListener("toast", (event) => say(event.detail?.text ?? event.detail?.value, event.detail ?? {}));
document.addEventListener("htmx:error", () => say(toast.dataset[navigator.onLine ? "failed" : "offline"]));
document.addEventListener("htmx:response:error", () => say(toast.dataset.failed));

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy-link]");
  if (copy) {
    try {
      await navigator.clipboard.writeText(location.href);
    } catch {
      const field = Object.assign(document.createElement("textarea"), { value: location.href });
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
      copy.focus();
    }
    say(toast.dataset.copied);
  }
  if (event.target.closest("[data-print]")) print();
  const reveal = event.target.closest("[data-reveal]");
  if (reveal) {
    const field = document.getElementById(reveal.getAttribute("aria-controls"));
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    reveal.setAttribute("aria-pressed", String(!shown));
  }
});

// Busy: aria-busy at once, the bar only when it takes longer than a blink.
let waiting = 0;
let timer;
const target = (event) => event.detail?.ctx?.target ?? event.target;
document.addEventListener("htmx:before:request", (event) => {
  target(event)?.setAttribute?.("aria-busy", "true");
  waiting += 1;
  timer ??= setTimeout(() => {
    document.body.append(Object.assign(document.createElement("div"), { className: "busy-bar" }));
  }, 200);
});
document.addEventListener("htmx:finally:request", (event) => {
  target(event)?.removeAttribute?.("aria-busy");
  waiting = Math.max(0, waiting - 1);
  if (waiting) return;
  clearTimeout(timer);
  timer = undefined;
  document.querySelector(".busy-bar")?.remove();
});

// The theme shows at once; the form still saves it for the next page.
document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-theme-form] [name=theme]");
  if (!choice) return;
  if (choice.value) document.documentElement.dataset.theme = choice.value;
  else delete document.documentElement.dataset.theme;
});

// Scripts work: what only they can do may show.
for (const element of document.querySelectorAll("[data-needs-script]")) element.hidden = false;
document.addEventListener("htmx:after:swap", () => {
  for (const element of document.querySelectorAll("[data-needs-script][hidden]")) element.hidden = false;
});
