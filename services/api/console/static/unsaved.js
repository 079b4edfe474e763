// Lets the browser ask before a form of settings is left that differs from what the page came with.
"use strict";

const atFirst = new Map();

// What a person can change: hidden fields and buttons are the page's own.
function filledIn(form) {
  return JSON.stringify(
    [...form.elements]
      .filter((field) => field.name && !["hidden", "submit", "button", "fieldset"].includes(field.type))
      .map((field) => [field.name, ["checkbox", "radio"].includes(field.type) ? field.checked : field.value]),
  );
}

const isDirty = ([id, came]) => filledIn(document.getElementById(id)) !== came;
let isSent = false;

// By then the page's other scripts have filled in what they propose.
document.addEventListener("DOMContentLoaded", () => {
  for (const form of document.querySelectorAll("form[data-ask-unsaved]")) {
    atFirst.set(form.id, filledIn(form));
  }
});

// After the scripts that ask first, or that send a form and stay on the page.
window.addEventListener("submit", (event) => {
  isSent ||= atFirst.has(event.target.id) && !event.defaultPrevented;
});

// By a script that sent the form and goes where the answer says.
document.addEventListener("sent", () => {
  isSent = true;
});

window.addEventListener("pageshow", () => {
  isSent = false;
});

window.addEventListener("beforeunload", (event) => {
  if (!isSent && [...atFirst].some(isDirty)) {
    event.preventDefault();
  }
});
