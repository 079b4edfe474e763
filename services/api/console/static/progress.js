// Follows a run while its page is open: moves the bar, and loads the page anew when the run enters another state.
"use strict";

const { textCommands, textReadings, textThousand } = document.currentScript.dataset;
// In groups as the server writes them.
const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, textThousand.replace(/\d/g, ""));
const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

for (const card of document.querySelectorAll("[data-follow]")) {
  const bar = card.querySelector("progress");
  const said = card.querySelector("[data-said]");
  const source = new EventSource(card.dataset.follow);

  const show = (event) => {
    const run = JSON.parse(event.data);
    if (run.state !== card.dataset.state) {
      source.close();
      window.location.reload();
      return;
    }
    if (run.state === "executing") {
      const open = (run.commands.pending || 0) + (run.commands.running || 0) + (run.commands.held || 0);
      const done = run.commands_total - open;
      bar.max = run.commands_total || 1;
      bar.value = done;
      said.textContent = filled(textCommands, { done: grouped(done), total: grouped(run.commands_total) });
    } else {
      bar.max = run.parts_total || 1;
      bar.value = run.parts_read;
      said.textContent = filled(textReadings, {
        done: run.parts_read,
        total: run.parts_total,
        people: grouped(run.people),
      });
    }
  };
  source.addEventListener("progress", show);
  source.addEventListener("end", show);
}
