// The page of a running mailing: htmx fetches the figures, this says aloud what changed, and notices when it fails.
(() => {
  const said = document.getElementById("sending-said");
  const trouble = document.getElementById("sending-trouble");
  const follows = document.getElementById("sending-follows");
  if (follows && window.htmx) follows.hidden = false;
  let last = document.getElementById("sending-figures")?.dataset.said ?? "";

  const failed = (yes) => {
    if (trouble) trouble.hidden = !yes;
    if (follows) follows.hidden = yes;
  };

  // Nobody looks at a hidden tab: let it ask again when it is shown.
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden) event.preventDefault();
  });

  // Somebody whose session is over gets the login page: that is no figure.
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    const figures = event.detail.xhr.responseText.includes('id="sending-figures"');
    if (!figures) event.detail.shouldSwap = false;
    failed(!figures);
  });
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
    document.body.addEventListener(name, () => failed(true));
  }

  document.body.addEventListener("htmx:afterSettle", () => {
    const now = document.getElementById("sending-figures")?.dataset.said ?? "";
    if (now !== last) said.textContent = now;
    last = now;
  });
})();
