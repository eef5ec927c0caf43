/* Says on the page that a passkey did not work; allauth's own script only tells the console. */
document.addEventListener("allauth.error", function (event) {
  const problem = document.getElementById("passkey_problem");
  if (problem) {
    event.preventDefault();
    problem.hidden = false;
  }
});
