// The tools that draw on the picture: what is drawn is kept with its image, and sent when a stroke ends.
import { getJson } from "./api.js";
import { $, page, say, showBusy } from "./page.js";
import { partQuery } from "./queries.js";
import { showHint } from "./result_view.js";
import { segment } from "./segmenting.js";

// What a tool does, below the picture.
const HINTS = {
  mask: "Paint what to leave out: it gets no label and counts in no share.",
  roi: "Paint what counts: each stroke or outline is a region of interest, with rows of its own in tables.",
};
const OUTLINE_HINT = "Drag around an area, or click its corners and then the first one again.";

const tool = () => document.querySelector("input[name=tool]:checked").value;

export function connectTools() {
  const { viewer } = page;
  for (const input of document.querySelectorAll("input[name=tool]")) {
    input.addEventListener("change", () => {
      viewer.tool = input.value;
      $("paint").hidden = input.value === "move";
      $("canvas").classList.toggle("paints", input.value !== "move");
      showToolHint();
    });
  }
  // An outline has no width, and one that is half drawn is no stroke.
  $("shape").addEventListener("change", (event) => {
    $("brush").parentElement.hidden = event.target.value === "outline";
    paint("cancel");
    showToolHint();
  });
  $("brush").addEventListener("input", (event) => { viewer.brush = Number(event.target.value); });
  $("clear").addEventListener("click", () => {
    if (!page.image.drawing) return; // the image could not be read
    page.image.drawing.clear(tool());
    viewer.setDrawn(page.image.drawing.toCanvas());
    sendDrawing(tool());
  });
  $("undo").addEventListener("click", undo);
  addEventListener("keydown", (event) => {
    const isUndo = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "z";
    // In a box of text the browser takes back what was typed.
    if (!isUndo || event.target.matches("input[type=text], input[type=number]")) return;
    event.preventDefault();
    // The last change, be it of the classes or of what is drawn.
    if (page.classes.changedAt > (page.image?.drawing?.changedAt ?? 0)) page.classes.undo(); else undo();
  });
}

function showToolHint() {
  const words = HINTS[tool()];
  showHint(words && $("shape").value === "outline" ? `${words} ${OUTLINE_HINT}` : words);
}

/** Take back the last stroke on the image that is open. */
function undo() {
  const { drawing } = page.image ?? {};
  if (!drawing) return;
  const kind = drawing.undo();
  page.viewer.setDrawn(drawing.toCanvas());
  if (kind) sendDrawing(kind);
}

/** Do what the pointer or a key asks for; acts are those of Viewer. */
export function paint(act, place, radius, isCorner = false) {
  const kind = tool();
  const shape = $("shape").value;
  const drawing = page.image?.drawing;
  if (!drawing || kind === "move") return;
  if (act === "cancel") drawing.points = [];
  else if (act === "end") {
    const isDone = drawing.end(kind, shape, isCorner);
    if (isDone) sendDrawing(kind);
  } else drawing[act](kind, shape, place, radius);
  page.viewer.setDrawn(drawing.toCanvas());
}

async function sendDrawing(kind) {
  const { image } = page;
  const { drawing, drawnIds } = image;
  // The newest drawing wins, also where an older one is still on its way.
  image.sending?.[kind]?.abort();
  const mine = new AbortController();
  image.sending = { ...image.sending, [kind]: mine };
  try {
    if (kind === "mask" ? drawing.hasMask : drawing.hasRoi) {
      showBusy("working");
      const { id } = await getJson(`images/${image.id}/${kind}`, {
        method: "POST", body: drawing.toPgm(kind), query: partQuery(), signal: mine.signal,
      });
      drawnIds[kind] = id;
    } else delete drawnIds[kind];
    if (page.image !== image) return;
    if (drawnIds.roi) page.controls.set("roi", "");
    segment();
  } catch (error) {
    if (error.name === "AbortError") return;
    showBusy("");
    say(error.message);
  }
}
