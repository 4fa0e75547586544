// What is asked of the server: settings, image and what is drawn on it, as pairs of a query.
import { $, page } from "./page.js";

const isLoading = ({ group }) => group === "Loading";

/** Longer side of what is shown, in pixels of the screen. */
const screenSize = () => {
  const ratio = window.devicePixelRatio || 1;
  return Math.min(Math.max(Math.round(Math.max($("frame").clientWidth, $("frame").clientHeight) * ratio), 480), 1600);
};

/** What is drawn on an image. */
export function drawnQuery(image = page.image) { return Object.entries(image.drawnIds ?? {}).map(([kind, id]) => [`${kind}_id`, id]); }

export const imageQuery = () => [["image", page.image.id], ["size", screenSize()], ...page.controls.query(), ...drawnQuery()];

/** Settings of the picture itself: what is drawn does not darken it. */
export const pictureQuery = () => [["size", screenSize()],
  ...page.controls.query((setting) => isLoading(setting) && setting.name !== "roi" || setting.name === "bands")];

/** Settings by which the size and bands of an image are told. */
export const aboutQuery = () => page.controls.query((setting) => isLoading(setting) || setting.name === "bands");

/** Settings by which a file is read as a whole: what is sent, and what is drawn on it. */
export const fileQuery = () => page.controls.query((setting) => isLoading(setting) && !["roi", "crop"].includes(setting.name));

/** Settings that finding given classes in another image uses. */
export const appliedQuery = () => page.controls.query((setting) => setting.of_labels);

/** What makes the files of some products. */
export function exportQuery(save) {
  const { controls, classes } = page;
  const own = page.answer?.n_regions ? [] : classes.query();
  const hasColors = own.some(([name]) => name === "palette");
  const pairs = [...controls.query().filter(([name]) => name !== "palette" || !hasColors), ...own];
  if (save.includes("labels") && $("labels-format").value !== "png") pairs.push(["labels_format", $("labels-format").value]);
  if (save.some((name) => ["geojson", "svg"].includes(name))) for (const label of classes.dropped) pairs.push(["drop_class", label]);
  pairs.push(...controls.query(({ name }) => name === "geojson_crs" && save.includes("geojson")));
  if (save.length) pairs.push(["save", save.join(",")]);
  return [["image", page.image.id], ...pairs, ...drawnQuery()];
}
