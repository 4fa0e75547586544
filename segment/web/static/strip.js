// The images that are open, as a strip of thumbnails, and one run over all of them.
import { getBitmap, getJson, paintLabels, readLabels, request } from "./api.js";
import { formatShare, parseColor } from "./classes.js";
import { $, make } from "./page.js";

export class Strip {
  constructor({ open, settings, applied, drawn, colors, begin, fail }) {
    Object.assign(this, { open, settings, applied, drawn, colors, begin, fail });
    this.items = new Map();
    this.current = null;
    $("all").addEventListener("click", () => this.run());
  }

  get images() { return [...this.items.values()].map(({ image }) => image); }

  add(image) {
    if (this.items.has(image.id)) return;
    const canvas = make("canvas", { width: 228, height: 152 });
    const button = make("button", { type: "button", title: image.name }, canvas, make("span", { textContent: image.name }));
    button.addEventListener("click", () => this.open(image));
    const item = { image, canvas, button };
    this.items.set(image.id, item);
    $("thumbs").append(make("li", {}, button));
    $("strip").hidden = this.items.size < 2;
    // Those that are seen first are loaded; the others when they come into view.
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      this.#load(item);
    }).observe(button);
  }

  #remove({ image, button }) {
    this.items.delete(image.id);
    button.parentElement.remove();
    $("strip").hidden = this.items.size < 2;
  }

  mark(id) {
    this.current = id;
    for (const [key, { button }] of this.items) button.setAttribute("aria-current", String(key === id));
    // Into view along the strip alone: the page stays where it is.
    const [list, item] = [$("thumbs").getBoundingClientRect(), this.items.get(id)?.button.getBoundingClientRect()];
    if (item) $("thumbs").scrollLeft += Math.min(item.left - list.left, Math.max(item.right - list.right, 0));
  }

  /** Show the classes of an image, painted as a layer, in its thumbnail. */
  update(id, layer) {
    const item = this.items.get(id);
    if (!item) return;
    item.layer = layer;
    this.#draw(item);
  }

  /** Show an image as it was opened in its thumbnail. */
  setPicture(id, bitmap) {
    const item = this.items.get(id);
    if (!item) return;
    const scale = Math.min(1, item.canvas.width / Math.max(bitmap.width, bitmap.height));
    const small = new OffscreenCanvas(...[bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(scale * side))));
    small.getContext("2d").drawImage(bitmap, 0, 0, small.width, small.height);
    Object.assign(item, { picture: small, layer: null });
    item.button.title = item.image.name;
    item.button.querySelector("span").textContent = item.image.name;
    this.#draw(item);
  }

  async #load(item) {
    try {
      const picture = await getBitmap(`images/${item.image.id}/picture`, { query: [["size", 228]] });
      item.picture ??= picture; // it may have been opened meanwhile
      this.#draw(item);
    } catch (error) {
      if (item.image.isSent) { this.#remove(item); return; } // the server has forgotten it
      item.button.title = error.message;
      item.button.querySelector("span").textContent = `${item.image.name}: failed`;
    }
  }

  #draw({ canvas, picture, layer }) {
    const context = canvas.getContext("2d");
    const [width, height] = picture ? [picture.width, picture.height] : layer ? [layer.width, layer.height] : [3, 2];
    const scale = Math.min(canvas.width / width, canvas.height / height);
    const [w, h] = [width * scale, height * scale];
    const [x, y] = [(canvas.width - w) / 2, (canvas.height - h) / 2];
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (picture) context.drawImage(picture, x, y, w, h);
    // The lower half shows the classes.
    if (layer) context.drawImage(layer, 0, layer.height / 2, layer.width, layer.height / 2, x, y + h / 2, w, h / 2);
  }

  /** Segment every image with the same settings, or with the classes of the present one. */
  async run() {
    const button = $("all");
    if (this.stop) { this.stop.abort(); return; }
    this.stop = new AbortController();
    const { signal } = this.stop;
    button.textContent = "Stop";
    this.begin();
    const items = [...this.items.values()];
    for (const { button: each } of items) delete each.dataset.state;
    Object.assign($("progress"), { hidden: false, max: items.length, value: 0 });
    let failed = 0;
    try {
      const query = await this.#query(signal);
      for (const [number, item] of items.entries()) {
        $("progress-text").textContent = `${number + 1} of ${items.length}: ${item.image.name}`;
        item.button.dataset.state = "working";
        try {
          const answer = await getJson("segment", { method: "POST", query: [["image", item.image.id], ["size", 480], ...query, ...this.drawn(item.image)], signal });
          const own = [null, ...(answer.colors ?? answer.classes.map(({ color }) => color)).map(parseColor)];
          this.update(item.image.id, paintLabels(await readLabels(answer), $("shared").checked ? this.colors() : own));
          item.button.title = [item.image.name, ...answer.classes.map(({ name, share }) => `${name} ${formatShare(share)}`), ...answer.warnings].join("\n");
          item.button.dataset.state = "done";
        } catch (error) {
          delete item.button.dataset.state;
          if (error.name === "AbortError") throw error;
          item.button.dataset.state = "failed";
          failed += 1;
          this.fail(error.message.startsWith(`${item.image.name}: `) ? error.message : `${item.image.name}: ${error.message}`);
        }
        $("progress").value = number + 1;
      }
      $("progress-text").textContent = `${items.length - failed} of ${items.length} done${failed ? `, ${failed} failed` : ""}`;
    } catch (error) {
      $("progress-text").textContent = error.name === "AbortError" ? "stopped" : "";
      if (error.name !== "AbortError") this.fail(error.message);
    } finally {
      this.stop = null;
      button.textContent = "Segment all";
    }
  }

  async #query(signal) {
    if (!$("shared").checked) return this.settings();
    const query = [["image", this.current], ["save", "model"], ...this.settings(), ...this.drawn(this.items.get(this.current).image)];
    const model = await (await request("segment", { method: "POST", query, signal })).blob();
    const { id } = await getJson("models", { method: "POST", body: model, query: [["file", "model.json"]], signal });
    return [["model", id], ...this.applied()];
  }
}
