// A slider and its number field say the same: each names the other's id. An answer on its way
// to an older value is given up at once: it would draw both fields anew, with that value.
addEventListener("input", ({ target }) => {
  const other = document.getElementById(target.dataset.tied);
  if (!other) return;
  other.value = target.value;
  target.form.dispatchEvent(new Event("htmx:abort"));
});
