// Lets a password that is being chosen be read while it is typed. Without JavaScript the choice is not offered.
"use strict";

for (const box of document.querySelectorAll("[data-shows]")) {
  box.parentElement.hidden = false;
  box.addEventListener("change", () => {
    document.getElementById(box.dataset.shows).type = box.checked ? "text" : "password";
  });
}
