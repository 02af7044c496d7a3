// One box ticks all of a list: <input type="checkbox" data-ticks="their name">.
"use strict";
document.documentElement.classList.add("scripted");
document.addEventListener("change", (event) => {
  const box = event.target;
  const form = box.form;
  if (!form) return;
  const all = form.querySelector("[data-ticks]");
  if (!all) return;
  const boxes = [...form.elements].filter((one) => one.name === all.dataset.ticks && one.type === "checkbox");
  if (box === all) boxes.forEach((one) => { one.checked = all.checked; });
  all.checked = boxes.every((one) => one.checked);
  all.indeterminate = !all.checked && boxes.some((one) => one.checked);
});
