// What is asked of the server: settings, image and what is drawn on it, as pairs of a query.
import { $, page } from "./page.js";

const MAX_SIZE = 4096; // that the server takes

const isLoading = ({ group }) => group === "Loading";

const isAboutPicture = (setting) => isLoading(setting) || ["bands", "log_scale"].includes(setting.name);

/** Longer side, in pixels, of what is shown of an image of a size: that of the screen. */
function screenSize({ width = 1, height = 1 }) {
  const { clientWidth, clientHeight } = $("frame");
  const side = Math.min(Math.max(Math.max(clientWidth, clientHeight) * (window.devicePixelRatio || 1), 480), 1600);
  // A strip that is longer than 2:1 is zoomed into: it has as many pixels as one of 2:1.
  const elongation = Math.max(width, height) / Math.min(width, height) / 2;
  return Math.min(Math.round(side * Math.sqrt(Math.max(elongation, 1))), MAX_SIZE);
}

/** What is drawn on an image. */
export function drawnQuery(image = page.image) { return Object.entries(image.drawnIds ?? {}).map(([kind, id]) => [`${kind}_id`, id]); }

export const imageQuery = () => [["image", page.image.id], ["size", screenSize(page.image)], ...page.controls.query(), ...drawnQuery()];

/** Settings of the picture itself, for an image of a size: what is drawn does not darken it. */
export const pictureQuery = (size) => [["size", screenSize(size)],
  ...page.controls.query((setting) => isAboutPicture(setting) && setting.name !== "roi")];

/** Settings by which the size and bands of an image are told, and how it is shown. */
export const aboutQuery = () => page.controls.query(isAboutPicture);

/** Settings by which a file is read that is sent. */
export const fileQuery = () => page.controls.query((setting) => isLoading(setting) && !["roi", "crop"].includes(setting.name));

/** Settings by which the part of a file is read that something is drawn on. */
export const partQuery = () => page.controls.query((setting) => isLoading(setting) && setting.name !== "roi");

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
