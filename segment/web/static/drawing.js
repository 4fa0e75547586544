// What is painted or outlined: pixels to leave out, and regions of interest. Kept at the size of the screen.
const MAX_UNDO = 20; // changes, each of which takes a byte for each pixel of the screen

export class Drawing {
  constructor(width, height) {
    Object.assign(this, { width, height });
    this.mask = new Uint8Array(width * height); // 1 where a pixel is left out
    this.roi = new Uint8Array(width * height); // number of the region of interest
    this.nRegions = 0;
    this.points = [];
    this.last = null;
    this.before = []; // what there was before each of the last changes
  }

  get hasMask() { return this.mask.some(Boolean); }

  get hasRoi() { return this.nRegions > 0; }

  clear(kind) {
    this.#keep(kind);
    this[kind].fill(0);
    if (kind === "roi") this.nRegions = 0;
    this.points = [];
  }

  /** When the last change was made that can be taken back; 0 for none. */
  get changedAt() { return this.points.length ? Infinity : this.before.at(-1)?.time ?? 0; }

  /** Take back the last corner, stroke, outline or clearing; returns the kind that it changed, if any. */
  undo() {
    if (this.points.length) { this.points.pop(); return undefined; }
    const { kind, values, nRegions } = this.before.pop() ?? {};
    if (kind) Object.assign(this, { [kind]: values, nRegions });
    return kind;
  }

  /** Take over what was drawn before the page was loaded again: the picture that the server keeps, and the part that is shown. */
  load(kind, bitmap, [left, top, right, bottom] = [0, 0, bitmap.width, bitmap.height]) {
    const canvas = new OffscreenCanvas(this.width, this.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingEnabled = false;
    context.drawImage(bitmap, left, top, right - left, bottom - top, 0, 0, this.width, this.height);
    const { data } = context.getImageData(0, 0, this.width, this.height);
    for (let i = 0; i < this.mask.length; i += 1) this[kind][i] = kind === "mask" ? Number(data[4 * i] === 0) : data[4 * i];
    if (kind === "roi") this.nRegions = this.roi.reduce((a, b) => Math.max(a, b), 0);
  }

  #keep(kind) {
    this.before.push({ kind, values: this[kind].slice(), nRegions: this.nRegions, time: performance.now() });
    if (this.before.length > MAX_UNDO) this.before.shift();
  }

  /** A stroke or an outline begins; places are shares of the image. */
  begin(kind, shape, place, radius) {
    if (shape === "outline") { this.points.push(place); return; }
    this.#keep(kind);
    if (kind === "roi") this.nRegions = Math.min(this.nRegions + 1, 255);
    this.last = place;
    this.#dot(kind, place, radius);
  }

  go(kind, shape, place, radius) {
    if (shape === "outline") { this.points.push(place); return; }
    if (!this.last) return;
    const steps = Math.ceil(Math.hypot((place[0] - this.last[0]) * this.width, (place[1] - this.last[1]) * this.height) / 2) || 1;
    for (let i = 1; i <= steps; i += 1) {
      this.#dot(kind, [0, 1].map((axis) => this.last[axis] + (place[axis] - this.last[axis]) * i / steps), radius);
    }
    this.last = place;
  }

  /** A stroke ends; an outline is filled when it is closed. Tells whether something was drawn. */
  end(kind, shape, isCorner) {
    this.last = null;
    if (shape !== "outline") return true;
    // An outline of single corners is closed by one near the first.
    const [first, last] = [this.points[0], this.points.at(-1)];
    if (this.points.length < (isCorner ? 4 : 3)) return false;
    if (isCorner && Math.hypot(first[0] - last[0], first[1] - last[1]) > 0.02) return false;
    this.#keep(kind);
    if (kind === "roi") this.nRegions = Math.min(this.nRegions + 1, 255);
    this.#fill(kind);
    this.points = [];
    return true;
  }

  #value(kind) { return kind === "roi" ? this.nRegions : 1; }

  #dot(kind, [x, y], radius) {
    const [cx, cy, r] = [x * this.width, y * this.height, Math.max(radius * this.width / 2, 1)];
    for (let row = Math.max(0, Math.ceil(cy - r)); row <= Math.min(this.height - 1, cy + r); row += 1) {
      const half = Math.sqrt(Math.max(r * r - (row - cy) ** 2, 0));
      const [from, to] = [Math.max(0, Math.ceil(cx - half)), Math.min(this.width, Math.floor(cx + half) + 1)];
      if (to > from) this[kind].fill(this.#value(kind), row * this.width + from, row * this.width + to);
    }
  }

  #fill(kind) {
    const points = this.points.map(([x, y]) => [x * this.width, y * this.height]);
    for (let row = 0; row < this.height; row += 1) {
      const crossings = [];
      points.forEach(([x1, y1], i) => {
        const [x2, y2] = points[(i + 1) % points.length];
        if ((y1 <= row + 0.5) !== (y2 <= row + 0.5)) crossings.push(x1 + (row + 0.5 - y1) / (y2 - y1) * (x2 - x1));
      });
      crossings.sort((a, b) => a - b);
      for (let i = 0; i + 1 < crossings.length; i += 2) {
        const [from, to] = [crossings[i], crossings[i + 1]].map((x) => Math.min(Math.max(Math.round(x), 0), this.width));
        this[kind].fill(this.#value(kind), row * this.width + from, row * this.width + to);
      }
    }
  }

  /** As a PGM file, which the server brings to the size of the image. A mask is 255 where pixels count. */
  toPgm(kind) {
    const values = kind === "mask" ? this.mask.map((value) => (value ? 0 : 255)) : this.roi;
    return new Blob([`P5 ${this.width} ${this.height} 255\n`, values]);
  }

  /** As a layer over the picture. */
  toCanvas() {
    const canvas = new OffscreenCanvas(this.width, this.height);
    const context = canvas.getContext("2d");
    const image = context.createImageData(this.width, this.height);
    const pixels = new Uint32Array(image.data.buffer);
    const some = this.hasRoi;
    for (let i = 0; i < pixels.length; i += 1) {
      if (this.mask[i]) pixels[i] = 0xff2a2ad0; // red, little endian ABGR
      else if (some) pixels[i] = this.roi[i] ? 0 : 0xb0303030;
    }
    context.putImageData(image, 0, 0);
    if (this.points.length) {
      context.strokeStyle = "#ffd24a";
      context.lineWidth = 3;
      context.beginPath();
      this.points.forEach(([x, y]) => context.lineTo(x * this.width, y * this.height));
      context.stroke();
      const [[x, y]] = this.points; // where it is closed
      context.fillStyle = "#ffd24a";
      context.fillRect(x * this.width - 4, y * this.height - 4, 9, 9);
    }
    return canvas;
  }
}
