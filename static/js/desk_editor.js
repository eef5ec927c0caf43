// The editor of an issue: shows what the pre-flight finds, next to the buttons of the side panels.
(() => {
  const show = () => {
    const source = document.querySelector("[data-preflight-counts]");
    const toggles = document.querySelector("[data-side-panel-toggle]")?.closest("nav, div.w-flex, header > div");
    if (!source || !toggles) return;
    const flag = document.createElement("div");
    flag.className = "desk-editor";
    flag.setAttribute("role", "status");
    toggles.before(flag);

    const load = async () => {
      try {
        const answer = await fetch(source.dataset.preflightCounts, { credentials: "same-origin" });
        const text = answer.ok && !answer.redirected ? await answer.text() : "";
        if (text) flag.innerHTML = text;
      } catch {
        // No figures then: the button to the pre-flight is still there.
      }
    };
    load();
    document.addEventListener("w-autosave:success", load);
  };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", show);
  else show();
})();
