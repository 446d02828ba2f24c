// What screens are made of: cards, forms, lists, regions that read themselves anew. Keyboard first: every piece is a native control.

import { RestError, WarblerError } from "/sdk/index.js";
import { el, icon } from "./dom.js";
import { untilOf } from "./format.js";
import { openMenu } from "./menu.js";

/**
 * @typedef {{name: string, label: string, type?: string, value?: string | boolean, hint?: string, required?: boolean, options?: readonly [string, string][],
 *   rows?: number, attributes?: Record<string, string | number | boolean | null>}} Field
 * @typedef {Record<string, string | boolean>} Values
 */

let made = 0;
const uniqueId = (/** @type {string} */ stem) => `${stem}-${(made += 1)}`;

/** What an error reads like to somebody who did nothing wrong. @param {WarblerError} error */
export const wordsOf = (error) => plainWords(error).replaceAll(/until (\d{13})\b/g, (_, ms) => untilOf(Number(ms), Date.now()));

/** @param {WarblerError} error */
function plainWords(error) {
  switch (error.code) {
    case "unreachable":
      return "The server cannot be reached. Try again in a moment.";
    case "rate_limited":
      return error.detail || "That was too often. Wait a moment.";
    case "not_allowed":
    case "forbidden":
      return error.detail || "You may not do this here.";
    case "stale_settings":
    case "stale":
      return "Somebody else changed this meanwhile. Look at how it stands now, and save again.";
    case "not_found":
    case "http":
      return error instanceof RestError && error.status === 404 ? error.detail || "There is nothing here." : error.detail;
    default:
      return error.detail || error.code.replaceAll("_", " ");
  }
}

/** What the browser says of passkeys. @param {DOMException} error */
export function ofBrowser(error) {
  if (error.name === "InvalidStateError") return "This passkey is already one of yours.";
  return error.name === "SecurityError" ? "Passkeys do not work at this address." : "No passkey was used.";
}

/** A place where errors are said aloud. */
export const errorLine = () => el("p", { class: "error", role: "alert" });

/** Whether the work was done; if not, `place` says why. @param {HTMLElement} place @param {() => Promise<unknown>} work */
export async function attempt(place, work) {
  place.textContent = "";
  try {
    await work();
    return true;
  } catch (error) {
    if (error instanceof DOMException) place.textContent = ofBrowser(error);
    else if (!(error instanceof WarblerError)) throw error;
    else if (error.code !== "closed" && error.code !== "cancelled") place.textContent = wordsOf(error);
    return false;
  }
}

/**
 * @param {string} label
 * @param {() => unknown} act a promise that it returns keeps the button from a second press
 * @param {string} kind classes
 * @param {Record<string, string | number | boolean | null>} attributes
 */
export function button(label, act, kind = "plain", attributes = {}) {
  const element = /** @type {HTMLButtonElement} */ (el("button", { type: "button", class: kind, text: label, "data-focus": label, ...attributes }));
  element.addEventListener("click", async () => {
    if (element.hasAttribute("aria-busy")) return; // pressed again before the first press has shown anything: still one wish
    const work = act();
    if (!(work instanceof Promise)) return;
    element.setAttribute("aria-busy", "true"); // not disabled: that would lose the focus
    try {
      await work;
    } finally {
      element.removeAttribute("aria-busy");
    }
  });
  return element;
}

const MORE = "M5 12h.01M12 12h.01M19 12h.01";

/** A button that opens a menu. @param {string} label @param {() => {label: string, act: () => void, danger?: boolean}[]} entries */
export function moreButton(label, entries) {
  const element = el("button", { type: "button", class: "icon-button more-button", "aria-label": label, title: label, "aria-haspopup": "menu", "data-focus": label }, icon(MORE));
  element.addEventListener("click", () => {
    const { right, bottom } = element.getBoundingClientRect();
    openMenu({ x: right - 200, y: bottom + 4 }, element, entries());
  });
  return element;
}

/** @param {string} href @param {string} label @param {string} kind */
export const link = (href, label, kind = "") => el("a", { href, class: kind || null, text: label, "data-focus": href });

/** A part of a screen with a title of its own. @param {string} title @param {(Node | string | null)[]} children */
export function card(title, ...children) {
  const id = uniqueId("card");
  const head = title === "" ? null : el("h3", { id, text: title });
  return el("section", { class: "card", "aria-labelledby": title === "" ? null : id }, head, ...children);
}

/** @param {string} text */
export const hint = (text) => el("p", { class: "hint", text });

/**
 * @param {string} label for readers
 * @param {HTMLElement[]} items
 * @param {string} none shown where there are no items
 */
export function rows(label, items, none = "") {
  if (items.length === 0) return el("p", { class: "hint none", text: none });
  return el("ul", { class: "rows", "aria-label": label }, ...items);
}

/** One line of a list. @param {Node | null} picture @param {string} title @param {string} below @param {(Node | null)[]} actions */
export function row(picture, title, below, ...actions) {
  const text = el("span", { class: "row-text" }, el("strong", { text: title }), below === "" ? null : el("span", { class: "row-below", text: below }));
  return el("li", {}, picture, text, el("span", { class: "row-actions" }, ...actions));
}

/** A small word beside a title. @param {string} text @param {string} kind */
export const tag = (text, kind = "") => el("span", { class: `tag ${kind}`.trim(), text });

/** @param {Field} field @returns {{box: HTMLElement, read: () => string | boolean, control: HTMLInputElement}} */
export function control(field) {
  const id = uniqueId("field");
  const hint_id = field.hint === undefined ? null : `${id}-hint`;
  const shared = { id, name: field.name, "aria-describedby": hint_id, required: field.required === true, ...field.attributes };
  const below = field.hint === undefined ? null : el("p", { class: "hint", id: `${id}-hint`, text: field.hint });
  if (field.type === "checkbox") {
    const box = /** @type {HTMLInputElement} */ (el("input", { ...shared, type: "checkbox" }));
    box.checked = field.value === true;
    return { box: el("div", {}, el("label", { class: "check", for: id }, box, el("span", { text: field.label })), below), read: () => box.checked, control: box };
  }
  const value = String(field.value ?? "");
  /** @type {HTMLInputElement} */
  let element;
  if (field.options !== undefined) element = /** @type {any} */ (el("select", shared, ...field.options.map(([name, label]) => el("option", { value: name, text: label }))));
  else if (field.rows !== undefined) element = /** @type {any} */ (el("textarea", { ...shared, rows: field.rows }));
  else element = /** @type {any} */ (el("input", { ...shared, type: field.type ?? "text", autocomplete: field.attributes?.["autocomplete"] ?? "off" }));
  if (field.value !== undefined) element.value = value;
  return { box: el("div", {}, el("label", { for: id, text: field.label }), element, below), read: () => element.value.trim(), control: element };
}

/**
 * A form with its own error line. `act` raises WarblerError for what is wrong.
 *
 * @param {readonly Field[]} fields
 * @param {string} submit
 * @param {(values: Values) => Promise<unknown>} act
 * @param {{body?: Node[], after?: Node[], inline?: boolean, kind?: string, buttons?: HTMLElement[]}} options
 */
export function form(fields, submit, act, options = {}) {
  const controls = fields.map((field) => ({ name: field.name, ...control(field) }));
  const error = errorLine();
  const press = el("button", { type: "submit", class: options.kind ?? "primary", text: submit });
  const buttons = el("div", { class: "dialog-buttons" }, ...(options.buttons ?? []), press);
  const element = el("form", { class: options.inline ? "inline-form" : "form-stack", novalidate: true }, ...(options.body ?? []), ...controls.map((each) => each.box), ...(options.after ?? []), error, buttons);
  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    const empty = controls.find((each) => each.control.required && each.read() === "");
    if (empty !== undefined) {
      error.textContent = "Fill this in, please.";
      empty.control.focus();
      return;
    }
    if (press.getAttribute("aria-busy") === "true") return;
    press.setAttribute("aria-busy", "true");
    await attempt(error, () => act(Object.fromEntries(controls.map((each) => [each.name, each.read()]))));
    press.removeAttribute("aria-busy");
  });
  return element;
}

/**
 * A part that is made by reading something, and again after it was changed; the focus stays where it was as well as it can.
 *
 * @param {(refresh: () => Promise<void>) => Promise<(Node | null)[]>} make
 */
export function region(make) {
  const box = el("div", { class: "region", "aria-busy": "true" }, el("p", { class: "hint", text: "Reading…" }));
  let turn = 0;
  const refresh = async () => {
    const mine = (turn += 1);
    /** @type {(Node | null)[]} */
    let nodes = [];
    const error = errorLine();
    const good = await attempt(error, async () => (nodes = await make(refresh)));
    if (mine !== turn) return; // a later one is under way
    const focused = box.contains(document.activeElement) ? (document.activeElement?.getAttribute("data-focus") ?? "") : null;
    const shown = nodes.filter((node) => node !== null);
    box.replaceChildren(...(good ? shown : [error, button("Try again", refresh)]));
    box.removeAttribute("aria-busy");
    if (focused !== null) focusIn(box, focused);
  };
  void refresh();
  return { box, refresh };
}

/** @param {HTMLElement} box @param {string} key */
function focusIn(box, key) {
  const all = /** @type {HTMLElement[]} */ ([...box.querySelectorAll("button, a, input, select, textarea")]);
  (all.find((each) => key !== "" && each.getAttribute("data-focus") === key) ?? all[0])?.focus();
}

/** A length of time, to choose from. @type {readonly [string, string][]} */
export const DURATIONS = [
  ["600000", "10 minutes"],
  ["3600000", "1 hour"],
  ["28800000", "8 hours"],
  ["86400000", "1 day"],
  ["604800000", "1 week"],
];
