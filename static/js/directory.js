// Choices that are renewed in place keep what was opened (the drawer on phones, and “Show all” of a long list) and
// where the reader is. Buttons that only send the form are not needed once every choice does (css/directory.css).
document.documentElement.classList.add("updates-in-place");
let opened = new Map();
let focused = "";

document.addEventListener("htmx:beforeSwap", () => {
  opened = new Map([...document.querySelectorAll("#directory details[id]")].map((one) => [one.id, one.open]));
  focused = document.activeElement ? document.activeElement.id : "";
});

document.addEventListener("htmx:afterSwap", () => {
  for (const [id, open] of opened) {
    const details = document.getElementById(id);
    if (details) details.open = open;
  }
  // What is inside a closed drawer cannot take the focus that htmx gives back: once it is open, it can.
  const field = focused && document.getElementById(focused);
  if (field && field !== document.activeElement) field.focus({ preventScroll: true });
});

// The list is up to date already: the button in the drawer leads to it.
document.addEventListener("click", (event) => {
  if (!event.target.closest("#show-results")) return;
  event.preventDefault();
  document.getElementById("narrow").open = false;
  const count = document.getElementById("count");
  count.focus({ preventScroll: true });
  count.scrollIntoView();
});
