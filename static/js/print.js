// A button that prints the page; browsers offer “save as PDF” there too. Without script there is no such button.
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
