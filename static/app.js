// What every page needs: toast, copy link, print, busy state, theme without a reload.
// Only delegated listeners, so that swapped fragments need no start-up of their own.

// htmx would start a moment after loading: a key until then would leave the page.
addEventListener("DOMContentLoaded", () => globalThis.htmx?.initialize());

const toast = document.querySelector(".toast");
let leaving;

/**
 * Say one thing in the live region; it stays 8 seconds, longer while pointed at or focused.
 * `undo` is an address that takes a POST: its button is a real form, so it carries the token.
 */
function say(text, { href, label, undo } = {}) {
  if (!toast || !text) return;
  const box = document.createElement("div");
  box.append(Object.assign(document.createElement("span"), { textContent: text }));
  if (href && label) box.append(Object.assign(document.createElement("a"), { href, textContent: label }));
  if (undo) box.append(undoForm(undo));
  toast.replaceChildren(box);
  if (undo) globalThis.htmx?.process(box);
  clearTimeout(leaving);
  leaving = setTimeout(hide, 8000);
}

function undoForm(action) {
  const form = Object.assign(document.createElement("form"), { method: "post", action });
  const headers = JSON.parse(document.body.getAttribute("hx-headers:inherited") ?? "{}");
  const token = { type: "hidden", name: "csrfmiddlewaretoken", value: headers["X-CSRFToken"] ?? "" };
  form.append(
    Object.assign(document.createElement("input"), token),
    Object.assign(document.createElement("button"), { textContent: toast.dataset.undo }),
  );
  for (const [name, value] of [["hx-post", action], ["hx-swap", "none"], ["hx-sync", "this:drop"]]) {
    form.setAttribute(name, value);
  }
  return form;
}

function hide() {
  if (toast.matches(":hover, :focus-within")) leaving = setTimeout(hide, 2000);
  else toast.replaceChildren();
}

document.addEventListener("toast", (event) => say(event.detail?.text ?? event.detail?.value, event.detail ?? {}));
document.addEventListener("htmx:error", () => say(toast.dataset[navigator.onLine ? "failed" : "offline"]));
// A refusal in one sentence is said and never swapped in; a form with its errors (422, 409 as
// HTML) goes where it belongs; anything else did not work.
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => {
  const { status, headers } = ctx.response;
  const sentence = headers.get("Content-Type")?.startsWith("text/plain");
  if (!sentence && (status === 422 || status === 409)) return;
  ctx.swap = "none";
  if (headers.get("HX-Trigger")?.includes('"toast"')) return;
  say(sentence && status < 500 ? ctx.text : toast.dataset.failed);
});

document.addEventListener("click", async (event) => {
  const copy = event.target.closest("[data-copy-link]");
  if (copy) {
    const address = copy.dataset.copyLink || location.href;
    try {
      await navigator.clipboard.writeText(address);
    } catch {
      const field = Object.assign(document.createElement("textarea"), { value: address });
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
const show = () => document.querySelectorAll("[data-needs-script]").forEach((element) => { element.hidden = false; });
show();
document.addEventListener("htmx:after:swap", show);
