// What is shown of an answer: messages, classes, charts, the layer of labels, and single pixels.
import { getJson, paintLabels } from "./api.js";
import { drawCurve, drawHistogram } from "./charts.js";
import { parseColor } from "./classes.js";
import { $, capitalize, make, page, remember, say } from "./page.js";
import { drawnQuery, imageQuery } from "./queries.js";
import { refreshCommand, showProducts } from "./export.js";

const PIXEL_HINT = $("pixel").textContent;
let hint = PIXEL_HINT;
let found = null; // the pixel that was looked up

/** Say below the picture what a tool does; without a text, what a click does. */
export function showHint(text = PIXEL_HINT) {
  hint = text;
  found = null;
  $("pixel").textContent = page.answer ? hint : "";
}

export function showResult() {
  const { answer, classes, controls } = page;
  page.messages.clear();
  // Notes of the picture itself, such as that its display is stretched, are no warnings of the result.
  for (const note of page.image.notes) if (!answer.warnings.includes(note)) say(`${capitalize(note)}.`, "");
  for (const warning of answer.warnings) say(`${capitalize(warning)}.`, "warning");
  if (answer.choice) say(`${capitalize(answer.choice)}.`, "");
  showHint(hint); // what was looked up was another result
  classes.update(answer.classes, answer.is_sampled, page.kept);
  page.kept = undefined;
  $("classes").hidden = !answer.classes.length;
  // Screen readers say it when there is a result.
  $("classes-note").textContent = [`${answer.classes.length === 1 ? "1 class" : `${answer.classes.length} classes`} found.`,
    ...(answer.is_sampled ? ["Measured at the size of the screen; tables are exact."] : [])].join(" ");
  if (answer.n_regions) say(answer.n_regions === 1 ? "1 region." : `${answer.n_regions} regions.`, "");
  controls.showChosen("regions", answer.n_regions);
  controls.showChosen("k", answer.curve?.chosen);
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
export function hideResult() {
  for (const id of ["classes", "histogram", "export"]) $(id).hidden = true;
  found = null;
  $("pixel").textContent = "";
  drawCurve($("curve"), null);
  page.viewer.setResult(null);
}

export function showCharts() {
  drawCurve($("curve"), page.answer?.curve);
  const chart = page.answer?.histograms[$("feature").selectedIndex];
  if (!chart || !$("histogram").open) return;
  // Classes that are merged have one curve.
  const groups = page.classes.groups.map((labels) => page.classes.describe(labels));
  const add = (a, b) => a.map((value, i) => value + b[i]);
  const curves = groups.map(({ labels }) => labels.map((label) => chart.curves[label - 1]).reduce(add));
  drawHistogram($("chart"), { ...chart, curves }, groups.map(({ color }) => color));
}

/** Color of each label; regions have those of their files. */
function labelColors() {
  return page.answer.n_regions ? [null, ...page.answer.colors.map(parseColor)] : page.classes.palette;
}

export function showLabels() {
  if (!page.labels) return;
  const layer = paintLabels(page.labels, labelColors());
  page.viewer.setResult(layer);
  page.strip.update(page.image.id, layer);
}

/** Show the class, the probabilities and the color of a pixel of the image. */
export async function lookUp(x, y) {
  if (!page.answer) return;
  const { answer, image } = page;
  try {
    const pixel = await getJson(`images/${image.id}/pixel`, { query: [...imageQuery().slice(1), ["x", x], ["y", y]] });
    if (page.answer !== answer) return;
    found = { ...pixel, x, y };
    showPixel();
  } catch (error) { say(error.message); }
}

/** Show the pixel that was looked up, if there is one, with the classes as they are named and merged now. */
export function showPixel() {
  if (!found) return;
  const { answer, classes } = page;
  const line = [`${found.x}, ${found.y}`];
  if (found.values.length) line.push(answer.channels.map((name, i) => `${name} ${Number(found.values[i].toPrecision(5))}`).join("  "));
  const label = answer.n_regions ? `region ${found.label}` : found.label ? classes.nameOf(found.label) : "no label";
  const color = labelColors()[found.label];
  const swatch = make("span", { className: "swatch" });
  if (color) swatch.style.background = `rgb(${color})`;
  // The probability of a merged class is that of all its parts.
  const chances = found.posteriors ? classes.groups.map((labels) => [labels.reduce((sum, n) => sum + found.posteriors[n - 1], 0), labels[0]]) : [];
  const likely = chances.filter(([value]) => value > 0.005).sort((a, b) => b[0] - a[0]);
  const words = likely.map(([value, n]) => `${classes.nameOf(n)} ${(100 * value).toFixed(1)} %`).join(", ");
  // The spaces part them for screen readers.
  $("pixel").replaceChildren(make("span", { textContent: line.join("   ") }), " ", make("strong", {}, swatch, ` ${label}`), " ", make("span", { textContent: words }));
}
