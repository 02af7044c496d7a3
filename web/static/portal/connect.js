// Lead on to where the button leads, or better; without a script there is the button.
"use strict";
const button = document.querySelector("[data-lead]");
// In place of this page: who goes back from the hotspot is not led there again.
const lead = () => location.replace(button.dataset.lead);
if (button) setTimeout(lead, 1000 * Number(button.dataset.after || 0));
