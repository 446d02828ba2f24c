// Where messages are written: Enter sends, arrow up edits the last own message, Escape cancels.

import { byId } from "./dom.js";

const TYPING_EVERY_MS = 2_500;
const NEVER_MS = -Infinity; // not 0: a page is younger than TYPING_EVERY_MS for a while

const form = /** @type {HTMLFormElement} */ (byId("composer"));
const text = /** @type {HTMLTextAreaElement} */ (byId("text"));
const context = byId("context");

/**
 * @typedef {{mode: "send"} | {mode: "reply", seq: number} | {mode: "edit", seq: number}} Mode
 * @typedef {{submit: (text: string, mode: Mode) => void, typing: (typing: boolean) => void, editLast: () => void, leave: () => void}} Hooks
 */

export class Composer {
  /** @type {Mode} */
  mode = { mode: "send" };
  #draft = "";
  #told_ms = NEVER_MS;

  /** @param {Hooks} hooks */
  constructor(hooks) {
    this.hooks = hooks;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    text.addEventListener("keydown", (event) => this.#onKey(event));
    text.addEventListener("input", () => this.#onInput());
    byId("context-cancel").addEventListener("click", () => this.cancel());
  }

  get value() {
    return text.value;
  }

  focus() {
    text.focus();
  }

  /** Puts a text that could not be sent back, unless another was begun. @param {string} lost */
  giveBack(lost) {
    if (text.value === "") this.#set(lost);
  }

  /** @param {number} seq @param {string} name @param {string} quoted */
  reply(seq, name, quoted) {
    this.#enter({ mode: "reply", seq }, `Reply to ${name}`, quoted);
  }

  /** @param {number} seq @param {string} old */
  edit(seq, old) {
    if (this.mode.mode !== "edit") this.#draft = text.value;
    this.#enter({ mode: "edit", seq }, "Edit message", old);
    this.#set(old);
  }

  /** Back to an ordinary message. True if there was something to cancel. */
  cancel() {
    if (this.mode.mode === "send") return false;
    const was_edit = this.mode.mode === "edit";
    this.mode = { mode: "send" };
    context.hidden = true;
    form.classList.remove("editing");
    if (was_edit) this.#set(this.#draft);
    this.#draft = "";
    text.focus();
    return true;
  }

  /** For another conversation. @param {string} draft */
  reset(draft) {
    this.mode = { mode: "send" };
    context.hidden = true;
    form.classList.remove("editing");
    this.#draft = "";
    this.#told_ms = NEVER_MS;
    this.#set(draft);
    requestAnimationFrame(() => this.#grow()); // it may not be shown yet
  }

  /** @param {Mode} mode @param {string} title @param {string} quoted */
  #enter(mode, title, quoted) {
    this.mode = mode;
    byId("context-title").textContent = title;
    byId("context-quote").textContent = quoted;
    context.hidden = false;
    form.classList.toggle("editing", mode.mode === "edit");
    text.focus();
  }

  #submit() {
    const value = text.value.trim();
    if (value === "") return;
    const { mode } = this;
    this.#stopTyping();
    if (mode.mode === "edit") this.cancel();
    else {
      this.cancel();
      this.#set("");
    }
    this.hooks.submit(value, mode);
    text.focus();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.isComposing) return; // Enter then chooses a word of the input method
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      this.#submit();
    } else if (event.key === "ArrowUp" && text.value === "") {
      event.preventDefault();
      this.hooks.editLast();
    } else if (event.key === "Escape" && !this.cancel()) {
      this.hooks.leave();
    }
  }

  #onInput() {
    this.#grow();
    if (text.value === "") return this.#stopTyping();
    if (this.mode.mode === "edit" || performance.now() - this.#told_ms < TYPING_EVERY_MS) return;
    this.#told_ms = performance.now();
    this.hooks.typing(true);
  }

  #stopTyping() {
    if (this.#told_ms === NEVER_MS) return;
    this.#told_ms = NEVER_MS;
    this.hooks.typing(false);
  }

  /** @param {string} value */
  #set(value) {
    text.value = value;
    text.setSelectionRange(value.length, value.length);
    this.#grow();
  }

  #grow() {
    text.style.height = "";
    // an empty field has the height of its one row, also while it is not shown
    if (text.value !== "") text.style.height = `${text.scrollHeight + 2}px`;
    form.classList.toggle("filled", text.value.trim() !== "");
  }
}
