// A control for every setting, made from the table of settings that the server sends.
import { capitalize, connectHelp, make } from "./page.js";

const TITLES = {
  k: "Number of classes", features: "Color space", smoothness: "Smoothness", smooth_radius: "Smooth borders",
  min_region: "Smallest region", max_hole: "Largest hole", regions: "Regions", spatial: "Neighbors", k_range: "Range of k",
  geojson_crs: "GeoJSON CRS", svg_smooth: "Smooth SVG", n_init: "Starts", roi: "Regions of interest", nodata: "No data",
  init: "Initialization", tol: "Tolerance", tol_step: "Step tolerance", max_iter: "Max iterations", greyscale: "Grayscale",
};
const MAIN = ["k", "smoothness", "features", "spatial", "regions", "smooth_radius", "min_region", "max_hole"];
// What has a place of its own on the page.
const ELSEWHERE = new Set(["save", "labels_format", "palette", "drop_class", "merge", "name", "max_pixels", "group", "background"]);
// Ends of sliders where the range goes far beyond what is usual; the number beside it takes all of it.
const SLIDER_ENDS = { k: 12, smooth_radius: 0.01, min_region: 0.01, max_hole: 0.01, regions: 60, shrinkage: 10, reject: 0.2 };

const title = (setting) => TITLES[setting.name] ?? capitalize(setting.name.replaceAll("_", " "));

export class Controls {
  constructor(settings, onChange) {
    this.settings = new Map(settings.map((setting) => [setting.name, setting]));
    this.values = new Map(settings.map((setting) => [setting.name, setting.value]));
    this.setters = new Map();
    this.chosenSetters = new Map();
    this.fields = new Map();
    this.onChange = onChange;
  }

  /** Build the main controls into one form and all others, by stage, into another. */
  build(main, more, output, groups) {
    for (const name of MAIN) if (this.settings.has(name)) main.append(this.#field(this.settings.get(name)));
    // Screen readers have it in the description of each control.
    const help = make("p", { className: "help", ariaHidden: "true", textContent: "Point at a setting, or go to it, to see what it does." });
    main.append(help);
    connectHelp(main, help);
    for (const group of groups) {
      const rest = [...this.settings.values()].filter(
        (setting) => setting.group === group && !MAIN.includes(setting.name) && !ELSEWHERE.has(setting.name));
      if (group === "Output") output.append(...rest.map((setting) => this.#field(setting)));
      else if (rest.length) more.append(make("details", {}, make("summary", { textContent: group }), ...rest.map((s) => this.#field(s))));
    }
    for (const form of [main, more]) form.addEventListener("submit", (event) => event.preventDefault());
    this.#fadeIdle();
  }

  #fadeIdle() {
    for (const [name, field] of this.fields) {
      const isIdle = this.#isIdle(name);
      field.classList.toggle("idle", isIdle);
      field.querySelector("fieldset").disabled = isIdle;
      const { help } = this.settings.get(name);
      const words = isIdle ? `Not used with the other settings. ${help}` : help;
      if (MAIN.includes(name)) field.dataset.help = words; else field.title = isIdle ? words : "";
    }
  }

  /** The name of the setting of an option that has a control. */
  findOption(option) { return [...this.fields.keys()].find((name) => this.settings.get(name).option === option); }

  /** Bring the control of a setting into view, and go to it. */
  reveal(name) {
    const field = this.fields.get(name);
    for (let part = field.closest("details"); part; part = part.parentElement.closest("details")) part.open = true;
    field.scrollIntoView({ block: "center" });
    (field.querySelector("input:enabled:not([type=range]), select:enabled") ?? field).focus();
  }

  /** Show the number that was chosen for a setting whose value is a word, such as auto. */
  showChosen(name, number) {
    if (number !== undefined && typeof this.values.get(name) === "string") this.chosenSetters.get(name)(number);
  }

  /** The settings that are not the default, as pairs of a query. */
  query(only = ({ name, group }) => group !== "Output" || name === "palette") {
    const pairs = [];
    for (const [name, value] of this.values) {
      const setting = this.settings.get(name);
      if (ELSEWHERE.has(name) && name !== "palette") continue;
      if (!only(setting) || JSON.stringify(value) === JSON.stringify(setting.default)) continue;
      if (this.#isIdle(name)) continue;
      for (const part of Array.isArray(value) && setting.type === "texts" ? value : [value]) pairs.push([name, String(part)]);
    }
    return pairs;
  }

  set(name, value) {
    if (!this.settings.has(name)) return;
    this.values.set(name, value);
    this.setters.get(name)?.(value);
    this.#fadeIdle();
  }

  all() { return Object.fromEntries(this.values); }

  /** A setting that another one makes useless is left out, as the command asks for. */
  #isIdle(name) {
    return this.settings.get(name).unused_when.some(
      (rule) => rule.every(([other, value, isEqual]) => (this.values.get(other) === value) === isEqual));
  }

  #changed(name, value, live, field) {
    this.values.set(name, value);
    this.#fadeIdle();
    field.classList.toggle("changed", JSON.stringify(value) !== JSON.stringify(this.settings.get(name).default));
    this.onChange(name, live);
  }

  #field(setting) {
    const id = `set-${setting.name}`;
    const box = make("fieldset", { className: "value", role: "none" });
    const help = make("div", { className: "help", id: `${id}-help`, textContent: setting.help });
    const field = make("div", { className: "field" }, make("label", { htmlFor: id, textContent: title(setting) }), box);
    if (!MAIN.includes(setting.name)) field.append(help);
    if (setting.name === "k") field.append(make("canvas", { className: "curve", id: "curve", hidden: true }));
    this.fields.set(setting.name, field);
    const change = (value, live = false) => this.#changed(setting.name, value, live, field);
    const set = this.#input(setting, id, box, change);
    box.querySelector(`#${id}`).setAttribute("aria-description", setting.help);
    this.setters.set(setting.name, (value) => {
      set(value);
      field.classList.toggle("changed", JSON.stringify(value) !== JSON.stringify(setting.default));
    });
    this.setters.get(setting.name)(this.values.get(setting.name));
    return field;
  }

  /** Build the inputs of a setting; return what shows a value in them. */
  #input(setting, id, box, change) {
    if (setting.type === "flag") {
      const input = make("input", { type: "checkbox", id });
      input.addEventListener("change", () => change(input.checked));
      box.append(input);
      return (value) => { input.checked = value; };
    }
    if (setting.type === "choice") {
      const input = make("select", { id }, ...setting.choices.map((choice) => make("option", { value: choice, textContent: choice })));
      input.addEventListener("change", () => change(input.value));
      box.append(input);
      return (value) => { input.value = value; };
    }
    if (setting.type === "integer" || setting.type === "number") return this.#number(setting, id, box, change);
    const several = setting.type === "texts";
    // The page opens no paths: regions of interest are drawn on it.
    const placeholder = setting.form.replace("FILE or ", "") || "LOW..HIGH";
    const input = make("input", { type: "text", id, placeholder, spellcheck: false });
    const read = () => (several ? input.value.split(/\s*;\s*/).filter(Boolean) : input.value.trim() || setting.default);
    input.addEventListener("change", () => change(read()));
    box.append(input);
    return (value) => { input.value = several ? value.join("; ") : value; };
  }

  #number(setting, id, box, change) {
    const end = SLIDER_ENDS[setting.name] ?? (setting.high ?? Infinity);
    const step = setting.type === "integer" ? 1 : end <= 0.1 ? 0.0001 : end <= 1 ? 0.005 : 0.5;
    // A share may be a length or an area, too, such as 50px.
    const number = setting.form ? make("input", { type: "text", className: "number", id, spellcheck: false })
      : make("input", { type: "number", id, min: setting.low, max: setting.high ?? "", step: setting.type === "integer" ? 1 : "any" });
    const slider = end <= 200 ? make("input", { type: "range", min: setting.low, max: end, step, tabIndex: 0 }) : null;
    slider?.setAttribute("aria-label", `${title(setting)}, slider`);
    const words = setting.choices.map((word) => {
      const input = make("input", { type: "checkbox", id: `${id}-${word}` });
      input.setAttribute("aria-label", `${title(setting)}: ${word}`);
      input.addEventListener("change", () => {
        number.disabled = input.checked;
        if (slider) slider.disabled = input.checked;
        change(input.checked ? word : Number(number.value || setting.low));
      });
      return [word, input];
    });
    const show = (value) => {
      number.value = value;
      if (slider) slider.value = Number(value) || setting.low; // a length or an area has no place on it
    };
    const take = (input, live) => {
      if (setting.form && input.value.trim() === "") input.value = setting.default;
      if (input.value === "" || !input.checkValidity()) return input.reportValidity();
      const value = Number.isNaN(Number(input.value)) ? input.value.trim() : Number(input.value);
      show(value);
      return change(value, live);
    };
    slider?.addEventListener("input", () => take(slider, true));
    slider?.addEventListener("change", () => take(slider, false));
    number.addEventListener("change", () => take(number, false));
    if (slider) box.append(slider);
    box.append(number);
    for (const [word, input] of words) box.append(make("label", { className: "check" }, input, word));
    this.chosenSetters.set(setting.name, show);
    return (value) => {
      const isWord = setting.choices.includes(value);
      for (const [word, input] of words) input.checked = value === word;
      number.disabled = isWord;
      if (slider) slider.disabled = isWord;
      show(isWord ? number.value || (setting.type === "integer" ? Math.max(setting.low, 4) : 0) : value);
    };
  }
}
