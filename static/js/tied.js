// A slider and its number field say the same: each names the other's id.
addEventListener("input", ({ target }) => {
  const other = document.getElementById(target.dataset.tied);
  if (other) other.value = target.value;
});
