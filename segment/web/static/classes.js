// The classes as a person wants them: named, merged, hidden, recolored. All of it stays in the browser until export.
import { make } from "./page.js";

const MAX_UNDO = 20; // changes

/** The bytes of #rrggbb. */
export const parseColor = (color) => color.match(/\w\w/g).map((part) => parseInt(part, 16));

/** A share as in legends: no class with pixels has 0.0 %. */
export const formatShare = (share) => (share === 0 || share >= 0.001 ? `${(100 * share).toFixed(1)} %` : "< 0.1 %");

export class ClassList {
  constructor(list, onChange, onRefuse) {
    Object.assign(this, { list, onChange, onRefuse });
    this.rows = [];
    this.before = []; // what there was before each of the last changes, and when it ended
    this.reset();
  }

  /** Begin with the classes as they are, or with what {@link save} gave. */
  reset({ names, colors, hidden, merges } = {}) {
    this.names = new Map(names); // by the lowest label of a group
    this.colors = new Map(colors);
    this.hidden = new Set(hidden);
    this.merges = merges ?? []; // lists of labels that are one class
  }

  /**
   * Take over the classes of a result. Changes of a person are kept as long as there are as many classes; of another
   * image they are those of `kept`, or none where it is null.
   */
  update(rows, isSampled, kept) {
    this.isSampled = isSampled;
    if (rows.length !== this.rows.length || kept !== undefined) {
      this.reset(kept?.n === rows.length ? kept : {});
      this.before = [];
    }
    this.rows = rows;
    this.render();
  }

  /** Groups of labels that are shown as one class, in the order of their lowest label. */
  get groups() {
    const taken = new Set(this.merges.flat());
    const single = this.rows.map((row) => row.label).filter((label) => !taken.has(label)).map((label) => [label]);
    return [...single, ...this.merges.map((labels) => [...labels].sort((a, b) => a - b))].sort((a, b) => a[0] - b[0]);
  }

  describe(labels) {
    const parts = labels.map((label) => this.rows[label - 1]);
    const [key] = labels;
    return {
      key, labels,
      name: this.names.get(key) ?? (labels.length > 1 ? `classes ${labels.join(", ")}` : parts[0].name),
      color: this.colors.get(key) ?? parts.reduce((a, b) => (b.share > a.share ? b : a)).color,
      share: parts.reduce((sum, row) => sum + row.share, 0),
      pixels: parts.reduce((sum, row) => sum + row.pixels, 0),
      isHidden: this.hidden.has(key),
    };
  }

  /** Color of each label, as bytes; null where it is hidden. */
  get palette() {
    const palette = [null];
    for (const group of this.groups.map((labels) => this.describe(labels))) {
      for (const label of group.labels) palette[label] = group.isHidden ? null : parseColor(group.color);
    }
    return palette;
  }

  nameOf(label) {
    const group = this.groups.find((labels) => labels.includes(label));
    return group ? this.describe(group).name : "no label";
  }

  /** What the command needs to make the same: names and merges count the labels of a result without merges. */
  query() {
    const pairs = [];
    const groups = this.groups.map((labels) => this.describe(labels));
    for (const { key, labels } of groups) {
      const name = this.names.get(key);
      if (labels.length > 1) pairs.push(["merge", `${name ? `${name}=` : ""}${labels.join(",")}`]);
      else if (name) pairs.push(["name", `${key}=${name}`]);
    }
    // Once a color or a merge is chosen, all colors are those of the page.
    if (this.colors.size || this.merges.length) {
      pairs.push(["palette", groups.map(({ color }, i) => `${i + 1}=${color}`).join(",")]);
    }
    return pairs;
  }

  /** Hidden classes are left out of polygons; they have the numbers of the result. */
  get dropped() {
    return this.groups.map((labels, i) => [this.hidden.has(labels[0]), String(i + 1)]).filter(([hidden]) => hidden).map(([, n]) => n);
  }

  save() { return { names: [...this.names], colors: [...this.colors], hidden: [...this.hidden], merges: this.merges, n: this.rows.length }; }

  #keep() {
    this.before.push({ ...this.save(), time: performance.now() });
    if (this.before.length > MAX_UNDO) this.before.shift();
  }

  /** When the last change was made that can be taken back; 0 for none. */
  get changedAt() { return this.before.at(-1)?.time ?? 0; }

  /** Take back the last merge, split, name, color, or hiding. */
  undo() {
    this.reset(this.before.pop());
    this.#changed();
  }

  merge(a, b) {
    const of = (label) => this.groups.find((labels) => labels.includes(label));
    const [first, second] = [of(a), of(b)];
    if (!first || !second || first === second || first[0] === second[0]) return;
    this.#keep();
    const joined = [...first, ...second].sort((x, y) => x - y);
    // The class that another one is dropped on gives the color, and the name if it was given one.
    const { key, color } = this.describe(second);
    const name = this.names.get(key) ?? this.names.get(first[0]);
    for (const old of [first[0], second[0]]) for (const store of [this.names, this.colors, this.hidden]) store.delete(old);
    this.merges = [...this.merges.filter((labels) => !labels.some((label) => joined.includes(label))), joined];
    if (name) this.names.set(joined[0], name);
    this.colors.set(joined[0], color);
    this.#changed();
  }

  split(key) {
    this.#keep();
    this.merges = this.merges.filter((labels) => Math.min(...labels) !== key);
    this.names.delete(key);
    this.colors.delete(key);
    this.#changed();
  }

  #changed() { this.render(); this.onChange(); }

  rename(key, text) {
    // The marks that separate names in the command, and names that stand for numbers.
    const name = text.replace(/[=,]/g, " ").replace(/\s+/g, " ").trim().slice(0, 50);
    const isNumber = /^class \d+$/.test(name);
    const isTaken = this.groups.some((labels) => labels[0] !== key && this.names.get(labels[0]) === name);
    this.#keep();
    if (name && !isNumber && !isTaken) this.names.set(key, name); else this.names.delete(key);
    this.#changed();
    if (isTaken) this.onRefuse(`Another class is called ${name}. Merge the two, or give another name.`);
    else if (isNumber && name !== `class ${key}`) this.onRefuse(`${name} stands for a number. Give another name.`);
  }

  render() {
    const format = new Intl.NumberFormat("en");
    const focused = document.activeElement?.id;
    this.list.replaceChildren(...this.groups.map((labels, number) => {
      const group = this.describe(labels);
      const { key } = group;
      const color = make("input", { type: "color", value: group.color, id: `color-${key}` });
      color.setAttribute("aria-label", `Color of ${group.name}`);
      let isPicking = false; // while a color is being looked for, it changes many times
      color.addEventListener("input", () => {
        if (!isPicking) this.#keep();
        isPicking = true;
        this.colors.set(key, color.value);
        this.onChange();
      });
      color.addEventListener("change", () => this.#changed());
      const name = make("input", { type: "text", className: "name", value: group.name, id: `name-${key}`, maxLength: 50, spellcheck: false });
      name.setAttribute("aria-label", `Name of ${group.name}`);
      name.addEventListener("change", () => this.rename(key, name.value));
      const share = make("span", { className: "share", textContent: formatShare(group.share) },
        make("small", { textContent: `${this.isSampled ? "≈ " : ""}${format.format(group.pixels)} px` }));
      const hide = make("button", { type: "button", textContent: group.isHidden ? "Show" : "Hide", id: `hide-${key}` });
      hide.setAttribute("aria-label", `${hide.textContent} ${group.name}`);
      hide.addEventListener("click", () => { this.#keep(); if (!this.hidden.delete(key)) this.hidden.add(key); this.#changed(); });
      const others = this.groups.filter((other) => other !== labels && other[0] !== key).map((other) => this.describe(other));
      const merge = make("select", { id: `merge-${key}` }, make("option", { value: "", textContent: "Merge with" }),
        ...others.map((other) => make("option", { value: other.key, textContent: other.name })));
      merge.setAttribute("aria-label", `Merge ${group.name} with`);
      // Arrows and letters open the list: on a closed one the first key would merge at once.
      merge.addEventListener("keydown", (event) => {
        const isChoice = /^(Arrow|Page|Home|End)|^\S$/.test(event.key);
        if (!isChoice || event.altKey || event.ctrlKey || event.metaKey || !merge.showPicker) return;
        event.preventDefault();
        merge.showPicker();
      });
      merge.addEventListener("change", () => { if (merge.value) this.merge(key, Number(merge.value)); });
      const acts = make("div", { className: "acts" }, hide, merge);
      if (labels.length > 1) {
        const split = make("button", { type: "button", textContent: "Split", id: `split-${key}` });
        split.setAttribute("aria-label", `Split ${group.name}`);
        split.addEventListener("click", () => this.split(key));
        acts.append(split);
      }
      // The classes of a merge have one number, and those after them move up.
      const nameInFiles = `class ${number + 1}`;
      if (this.merges.length && !this.names.has(key) && group.name !== nameInFiles) {
        acts.append(make("small", { className: "quiet", textContent: `${nameInFiles} in files` }));
      }
      const fill = make("i");
      fill.style.width = `${100 * group.share}%`;
      fill.style.background = group.color;
      const item = make("li", { className: group.isHidden ? "hidden" : "", draggable: true }, color, name, share,
        make("div", { className: "bar" }, fill), acts);
      item.dataset.key = key;
      this.#makeDraggable(item, key);
      return item;
    }));
    // Keys go on at the class that a merge or a split has left, where what was pressed is gone.
    const [, key] = focused?.match(/^(?:merge|split)-(\d+)$/) ?? [];
    const row = key && this.groups.find((labels) => labels.includes(Number(key)));
    (document.getElementById(focused) ?? (row && document.getElementById(`merge-${row[0]}`)))?.focus();
  }

  #makeDraggable(item, key) {
    item.addEventListener("dragstart", (event) => {
      // A text that is being edited is no class.
      if (document.activeElement?.type === "text" && item.contains(document.activeElement)) { event.preventDefault(); return; }
      event.dataTransfer.setData("application/x-class", String(key));
    });
    const takes = (event) => event.dataTransfer.types.includes("application/x-class");
    item.addEventListener("dragover", (event) => { if (takes(event)) { event.preventDefault(); item.classList.add("over"); } });
    item.addEventListener("dragleave", () => item.classList.remove("over"));
    item.addEventListener("drop", (event) => {
      if (!takes(event)) return;
      event.preventDefault();
      event.stopPropagation();
      this.merge(Number(event.dataTransfer.getData("application/x-class")), key);
    });
  }
}
