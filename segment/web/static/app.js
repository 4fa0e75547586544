// The page: what is open, what is asked of the server, and what is shown of its answers.
import { ApiError, fileName, getBitmap, getJson, paintLabels, readLabels, request, saveBlob } from "./api.js";
import { drawCurve, drawHistogram } from "./charts.js";
import { ClassList } from "./classes.js";
import { capitalize, Controls, make } from "./controls.js";
import { Drawing } from "./paint.js";
import { Strip } from "./strip.js";
import { Viewer } from "./viewer.js";

const $ = (id) => document.getElementById(id);
const KEPT = "segment"; // in the session of the tab, so that a reload goes on
const PIXEL_HINT = $("pixel").textContent;
const page = { image: null, answer: null, labels: null, drawing: null, drawnIds: {}, about: null };
let controls;

const viewer = new Viewer($("canvas"), $("split"), { onPick: lookUp, onPaint: paint });
const classes = new ClassList($("class-list"), () => { showLabels(); showCharts(); remember(); refreshCommand(); }, say);
const strip = new Strip({ open, settings: () => controls.query(), applied: appliedSettings, colors: () => classes.palette, fail: say });

/** Show a message; kind is "error", "warning" or "". */
function say(text, kind = "error") {
  // Names of options stay in one line.
  const parts = text.split(/(--[a-z-]+)/).map((part, n) => (n % 2 ? make("span", { className: "option", textContent: part }) : part));
  $("messages").append(make("p", { className: kind }, ...parts));
}

function clearMessages() { $("messages").replaceChildren(); }

function remember() {
  if (!page.image) return;
  const kept = { image: page.image, settings: controls.all(), classes: classes.save() };
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
}

// ---- What is asked of the server: the newest request wins.

let running = null; // the AbortController of the request in progress
let wanted = null; // a quick answer that waits for the one in progress

const screenSize = () => {
  const ratio = window.devicePixelRatio || 1;
  return Math.min(Math.max(Math.round(Math.max($("frame").clientWidth, $("frame").clientHeight) * ratio), 480), 1600);
};

const drawnQuery = () => Object.entries(page.drawnIds).map(([kind, id]) => [`${kind}_id`, id]);
const imageQuery = () => [["image", page.image.id], ["size", screenSize()], ...controls.query(), ...drawnQuery()];
/** Settings of the picture itself: what is drawn does not darken it. */
const pictureQuery = () => [["size", screenSize()],
  ...controls.query((setting) => setting.group === "Loading" && setting.name !== "roi" || setting.name === "bands")];

/** Say what is shown or going on beside the picture; nothing for an empty text. */
function showBusy(text) { Object.assign($("busy"), { hidden: !text, textContent: text }); }

/** Ask for a result. A quick one is a preview by similar classes, which the result itself replaces. */
async function segment({ quick = false } = {}) {
  if (!page.image) return;
  if (quick && running?.quick) { wanted = true; return; }
  running?.abort();
  const mine = new AbortController();
  mine.quick = quick;
  running = mine;
  const spin = setTimeout(() => { if (running === mine) showBusy("working"); }, 250);
  let isPreview = false;
  try {
    const query = imageQuery();
    const answer = await getJson("segment", {
      method: "POST", query: quick ? [...query, ["quick", 1]] : query, signal: mine.signal,
    });
    const labels = await readLabels(answer);
    if (running !== mine) return;
    Object.assign(page, { answer, labels });
    isPreview = !answer.is_exact;
    show();
    document.body.dataset.seen = String(Number(document.body.dataset.seen ?? 0) + 1);
    document.body.dataset.exact = String(answer.is_exact);
  } catch (error) {
    if (error.name !== "AbortError") { clearMessages(); say(error.message); }
  } finally {
    clearTimeout(spin);
    if (running === mine) {
      running = null;
      showBusy(isPreview ? "preview" : "");
      const again = wanted;
      wanted = null;
      if (again) segment({ quick: true });
      else if (isPreview) segment();
    }
  }
}

// ---- What is shown of an answer.

function show() {
  const { answer } = page;
  clearMessages();
  // Notes of the picture itself, such as that its display is stretched, are no warnings of the result.
  for (const note of page.image.notes) if (!answer.warnings.includes(note)) say(`${capitalize(note)}.`, "");
  for (const warning of answer.warnings) say(`${capitalize(warning)}.`, "warning");
  if (answer.choice) say(`${capitalize(answer.choice)}.`, "");
  $("pixel").textContent = PIXEL_HINT; // what was looked up was another result
  classes.update(answer.classes, answer.is_sampled);
  $("classes").hidden = !answer.classes.length;
  $("classes-note").textContent = answer.is_sampled ? "Measured at the size of the screen; tables are exact." : "";
  if (answer.n_regions) say(`${answer.n_regions} regions.`, "");
  drawCurve($("curve"), answer.curve);
  const features = answer.histograms.map((chart) => chart.feature);
  const select = $("feature");
  if (features.join() !== [...select.options].map((option) => option.value).join()) {
    select.replaceChildren(...features.map((feature) => make("option", { value: feature, textContent: feature })));
  }
  $("histogram").hidden = !features.length;
  $("export").hidden = false;
  showProducts();
  showLabels();
  showCharts();
  remember();
  refreshCommand();
}

function showCharts() {
  const chart = page.answer?.histograms[$("feature").selectedIndex];
  if (chart && $("histogram").open) drawHistogram($("chart"), chart, classes.lineColors);
}

/** Color of each label; regions get the colors of a wheel. */
function labelColors() {
  if (!page.answer.n_regions) return classes.palette;
  // Every eighth hue is about the same: its lightness is another.
  const wheel = (label) => [0, 2, 4].map((shift) => Math.round(75 + 30 * (label % 5) + 60 * Math.sin(2.4 * label + shift)));
  return [null, ...Array.from({ length: page.answer.n_regions }, (_, i) => wheel(i + 1))];
}

function showLabels() {
  if (!page.labels) return;
  const layer = paintLabels(page.labels, labelColors());
  viewer.setResult(layer);
  strip.update(page.image.id, layer);
}

async function lookUp(x, y) {
  if (!page.answer) return;
  try {
    const found = await getJson(`images/${page.image.id}/pixel`, { query: [...imageQuery().slice(1), ["x", x], ["y", y]] });
    const line = [`${x}, ${y}`];
    if (found.values.length) line.push(page.answer.channels.map((name, i) => `${name} ${Number(found.values[i].toPrecision(5))}`).join("  "));
    const label = page.answer.n_regions ? `region ${found.label}` : found.label ? classes.nameOf(found.label) : "no label";
    const parts = [make("span", { textContent: line.join("   ") })];
    const color = labelColors()[found.label];
    const swatch = make("span", { className: "swatch" });
    if (color) swatch.style.background = `rgb(${color})`;
    parts.push(make("strong", {}, swatch, ` ${label}`));
    const likely = (found.posteriors ?? []).map((value, i) => [value, i + 1]).filter(([value]) => value > 0.005).sort((a, b) => b[0] - a[0]);
    parts.push(make("span", { textContent: likely.map(([value, n]) => `${classes.nameOf(n)} ${(100 * value).toFixed(1)} %`).join(", ") }));
    $("pixel").replaceChildren(...parts);
  } catch (error) { say(error.message); }
}

// ---- Painting.

const tool = () => document.querySelector("input[name=tool]:checked").value;

function paint(act, place, radius, byKey = false) {
  const kind = tool();
  const shape = $("shape").value;
  const { drawing } = page;
  if (!drawing || kind === "move") return;
  if (act === "cancel") drawing.points = [];
  else if (act === "end") {
    const isDone = drawing.end(kind, shape, byKey);
    if (isDone) sendDrawing(kind);
  } else drawing[act](kind, shape, place, radius);
  viewer.setDrawn(drawing.toCanvas());
}

async function sendDrawing(kind) {
  const { drawing } = page;
  delete page.drawnIds[kind];
  try {
    if (kind === "mask" ? drawing.hasMask : drawing.hasRoi) {
      const query = controls.query((setting) => setting.group === "Loading" && setting.name !== "roi" && setting.name !== "crop");
      const { id } = await getJson(`images/${page.image.id}/${kind}`, { method: "POST", body: drawing.toPgm(kind), query });
      page.drawnIds[kind] = id;
    }
    $("drawn").hidden = !Object.keys(page.drawnIds).length;
    if (kind === "roi" && page.drawnIds.roi) controls.set("roi", "");
    segment();
  } catch (error) { say(error.message); }
}

// ---- Opening images.

async function open(image) {
  page.image = image;
  Object.assign(page, { answer: null, labels: null, drawnIds: {} });
  $("drop").hidden = true;
  $("viewer").hidden = false;
  clearMessages();
  try {
    const about = image.width ? image : await getJson(`images/${image.id}`, { query: controls.query((s) => s.group === "Loading" || s.name === "bands") });
    Object.assign(image, about);
    $("about").textContent = `${image.name}  ·  ${image.width} × ${image.height}  ·  ${image.bands.length} ${image.bands.length === 1 ? "band" : "bands"}, ${image.depth}`;
    document.title = `${image.name} – segment`;
    await showPicture();
    strip.mark(image.id);
    await segment();
  } catch (error) { if (error.name !== "AbortError") say(error.message); }
}

async function showPicture() {
  const { image } = page;
  const bitmap = await getBitmap(`images/${image.id}/picture`, { query: pictureQuery() });
  if (page.image !== image) return;
  page.drawing = new Drawing(bitmap.width, bitmap.height);
  viewer.setPicture(bitmap, [image.width, image.height]);
}

async function addFiles(files) {
  clearMessages();
  let first = null;
  for (const file of files) {
    if (file.size > page.about.limits.max_bytes) {
      say(`${file.name}: at most ${page.about.limits.max_bytes / 1e6} MB are taken. Start with --max-upload.`);
      continue;
    }
    showBusy("working");
    try {
      const image = await getJson("images", { method: "POST", body: file, query: [["file", file.name], ...controls.query((s) => s.group === "Loading" && !["roi", "crop"].includes(s.name))] });
      strip.add(image);
      if (!first) { first = image; await open(image); }
    } catch (error) { say(error instanceof ApiError ? error.message : `${file.name}: cannot be sent.`); } finally { showBusy(""); }
  }
}

// ---- Taking away.

const chosenProducts = () => [...document.querySelectorAll("#products input:checked:enabled")].map((input) => input.value);

function exportQuery(save = chosenProducts()) {
  const own = page.answer?.n_regions ? [] : classes.query();
  const hasColors = own.some(([name]) => name === "palette");
  const pairs = [...controls.query().filter(([name]) => name !== "palette" || !hasColors), ...own];
  if (save.includes("labels") && $("labels-format").value !== "png") pairs.push(["labels_format", $("labels-format").value]);
  if (save.some((name) => ["geojson", "svg"].includes(name))) for (const label of classes.dropped) pairs.push(["drop_class", label]);
  pairs.push(...controls.query(({ name }) => name === "geojson_crs" && save.includes("geojson")));
  if (save.length) pairs.push(["save", save.join(",")]);
  return [["image", page.image.id], ...pairs, ...drawnQuery()];
}

/** Settings that finding given classes in another image uses. */
function appliedSettings() { return controls.query((setting) => setting.of_labels); }

function showProducts() {
  const isRegions = Boolean(page.answer.n_regions);
  for (const input of document.querySelectorAll("#products input")) {
    const product = page.about.products.find((each) => each.name === input.value);
    input.disabled = !(isRegions ? product.of_regions : product.of_classes);
  }
}

let commandTimer = 0;
function refreshCommand() {
  if (!$("export").open || !page.answer) return;
  clearTimeout(commandTimer);
  commandTimer = setTimeout(async () => {
    try {
      const found = await getJson("command", { query: exportQuery() });
      page.command = found;
      $("command").textContent = found.command;
      $("batch").textContent = `A folder: ${found.batch}`;
    } catch (error) { $("command").textContent = error.message; }
  }, 150);
}

async function download() {
  const button = $("download");
  button.disabled = true;
  button.textContent = "Working";
  try {
    const answer = await request("segment", { method: "POST", query: exportQuery() });
    saveBlob(await answer.blob(), fileName(answer));
    document.body.dataset.saved = fileName(answer);
  } catch (error) { say(error.message); } finally {
    button.disabled = false;
    button.textContent = "Download";
  }
}

// ---- Beginning.

function connect() {
  $("file").addEventListener("change", (event) => { addFiles([...event.target.files]); event.target.value = ""; });
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dragging");
  });
  addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dragging"); });
  addEventListener("drop", (event) => {
    document.body.classList.remove("dragging");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    addFiles([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) { event.preventDefault(); addFiles(files); }
  });
  for (const input of document.querySelectorAll("input[name=view]")) {
    input.addEventListener("change", () => {
      viewer.beside = input.value === "beside";
      $("split").hidden = viewer.beside;
      viewer.draw();
    });
  }
  for (const input of document.querySelectorAll("input[name=tool]")) {
    input.addEventListener("change", () => {
      viewer.tool = input.value;
      $("paint").hidden = input.value === "move";
      $("canvas").classList.toggle("paints", input.value !== "move");
    });
  }
  $("brush").addEventListener("input", (event) => { viewer.brush = Number(event.target.value); });
  $("opacity").addEventListener("input", (event) => { viewer.opacity = Number(event.target.value) / 100; viewer.draw(); });
  $("clear").addEventListener("click", () => {
    page.drawing?.clear(tool());
    viewer.setDrawn(page.drawing.toCanvas());
    sendDrawing(tool());
  });
  $("in").addEventListener("click", () => viewer.zoomBy(1.5));
  $("out").addEventListener("click", () => viewer.zoomBy(1 / 1.5));
  $("fit").addEventListener("click", () => viewer.fit());
  $("feature").addEventListener("change", showCharts);
  $("histogram").addEventListener("toggle", showCharts);
  $("export").addEventListener("toggle", refreshCommand);
  $("products").addEventListener("change", refreshCommand);
  $("labels-format").addEventListener("change", refreshCommand);
  $("download").addEventListener("click", download);
  $("copy").addEventListener("click", async () => {
    try { await navigator.clipboard.writeText($("command").textContent); $("copy").textContent = "Copied"; }
    catch { getSelection().selectAllChildren($("command")); }
    setTimeout(() => { $("copy").textContent = "Copy command"; }, 1500);
  });
  $("toml").addEventListener("click", () => saveBlob(new Blob([page.command.config]), `${page.image.name.replace(/\.[^.]*$/, "")}_config.toml`));
  $("drawn").addEventListener("click", async () => {
    for (const id of Object.values(page.drawnIds)) {
      saveBlob(await (await request(`images/${page.image.id}/files/${id}`)).blob(), id);
    }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { showCharts(); drawCurve($("curve"), page.answer?.curve); });
}

let settingTimer = 0;
function settingChanged(name, live) {
  if (page.about.settings.find((setting) => setting.name === name).group === "Output") { refreshCommand(); return; }
  remember();
  clearTimeout(settingTimer);
  // To choose the number of classes has no quick way.
  if (name === "smoothness" || name === "k" && controls.all().k !== "auto") { segment({ quick: true }); return; }
  // Another part of the file is another picture.
  const isOther = ["page", "bands", "crop", "keep_profile", "allow_truncated"].includes(name);
  settingTimer = setTimeout(async () => {
    try { if (isOther && page.image) await reopen(); } catch (error) { say(error.message); return; }
    segment();
  }, live ? 40 : 0);
}

async function reopen() {
  const about = await getJson(`images/${page.image.id}`, { query: controls.query((s) => s.group === "Loading" || s.name === "bands") });
  Object.assign(page.image, about);
  await showPicture();
}

async function begin() {
  try {
    page.about = await getJson("settings");
  } catch (error) { say(error.message); return; }
  const { settings, products, groups } = page.about;
  controls = new Controls(settings, settingChanged);
  controls.build($("controls"), $("more"), $("output"), groups);
  $("products").append(...products.filter((product) => product.name !== "ucm").map((product) => {
    const input = make("input", { type: "checkbox", value: product.name, checked: ["panel", "labels", "config"].includes(product.name) });
    return make("label", { className: "check", title: product.help }, input, product.name);
  }));
  const formats = settings.find((setting) => setting.name === "labels_format").choices;
  $("labels-format").append(...formats.map((format) => make("option", { value: format, textContent: format.toUpperCase() })));
  connect();
  const { images } = await getJson("images");
  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  for (const image of images) strip.add(image);
  if (kept) {
    for (const [name, value] of Object.entries(kept.settings)) controls.set(name, value);
    try {
      await getJson(`images/${kept.image.id}`);
      if (!images.some((image) => image.id === kept.image.id)) strip.add(kept.image);
      await open(kept.image);
      if (page.answer) { classes.load(kept.classes, page.answer.classes); showLabels(); showCharts(); remember(); }
    } catch { sessionStorage.removeItem(KEPT); }
  }
  if (!page.image && images.length) await open(images[0]);
  document.body.dataset.ready = "true";
}

begin();
