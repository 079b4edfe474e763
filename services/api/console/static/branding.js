// Shows how the console would look while one chooses. Nothing is saved before Save.
"use strict";

const form = document.getElementById("branding");
const preview = document.getElementById("preview");
const warning = document.getElementById("contrast");
const field = (name) => form.elements.namedItem(name);

// As the server computes it (WCAG 2.2, relative luminance).
function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((start) => {
    const part = parseInt(colour.slice(start, start + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function letteringOn(...grounds) {
  const worst = (colour) => Math.min(...grounds.map((ground) => contrast(colour, ground)));
  const [white, black] = [worst("#ffffff"), worst("#000000")];
  return white >= black ? { colour: "#ffffff", contrast: white } : { colour: "#000000", contrast: black };
}

function paint(values) {
  for (const [name, value] of Object.entries(values)) {
    if (value === null) {
      preview.style.removeProperty(name);
    } else {
      preview.style.setProperty(name, value);
    }
  }
}

function show() {
  const [top, bottom, grid] = ["header_top", "header_bottom", "grid"].map(field);
  const header = letteringOn(top.value, bottom.value);
  paint({ "--header-top": top.value, "--header-bottom": bottom.value, "--header-text": header.colour });
  // The standard colour has a dark twin, which only the page's own style sheet knows.
  const is_standard = grid.value === grid.dataset.standard;
  paint({
    "--grid": is_standard ? "var(--raised)" : grid.value,
    "--grid-text": is_standard ? "var(--dim)" : letteringOn(grid.value).colour,
  });
  preview.querySelector("[data-title]").textContent = `${field("title_prefix").value.trim()} Rollcall`.trim();
  warning.querySelector("[data-contrast]").textContent = header.contrast.toFixed(1);
  warning.hidden = header.contrast >= Number(warning.dataset.least);
}

async function showLogo() {
  const canvas = preview.querySelector("canvas");
  const shown = preview.querySelector("img");
  const [file] = field("upload").files;
  let picture = null;
  try {
    picture = file ? await createImageBitmap(file) : null;
  } catch {
    // No picture: the server says so when it is sent.
  }
  canvas.hidden = picture === null;
  shown.hidden = picture !== null;
  if (picture !== null) {
    const scale = Math.min(1, 240 / picture.width, 36 / picture.height);
    canvas.width = Math.max(1, picture.width * scale);
    canvas.height = Math.max(1, picture.height * scale);
    canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
  }
}

function showStored() {
  const image = preview.querySelector("img");
  const name = field("logo").value;
  image.className = name ? "logo" : "";
  image.src = name ? `${form.dataset.logos}${name}` : form.dataset.mark;
}

form.addEventListener("input", show);
field("upload").addEventListener("change", showLogo);
for (const choice of form.querySelectorAll("[name=logo]")) {
  choice.addEventListener("change", showStored);
}
