// START HERE: the parts of the page are made and connected, and what was open before is opened again.
import { getJson } from "./api.js";
import { ClassList } from "./classes.js";
import { Controls } from "./controls.js";
import { Messages } from "./messages.js";
import { connectFiles, open, showImage } from "./opening.js";
import { $, forget, page, recall, remember, say } from "./page.js";
import { connectTools, paint } from "./painting.js";
import { appliedQuery, drawnQuery } from "./queries.js";
import { lookUp, showCharts, showLabels, showPixel } from "./result_view.js";
import { segment } from "./segmenting.js";
import { Strip } from "./strip.js";
import { connectExport, refreshCommand } from "./export.js";
import { Viewer } from "./viewer.js";

// What makes another picture of the same file.
const OF_PICTURE = ["page", "bands", "crop", "keep_profile", "allow_truncated", "log_scale"];

/** Make the parts that need nothing of the server. */
function makeParts() {
  page.viewer = new Viewer($("canvas"), $("split"), { onPick: lookUp, onPaint: paint });
  page.messages = new Messages($("messages"));
  page.classes = new ClassList($("class-list"), () => { showLabels(); showPixel(); showCharts(); remember(); refreshCommand(); }, say);
  page.strip = new Strip({
    open, settings: () => page.controls.query(), applied: appliedQuery, drawn: drawnQuery, colors: () => page.classes.palette,
    begin: () => page.messages.clear("error"), fail: say,
  });
}

/** Let the controls of the view work. */
function connectView() {
  const { viewer } = page;
  for (const input of document.querySelectorAll("input[name=view]")) {
    input.addEventListener("change", () => {
      viewer.beside = input.value === "beside";
      $("split").hidden = viewer.beside;
      viewer.draw();
    });
  }
  $("opacity").addEventListener("input", (event) => { viewer.opacity = Number(event.target.value) / 100; viewer.draw(); });
  $("in").addEventListener("click", () => viewer.zoomBy(1.5));
  $("out").addEventListener("click", () => viewer.zoomBy(1 / 1.5));
  $("fit").addEventListener("click", () => viewer.fit());
  $("feature").addEventListener("change", showCharts);
  $("histogram").addEventListener("toggle", showCharts);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", showCharts);
}

let settingTimer = 0;
function settingChanged(name, live) {
  if (page.about.settings.find((setting) => setting.name === name).group === "Output") { refreshCommand(); return; }
  remember();
  clearTimeout(settingTimer);
  // To choose the number of classes has no quick way.
  if (name === "smoothness" || name === "k" && page.controls.all().k !== "auto") { segment({ quick: true }); return; }
  settingTimer = setTimeout(async () => {
    try { if (OF_PICTURE.includes(name) && page.image) await showImage(); } catch (error) { say(error.message); return; }
    segment();
  }, live ? 40 : 0);
}

/** Open what this tab had open before it was loaded again. */
async function openAgain(images) {
  const kept = recall();
  if (!kept) return;
  for (const [name, value] of Object.entries(kept.settings)) page.controls.set(name, value);
  for (const image of kept.images) {
    const known = images.find(({ id }) => id === image.id);
    if (known) Object.assign(known, image);
    else if (image.isSent) page.strip.add(image);
  }
  const current = page.strip.images.find(({ id }) => id === kept.current);
  try {
    await getJson(`images/${kept.current}`);
    await open(current);
  } catch { forget(); }
}

async function begin() {
  makeParts();
  try {
    page.about = await getJson("settings");
  } catch (error) { say(error.message); return; }
  const { settings, groups } = page.about;
  page.controls = new Controls(settings, settingChanged);
  page.controls.build($("controls"), $("more"), $("output"), groups);
  page.messages.controls = page.controls;
  connectFiles();
  connectView();
  connectTools();
  connectExport(page.about);
  const { images } = await getJson("images");
  for (const image of images) page.strip.add(image);
  await openAgain(images);
  if (!page.image && images.length) await open(images[0]);
  document.body.dataset.ready = "true";
}

begin();
