// The export: the files of the products, and the command that makes the same.
import { fileName, getJson, request, saveBlob } from "./api.js";
import { markOptions } from "./messages.js";
import { $, connectHelp, make, page, say } from "./page.js";
import { exportQuery } from "./queries.js";

const CHOSEN_AT_FIRST = ["panel", "labels", "config"];

const productInputs = () => [...document.querySelectorAll("#products input")];
const chosenProducts = () => productInputs().filter((input) => input.checked && !input.disabled).map((input) => input.value);

/** Make the controls, and let them work. */
export function connectExport({ products, settings }) {
  const line = make("p", { className: "help", ariaHidden: "true", textContent: "Point at a file, or go to it, to see what it holds." });
  $("products").append(...products.map((product) => {
    const input = make("input", { type: "checkbox", value: product.name, checked: CHOSEN_AT_FIRST.includes(product.name) });
    input.setAttribute("aria-description", product.help);
    const label = make("label", { className: "check" }, input, product.name);
    label.dataset.help = `${product.name}: ${product.help}.`;
    return label;
  }), line);
  connectHelp($("products"), line);
  const formats = settings.find((setting) => setting.name === "labels_format").choices;
  $("labels-format").append(...formats.map((format) => make("option", { value: format, textContent: format.toUpperCase() })));
  $("export").addEventListener("toggle", refreshCommand);
  $("products").addEventListener("change", () => { enableDownload(); refreshCommand(); });
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
}

/** Offer the products that the answer has. */
export function showProducts() {
  const isRegions = Boolean(page.answer.n_regions);
  for (const input of productInputs()) {
    const product = page.about.products.find((each) => each.name === input.value);
    input.disabled = !(isRegions ? product.of_regions : product.of_classes);
  }
  enableDownload();
}

function enableDownload() { $("download").disabled = !chosenProducts().length; }

let commandTimer = 0;
export function refreshCommand() {
  if (!$("export").open || !page.answer) return;
  clearTimeout(commandTimer);
  commandTimer = setTimeout(async () => {
    try {
      const found = await getJson("command", { query: exportQuery(chosenProducts()) });
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
    const answer = await request("segment", { method: "POST", query: exportQuery(chosenProducts()) });
    saveBlob(await answer.blob(), fileName(answer));
    document.body.dataset.saved = fileName(answer);
  } catch (error) { say(error.message); } finally {
    button.textContent = "Download";
    enableDownload();
  }
}
