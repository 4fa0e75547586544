// What is open, and the parts of the page that show it: what all other modules share.
export const $ = (id) => document.getElementById(id);

/** Make an element with attributes and children. */
export const make = (tag, attributes = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
};

/** Begin a sentence with a capital letter, unless it begins with a symbol such as k. */
export const capitalize = (text) => text.replace(/^[a-z](?=[a-z])/, (letter) => letter.toUpperCase());

/** Say in a line below some controls what that one does which the pointer or the focus is on. */
export function connectHelp(controls, line) {
  for (const kind of ["focusin", "pointerover"]) {
    controls.addEventListener(kind, (event) => {
      const { help } = event.target.closest("[data-help]")?.dataset ?? {};
      if (help) line.textContent = help;
    });
  }
}

const KEPT = "segment"; // in the session of the tab, so that a reload goes on

// `kept` are the names, colors and merges of an image that was open before; they wait for its classes.
// The parts (controls, viewer, messages, classes, strip) are made by app.js.
export const page = { image: null, answer: null, labels: null, kept: undefined, about: null };

/** Show a message; kind is "error", "warning" or "". */
export const say = (text, kind) => page.messages.say(text, kind);

const DROP_NOTE = $("drop-note").textContent;

/** Say what is shown or going on, beside the picture or where the first one will be; nothing for an empty text. */
export function showBusy(text) {
  Object.assign($("busy"), { hidden: !text, textContent: text });
  $("drop-note").textContent = text || DROP_NOTE;
}

/** Keep the settings, and what belongs to each image: its classes and what is drawn on it. */
export function remember() {
  const { answer, classes, controls, image: current, strip } = page;
  if (!current) return;
  if (answer) current.classes = classes.save();
  const images = strip.images.filter((image) => image.isSent || image.classes).map(
    ({ id, name, isSent, classes: own, drawnIds, size, part }) => ({ id, name, isSent, classes: own, drawnIds, size, part }));
  sessionStorage.setItem(KEPT, JSON.stringify({ current: current.id, settings: controls.all(), images }));
}

export const recall = () => JSON.parse(sessionStorage.getItem(KEPT) ?? "null");

export const forget = () => sessionStorage.removeItem(KEPT);
