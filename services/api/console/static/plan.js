// Chooses many rows of a plan at once: one box for all of the page, and with Shift all between two. Prints a page.
"use strict";

const { textAll } = document.currentScript.dataset;

const boxes = [...document.querySelectorAll("#rows [name=row]")];
const head = document.querySelector("#rows thead .at");
if (boxes.length > 1 && head) {
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", textAll);
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
  });
  head.prepend(all, " ");
  let last = null;
  for (const box of boxes) {
    box.addEventListener("click", (event) => {
      if (event.shiftKey && last) {
        const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
        for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
      }
      last = box;
      all.checked = boxes.every((one) => one.checked);
    });
  }
}
for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => window.print());
}
