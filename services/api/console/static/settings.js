// Lets a form of settings be tested and its lists be changed without leaving the page: the server answers with the
// whole page as always, and only the form is exchanged. Without JavaScript the same buttons load the page again.
"use strict";

const { textWorking, textDone, textUnknown, textUnoffered } = document.currentScript.dataset;

const known = document.getElementById("known-extensions");
const said = document.getElementById("said");

document.addEventListener("submit", async (event) => {
  const form = event.target;
  const button = event.submitter;
  const action = button && button.name === "action" ? button.value.split(":")[0] : "";
  if (!("inplace" in form.dataset) || ["", "save", "pair"].includes(action)) {
    return;
  }
  event.preventDefault();
  if (form.getAttribute("aria-busy") === "true") {
    return;
  }
  // Not form.action: the form has buttons of that name.
  const address = form.getAttribute("action");
  const body = new URLSearchParams(new FormData(form, button));
  form.setAttribute("aria-busy", "true");
  said.textContent = textWorking;
  let fresh;
  try {
    const answer = await fetch(address, { method: "POST", body });
    if (answer.redirected && new URL(answer.url).pathname !== address) {
      document.dispatchEvent(new Event("sent"));
      window.location = answer.url;
      return;
    }
    fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(form.id);
  } catch {
    fresh = null;
  }
  if (fresh === null) {
    // Signed out, or no network: the page itself says what is wrong.
    form.removeAttribute("aria-busy");
    delete form.dataset.inplace;
    form.requestSubmit(button);
    return;
  }
  for (const group of form.querySelectorAll("details[open] > summary")) {
    for (const same of fresh.querySelectorAll("details > summary")) {
      if (same.textContent === group.textContent) {
        same.parentElement.open = true;
      }
    }
  }
  const value = button.value;
  form.replaceWith(fresh);
  const spots = { test: "#answer", next: "#answer", attributes: "#samples", browse: "#browse" };
  const spot = fresh.querySelector(spots[action] || "#nothing") || fresh.querySelector("#answer");
  said.textContent = ["add", "remove", "up", "down", "take"].includes(action) ? textDone : told(spot);
  const again = [...fresh.querySelectorAll("button[name=action]")].find((one) => one.value === value && one.tabIndex >= 0);
  const row = action === "add" && fresh.querySelector("ol.rows > li:last-child input, ol.rows > li:last-child select");
  const failed = fresh.querySelector("[aria-invalid=true]");
  (row || (action === "next" && failed) || again || fresh.querySelector("button.small") || fresh).focus({ preventScroll: !row });
  if (spots[action] && !failed) {
    spot.scrollIntoView({ block: "nearest" });
  }
  nameExtensions();
});

// What to read aloud of an answer: all of a message, of a list its heading.
function told(spot) {
  const part = spot.querySelector(":scope > .message, strong") || spot;
  return part.textContent.trim().replace(/\s+/g, " ");
}

// Says below a field whose extension its number is.
function nameExtensions() {
  for (const field of document.querySelectorAll("input[data-extension]")) {
    const option = [...known.options].find((one) => one.value === field.value.trim());
    let note = field.parentElement.querySelector(".of");
    if (note === null) {
      note = document.createElement("p");
      note.className = "help of";
      field.after(note);
    }
    note.textContent = option ? option.textContent : field.value && known.options.length ? textUnknown : "";
  }
}

// Fills a list with what one of the systems has, once.
async function load(list) {
  const address = list.dataset.load;
  if (!address) {
    return;
  }
  delete list.dataset.load;
  let found;
  try {
    found = await (await fetch(address)).json();
  } catch {
    return;
  }
  document.getElementById("unoffered").textContent = found.reason && textUnoffered.replace("{reason}", () => found.reason);
  for (const item of found.items) {
    const option = document.createElement("option");
    option.value = item.value;
    option.textContent = item.text;
    list.append(option);
  }
  nameExtensions();
}

// Reading these takes a system a moment: only for whoever comes to such a field.
document.addEventListener("focusin", (event) => {
  const list = event.target.getAttribute("list");
  if (list === "known-attributes" || list === "known-departments") {
    load(document.getElementById(list));
  }
});

// The browser knows all time zones, so the page need not carry them.
const zones = document.getElementById("known-zones");
if (zones !== null && document.querySelector("[list=known-zones]") !== null) {
  for (const zone of Intl.supportedValuesOf("timeZone")) {
    const option = document.createElement("option");
    option.value = zone;
    zones.append(option);
  }
}

// Of a schedule that nobody has saved yet, the zone is where the person is.
for (const field of document.querySelectorAll("[data-propose-zone]")) {
  if (field.value === "UTC") {
    field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || field.value;
  }
}

if (known !== null) {
  document.addEventListener("change", nameExtensions);
  nameExtensions();
  if (document.querySelector("input[data-extension]") !== null) {
    load(known);
  }
}
