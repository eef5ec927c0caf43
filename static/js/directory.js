// Choices that are renewed in place keep what was opened: the drawer on phones, and “Show all” of a long list.
// Buttons that only send the form are not needed once every choice does (css/directory.css).
document.documentElement.classList.add("updates-in-place");
let opened = new Map();

document.addEventListener("htmx:beforeSwap", () => {
  opened = new Map([...document.querySelectorAll("#directory details[id]")].map((one) => [one.id, one.open]));
});

document.addEventListener("htmx:afterSwap", () => {
  for (const [id, open] of opened) {
    const details = document.getElementById(id);
    if (details) details.open = open;
  }
});
