// The picture and its classes on one canvas: a slider between them or both beside each other, zoom and pan.
const THIN = 24; // pixels of the screen
const GRIP = 8; // pixels on either side of the line between picture and result, by which it is dragged
const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export class Viewer {
  constructor(canvas, split, { onPick, onPaint }) {
    Object.assign(this, { canvas, split, onPick, onPaint });
    this.context = canvas.getContext("2d");
    this.beside = false;
    this.tool = "move";
    this.brush = 36;
    this.opacity = 1;
    this.zoom = 1;
    this.center = [0.5, 0.5];
    this.cursor = null;
    this.pointers = new Map();
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoomBy(Math.exp(-event.deltaY / 400), this.#place(event));
    }, { passive: false });
    for (const [kind, act] of [["pointerdown", "down"], ["pointermove", "move"], ["pointerup", "up"], ["pointercancel", "up"]]) {
      canvas.addEventListener(kind, (event) => this[act](event));
    }
    canvas.addEventListener("keydown", (event) => this.key(event));
    split.addEventListener("input", () => this.draw());
  }

  /** Show another picture, or none: size is that of the whole image, in its pixels. */
  setPicture(bitmap, size = [1, 1]) {
    const isNew = !this.size || this.size[0] !== size[0] || this.size[1] !== size[1];
    Object.assign(this, { picture: bitmap, size, result: null, drawn: null, cursor: null });
    if (isNew) this.fit(); else this.draw();
  }

  setResult(canvas) { this.result = canvas; this.draw(); }

  setDrawn(canvas) { this.drawn = canvas; this.draw(); }

  fit() { this.zoom = 1; this.center = [0.5, 0.5]; this.draw(); }

  zoomBy(factor, place = null) {
    const before = place && this.toImage(place);
    this.zoom = clamp(this.zoom * factor, 1, 64);
    if (before) {
      const after = this.toImage(place);
      this.center = this.center.map((value, axis) => value + before[axis] - after[axis]);
    }
    this.draw();
  }

  /** Where the picture lies on the canvas: the panes, and the scale from shares of the image to pixels. */
  get layout() {
    const [width, height] = [this.canvas.width, this.canvas.height];
    const fit = (w, h) => Math.min(w / this.size[0], h / this.size[1]);
    // Wide pictures lie above each other where they are much larger so.
    const upright = this.beside && fit(width, height / 2) > 1.3 * fit(width / 2, height);
    const pane = this.beside ? (upright ? [width, height / 2] : [width / 2, height]) : [width, height];
    const scale = fit(...pane) * this.zoom;
    // A picture of one row is drawn higher than it is: nobody would see it.
    const extent = this.size.map((side) => Math.max(side * scale, THIN * (window.devicePixelRatio || 1)));
    this.center = this.center.map((value, axis) => {
      const half = pane[axis] / extent[axis] / 2;
      return half >= 0.5 ? 0.5 : clamp(value, half, 1 - half);
    });
    const origin = [0, 1].map((axis) => pane[axis] / 2 - this.center[axis] * extent[axis]);
    const panes = this.beside ? [[0, 0], upright ? [0, pane[1]] : [pane[0], 0]] : [[0, 0]];
    return { pane, extent, origin, panes };
  }

  /** From a place on the canvas to shares of the image. */
  toImage([x, y]) {
    const { pane, extent, origin, panes } = this.layout;
    const [left, top] = panes.findLast(([a, b]) => x >= a && y >= b) ?? panes[0];
    return [(x - left - origin[0]) / extent[0], (y - top - origin[1]) / extent[1], pane];
  }

  draw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.#paint(); });
  }

  #paint() {
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight].map((n) => Math.round(n * ratio));
    if (!this.size || !width) return;
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    const { context } = this;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    const { pane, extent, origin, panes } = this.layout;
    const at = Number(this.split.value) / 100 * width;
    panes.forEach(([left, top], number) => {
      const box = [left + origin[0], top + origin[1], ...extent];
      const clip = (x, w, layer, opacity) => {
        if (!layer || w <= 0) return;
        context.save();
        context.beginPath();
        context.rect(x, top, w, pane[1]);
        context.clip();
        context.globalAlpha = opacity;
        context.imageSmoothingEnabled = extent[0] < 2 * layer.width;
        context.drawImage(layer, ...box);
        context.restore();
      };
      clip(left, pane[0], this.picture, 1);
      if (this.beside) { if (number === 1) clip(left, pane[0], this.result, this.opacity); }
      else clip(at, width - at, this.result, this.opacity);
      clip(left, pane[0], this.drawn, 0.6);
      if (this.cursor) this.#cross(left + origin[0] + this.cursor[0] * extent[0], top + origin[1] + this.cursor[1] * extent[1]);
    });
    if (!this.beside && this.result) {
      context.fillStyle = "rgba(255,255,255,.9)";
      context.fillRect(at - ratio, 0, 2 * ratio, height);
      context.fillStyle = "rgba(0,0,0,.35)";
      context.fillRect(at + ratio, 0, ratio, height);
    }
  }

  #cross(x, y) {
    const { context } = this;
    for (const [style, width] of [["rgba(0,0,0,.8)", 4], ["#fff", 2]]) {
      context.strokeStyle = style;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(x - 12, y); context.lineTo(x + 12, y);
      context.moveTo(x, y - 12); context.lineTo(x, y + 12);
      context.stroke();
    }
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const ratio = this.canvas.width / box.width;
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
  }

  #isOnLine([x]) {
    const isLine = this.tool === "move" && !this.beside && this.result !== null;
    return isLine && Math.abs(x - this.split.value / 100 * this.canvas.width) <= GRIP * (window.devicePixelRatio || 1);
  }

  /** Of the brush, as a share of the width of the image. */
  get #radius() { return this.brush / this.layout.extent[0] * (window.devicePixelRatio || 1); }

  down(event) {
    if (!this.picture) return;
    this.canvas.setPointerCapture(event.pointerId);
    const place = this.#place(event);
    this.pointers.set(event.pointerId, place);
    this.moved = 0;
    this.cursor = null;
    this.isSplitting = this.#isOnLine(place);
    if (this.tool !== "move") this.onPaint("begin", this.toImage(place), this.#radius);
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    const place = this.#place(event);
    if (!before) { this.canvas.classList.toggle("splits", this.#isOnLine(place)); return; }
    this.moved += Math.abs(place[0] - before[0]) + Math.abs(place[1] - before[1]);
    if (this.tool !== "move") {
      if (!this.isClick) this.onPaint("go", this.toImage(place), this.#radius);
    } else if (this.isSplitting) {
      this.split.value = 100 * place[0] / this.canvas.width;
      this.draw();
    } else if (this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const spread = (at) => Math.hypot(at[0] - other[0], at[1] - other[1]);
      this.zoomBy(spread(place) / Math.max(spread(before), 1), other);
      this.moved = Infinity;
    } else {
      const { extent } = this.layout;
      this.center = this.center.map((value, axis) => value - (place[axis] - before[axis]) / extent[axis]);
      this.draw();
    }
    this.pointers.set(event.pointerId, place);
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    if (this.tool !== "move") this.onPaint("end", null, 0, this.isClick);
    else if (this.isClick && event.type === "pointerup") this.#pick(this.toImage(this.#place(event)));
  }

  /** Whether the pointer has hardly moved since it went down. */
  get isClick() { return this.moved < 6; }

  #pick([x, y]) {
    if (x < 0 || y < 0 || x >= 1 || y >= 1) return;
    this.cursor = [x, y];
    this.draw();
    this.onPick(Math.floor(x * this.size[0]), Math.floor(y * this.size[1]));
  }

  key(event) {
    if (!this.picture || event.ctrlKey || event.metaKey) return;
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[event.key];
    if (event.key === "+" || event.key === "=") this.zoomBy(1.25);
    else if (event.key === "-") this.zoomBy(0.8);
    else if (event.key === "0") this.fit();
    else if (step) {
      // A cursor moves over the picture; the view follows it.
      const by = (event.shiftKey ? 0.05 : 0.01) / this.zoom;
      this.cursor = (this.cursor ?? [...this.center]).map((value, axis) => clamp(value + step[axis] * by, 0, 0.9999));
      if (this.zoom > 1) this.center = [...this.cursor];
      this.draw();
    } else if (event.key === "Enter" || event.key === " ") {
      this.cursor ??= [...this.center];
      if (this.tool === "move") this.#pick(this.cursor);
      else { this.onPaint("begin", this.cursor, this.#radius); this.onPaint("end", null, 0, true); }
    } else if (event.key === "Escape") { this.cursor = null; this.onPaint("cancel"); this.draw(); }
    else return;
    event.preventDefault();
  }
}
