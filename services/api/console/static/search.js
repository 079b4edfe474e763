// The key / leads to the search field of the header, unless one is typing.
"use strict";

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) {
    return;
  }
  if (event.target.closest("input, select, textarea, dialog, [contenteditable]")) {
    return;
  }
  event.preventDefault();
  document.getElementById("find").select();
});
