// Messages: errors, warnings and notes; the options that they name lead to their controls.
import { make } from "./page.js";

const OPTION = /(?<![\w-])(--[a-z][a-z-]*|-k(?![\w-]))/;

/** Parts of a text in which names of options stay in one line; made by a function of the name. */
export const markOptions = (text, makeOption = (name) => make("span", { className: "option", textContent: name })) =>
  text.split(OPTION).map((part, n) => (n % 2 ? makeOption(part) : part));

export class Messages {
  constructor(box) {
    this.box = box;
    this.controls = null; // once there are some
  }

  /** Show a message; kind is "error", "warning" or "". */
  say(text, kind = "error") {
    if ([...this.box.children].some((message) => message.textContent === text)) return; // it is there already
    const message = make("p", { className: kind }, ...markOptions(text, (option) => this.#link(option)));
    if (kind === "error") {
      const close = make("button", { type: "button", className: "close", title: "Close this message" });
      close.addEventListener("click", () => message.remove());
      message.prepend(close);
    }
    this.box.append(message);
  }

  /** Remove all messages, or those of a kind. */
  clear(kind = null) { for (const message of [...this.box.children]) if (kind === null || message.className === kind) message.remove(); }

  #link(option) {
    const name = this.controls?.findOption(option);
    if (!name) return make("span", { className: "option", textContent: option });
    const button = make("button", { type: "button", className: "option", textContent: option, title: "Show this setting" });
    button.addEventListener("click", () => this.controls.reveal(name));
    return button;
  }
}
