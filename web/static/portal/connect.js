// Lead on to the hotspot; without a script there is the button.
"use strict";
const button = document.querySelector("[data-lead]");
// In place of this page: who goes back from the hotspot is not led there again.
if (button) location.replace(button.dataset.lead);
