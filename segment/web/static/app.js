// The page: what is open, what is asked of the server, and what is shown of its answers.
import { ApiError, fileName, getBitmap, getJson, paintLabels, readLabels, request, saveBlob } from "./api.js";
import { drawCurve, drawHistogram } from "./charts.js";
import { ClassList, parseColor } from "./classes.js";
import { capitalize, Controls, make } from "./controls.js";
import { markOptions, Messages } from "./messages.js";
import { Drawing } from "./paint.js";
import { Strip } from "./strip.js";
import { Viewer } from "./viewer.js";

const $ = (id) => document.getElementById(id);
const KEPT = "segment"; // in the session of the tab, so that a reload goes on
const PIXEL_HINT = $("pixel").textContent;
// `kept` are the names, colors and merges of an image that was open before; they wait for its classes.
const page = { image: null, answer: null, labels: null, kept: undefined, about: null };
let controls;

const viewer = new Viewer($("canvas"), $("split"), { onPick: lookUp, onPaint: paint });
const messages = new Messages($("messages"));
const say = (text, kind) => messages.say(text, kind);
const classes = new ClassList($("class-list"), () => { showLabels(); showCharts(); remember(); refreshCommand(); }, say);
const strip = new Strip({
  open, settings: () => controls.query(), applied: appliedSettings, drawn: drawnQuery, colors: () => classes.palette,
  begin: () => messages.clear("error"), fail: say,
});

function remember() {
  if (!page.image) return;
  const { id, name } = page.image;
  const kept = { image: { id, name }, settings: controls.all(), classes: classes.save() };
  sessionStorage.setItem(KEPT, JSON.stringify(kept));
}

// ---- What is asked of the server: the newest request wins.

let running = null; // the AbortController of the request in progress
let wanted = null; // a quick answer that waits for the one in progress

const screenSize = () => {
  const ratio = window.devicePixelRatio || 1;
  return Math.min(Math.max(Math.round(Math.max($("frame").clientWidth, $("frame").clientHeight) * ratio), 480), 1600);
};

/** What is drawn on an image. */
function drawnQuery(image = page.image) { return Object.entries(image.drawnIds ?? {}).map(([kind, id]) => [`${kind}_id`, id]); }

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
    if (error.name !== "AbortError") {
      messages.clear();
      say(error.message);
      if (!page.answer) hideResult(); // that of another image
    }
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
  messages.clear();
  // Notes of the picture itself, such as that its display is stretched, are no warnings of the result.
  for (const note of page.image.notes) if (!answer.warnings.includes(note)) say(`${capitalize(note)}.`, "");
  for (const warning of answer.warnings) say(`${capitalize(warning)}.`, "warning");
  if (answer.choice) say(`${capitalize(answer.choice)}.`, "");
  $("pixel").textContent = PIXEL_HINT; // what was looked up was another result
  classes.update(answer.classes, answer.is_sampled, page.kept);
  page.kept = undefined;
  $("classes").hidden = !answer.classes.length;
  $("classes-note").textContent = answer.is_sampled ? "Measured at the size of the screen; tables are exact." : "";
  if (answer.n_regions) say(`${answer.n_regions} regions.`, "");
  controls.showChosen("regions", answer.n_regions);
  controls.showChosen("k", answer.curve?.chosen);
  drawCurve($("curve"), answer.curve);
  const features = answer.histograms.map((chart) => chart.feature);
  const select = $("feature");
  if (features.join() !== [...select.options].map((option) => option.value).join()) {
    select.replaceChildren(...features.map((feature) => make("option", { value: feature, textContent: feature })));
  }
  $("histogram").hidden = !features.length;
  $("export").hidden = false;
  $("drawn").hidden = !drawnQuery().length;
  showProducts();
  showLabels();
  showCharts();
  remember();
  refreshCommand();
}

/** Show no result, such as that of an image that was open before. */
function hideResult() {
  for (const id of ["classes", "histogram", "export"]) $(id).hidden = true;
  $("pixel").textContent = "";
  drawCurve($("curve"), null);
  viewer.setResult(null);
}

function showCharts() {
  const chart = page.answer?.histograms[$("feature").selectedIndex];
  if (!chart || !$("histogram").open) return;
  // Classes that are merged have one curve.
  const groups = classes.groups.map((labels) => classes.describe(labels));
  const add = (a, b) => a.map((value, i) => value + b[i]);
  const curves = groups.map(({ labels }) => labels.map((label) => chart.curves[label - 1]).reduce(add));
  drawHistogram($("chart"), { ...chart, curves }, groups.map(({ color }) => color));
}

/** Color of each label; regions have those of their files. */
function labelColors() {
  return page.answer.n_regions ? [null, ...page.answer.colors.map(parseColor)] : classes.palette;
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
  const drawing = page.image?.drawing;
  if (!drawing || kind === "move") return;
  if (act === "cancel") drawing.points = [];
  else if (act === "end") {
    const isDone = drawing.end(kind, shape, byKey);
    if (isDone) sendDrawing(kind);
  } else drawing[act](kind, shape, place, radius);
  viewer.setDrawn(drawing.toCanvas());
}

async function sendDrawing(kind) {
  const { image } = page;
  const { drawing, drawnIds } = image;
  delete drawnIds[kind];
  try {
    if (kind === "mask" ? drawing.hasMask : drawing.hasRoi) {
      const query = controls.query((setting) => setting.group === "Loading" && setting.name !== "roi" && setting.name !== "crop");
      const { id } = await getJson(`images/${image.id}/${kind}`, { method: "POST", body: drawing.toPgm(kind), query });
      drawnIds[kind] = id;
    }
    if (page.image !== image) return;
    if (drawnIds.roi) controls.set("roi", "");
    segment();
  } catch (error) { say(error.message); }
}

// ---- Opening images.

async function open(image) {
  if (page.answer) page.image.classes = classes.save();
  running?.abort();
  Object.assign(page, { image, answer: null, labels: null, kept: image.classes ?? null });
  $("drop").hidden = true;
  $("viewer").hidden = false;
  messages.clear();
  strip.mark(image.id);
  try {
    await showImage();
    if (page.image === image) await segment();
  } catch (error) {
    if (error.name === "AbortError" || page.image !== image) return;
    // Nothing of another image stays beside the name of this one.
    viewer.setPicture(null);
    hideResult();
    $("about").textContent = image.name;
    say(error.message);
  }
}

/** Show the picture, and what it is. */
async function showImage() {
  const { image } = page;
  const about = await getJson(`images/${image.id}`, { query: controls.query((s) => s.group === "Loading" || s.name === "bands") });
  const bitmap = await getBitmap(`images/${image.id}/picture`, { query: pictureQuery() });
  const size = `${about.width} × ${about.height}`;
  // What was drawn on another part of the file does not fit.
  if (image.size !== size) Object.assign(image, { drawing: new Drawing(bitmap.width, bitmap.height), drawnIds: {} });
  Object.assign(image, about, { size });
  strip.setPicture(image.id, bitmap);
  if (page.image !== image) return;
  $("about").textContent = `${image.name}  ·  ${size}  ·  ${image.bands.length} ${image.bands.length === 1 ? "band" : "bands"}, ${image.depth}`;
  document.title = `${image.name} – segment`;
  viewer.setPicture(bitmap, [image.width, image.height]);
  viewer.setDrawn(image.drawing.toCanvas());
}

async function addFiles(files) {
  messages.clear();
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
      $("command").replaceChildren(...markOptions(found.command));
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
  // An outline has no width, and one that is half drawn is no stroke.
  $("shape").addEventListener("change", (event) => {
    $("brush").parentElement.hidden = event.target.value === "outline";
    paint("cancel");
  });
  $("brush").addEventListener("input", (event) => { viewer.brush = Number(event.target.value); });
  $("opacity").addEventListener("input", (event) => { viewer.opacity = Number(event.target.value) / 100; viewer.draw(); });
  $("clear").addEventListener("click", () => {
    if (!page.image.drawing) return; // the image could not be read
    page.image.drawing.clear(tool());
    viewer.setDrawn(page.image.drawing.toCanvas());
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
    for (const id of Object.values(page.image.drawnIds)) {
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
    try { if (isOther && page.image) await showImage(); } catch (error) { say(error.message); return; }
    segment();
  }, live ? 40 : 0);
}

async function begin() {
  try {
    page.about = await getJson("settings");
  } catch (error) { say(error.message); return; }
  const { settings, products, groups } = page.about;
  controls = new Controls(settings, settingChanged);
  controls.build($("controls"), $("more"), $("output"), groups);
  messages.controls = controls;
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
      const image = images.find(({ id }) => id === kept.image.id) ?? kept.image;
      image.classes = kept.classes;
      strip.add(image);
      await open(image);
    } catch { sessionStorage.removeItem(KEPT); }
  }
  if (!page.image && images.length) await open(images[0]);
  document.body.dataset.ready = "true";
}

begin();
