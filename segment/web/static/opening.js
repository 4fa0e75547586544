// Images are opened: from the strip, or as files that are chosen, dropped or pasted.
import { ApiError, getBitmap, getJson } from "./api.js";
import { Drawing } from "./drawing.js";
import { $, page, say, showBusy } from "./page.js";
import { aboutQuery, fileQuery, pictureQuery } from "./queries.js";
import { hideResult } from "./result_view.js";
import { segment, stopSegmenting } from "./segmenting.js";

export function connectFiles() {
  $("file").addEventListener("change", (event) => { addFiles([...event.target.files]); event.target.value = ""; });
  $("choose").addEventListener("click", () => $("file").click());
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
}

/** Open an image that the server has. */
export async function open(image) {
  if (page.answer) page.image.classes = page.classes.save();
  stopSegmenting();
  Object.assign(page, { image, answer: null, labels: null, kept: image.classes ?? null });
  $("drop").hidden = true;
  $("viewer").hidden = false;
  page.messages.clear();
  page.strip.mark(image.id);
  try {
    await showImage();
    if (page.image === image) await segment();
  } catch (error) {
    if (error.name === "AbortError" || page.image !== image) return;
    // Nothing of another image stays beside the name of this one.
    page.viewer.setPicture(null);
    hideResult();
    $("about").textContent = image.name;
    say(error.message);
  }
}

/** Show the picture, and what it is. */
export async function showImage() {
  const { image, strip, viewer } = page;
  const about = await getJson(`images/${image.id}`, { query: aboutQuery() });
  const bitmap = await getBitmap(`images/${image.id}/picture`, { query: pictureQuery(about) });
  const size = `${about.width} × ${about.height}`;
  const part = page.controls.all().crop;
  // What was drawn on another part of the file does not fit.
  const isOther = image.size !== size || image.part !== part;
  if (isOther) image.drawnIds = {};
  if (isOther || !image.drawing) {
    image.drawing = new Drawing(bitmap.width, bitmap.height);
    await loadDrawing(image, part);
  }
  Object.assign(image, about, { size, part });
  strip.setPicture(image.id, bitmap);
  if (page.image !== image) return;
  $("about").textContent = `${image.name}  ·  ${size}  ·  ${image.bands.length} ${image.bands.length === 1 ? "band" : "bands"}, ${image.depth}`;
  document.title = `${image.name} – segment`;
  viewer.setPicture(bitmap, [image.width, image.height]);
  viewer.setDrawn(image.drawing.toCanvas());
}

/** Load what was drawn on an image before the page was loaded again. */
async function loadDrawing(image, part) {
  for (const [kind, id] of Object.entries(image.drawnIds)) {
    try {
      const bitmap = await getBitmap(`images/${image.id}/files/${id}`);
      image.drawing.load(kind, bitmap, part ? part.split(",").map(Number) : undefined);
    } catch (error) {
      delete image.drawnIds[kind];
      if (page.image === image) say(error.message);
    }
  }
}

/** Send files to the server, open the first that it takes, and then say what is wrong with the others. */
async function addFiles(files) {
  page.messages.clear();
  let first = null;
  const failures = [];
  for (const file of files) {
    showBusy(`reading ${file.name}`);
    try {
      const image = await sendFile(file);
      image.isSent = true;
      page.strip.add(image);
      if (!first) { first = image; await open(image); }
    } catch (error) { failures.push(error instanceof ApiError ? error.message : `${file.name}: cannot be sent.`); } finally { showBusy(""); }
  }
  for (const failure of failures) say(failure);
}

async function sendFile(file) {
  const { max_bytes: maxBytes } = page.about.limits;
  if (file.size > maxBytes) throw new ApiError(`${file.name}: at most ${maxBytes / 1e6} MB are taken. Start segment serve with a larger --max-upload.`);
  if (!file.size) throw new ApiError(`${file.name}: the file is empty. Choose another one.`);
  return getJson("images", { method: "POST", body: file, query: [["file", file.name], ...fileQuery()] });
}
