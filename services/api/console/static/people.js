// Searches people and extensions while one types: the server answers with the whole page as always, and only what was
// found is exchanged. Without JavaScript the same form loads the page again.
"use strict";

const form = document.getElementById("people-filter");
let waiting = 0;
let asking = null;

async function search() {
  if (asking !== null) {
    asking.abort();
  }
  asking = new AbortController();
  const found = document.getElementById("people-found");
  const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  const address = `${form.getAttribute("action")}${query.size ? `?${query}` : ""}`;
  let fresh;
  try {
    const answer = await fetch(address, { signal: asking.signal });
    fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  } catch (error) {
    if (error.name !== "AbortError") {
      form.submit();
    }
    return;
  }
  const exchanged = fresh.getElementById("people-found");
  if (exchanged === null) {
    // Signed out: the page itself says so.
    window.location = address;
    return;
  }
  found.replaceWith(exchanged);
  const exports = fresh.querySelectorAll("[data-export]");
  document.querySelectorAll("[data-export]").forEach((one, place) => one.setAttribute("href", exports[place].getAttribute("href")));
  window.history.replaceState(null, "", address);
}

form.addEventListener("input", (event) => {
  window.clearTimeout(waiting);
  waiting = window.setTimeout(search, event.target.type === "search" ? 150 : 0);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  window.clearTimeout(waiting);
  search();
});
