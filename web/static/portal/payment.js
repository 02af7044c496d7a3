// Look again how a payment stands, and show it when that has changed; without a script
// the page loads itself again.
"use strict";
const shown = document.querySelector("[data-again]");

async function look() {
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const state = page.querySelector("[data-state]")?.dataset.state;
    if (state && state !== shown.dataset.state) location.reload();
  } catch {
    // The phone has no signal for a moment: it looks again.
  }
}

if (shown) setInterval(look, 1000 * Number(shown.dataset.again));
