// The list of unknown deliveries: one box that ticks every other on the page.
(() => {
  const label = document.getElementById("tick-all");
  if (!label) return;
  const all = label.querySelector("input");
  const boxes = [...document.querySelectorAll('input[name="deliveries"]')];
  const show = () => {
    const ticked = boxes.filter((box) => box.checked).length;
    all.checked = ticked === boxes.length;
    all.indeterminate = ticked > 0 && ticked < boxes.length;
  };
  all.addEventListener("change", () => boxes.forEach((box) => (box.checked = all.checked)));
  boxes.forEach((box) => box.addEventListener("change", show));
  label.hidden = false;
  show();
})();
