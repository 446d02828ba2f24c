// The menu of a row of the conversation list: by its button, or by the other mouse button.

import { byId } from "./dom.js";
import { openMenu } from "./menu.js";

/** @param {(conversation: string) => {label: string, act: () => void}[]} entriesOf */
export function startListMenu(entriesOf) {
  const list = byId("list");
  const open = (/** @type {{x: number, y: number}} */ at, /** @type {HTMLElement} */ by) => {
    const entries = entriesOf(by.dataset["conversation"] ?? "");
    if (entries.length > 0) openMenu(at, by, entries);
  };
  list.addEventListener("click", (event) => {
    const button = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest("button.more"));
    if (button === null) return;
    const { left, bottom } = button.getBoundingClientRect();
    open({ x: left, y: bottom + 4 }, button);
  });
  list.addEventListener("contextmenu", (event) => {
    const row = /** @type {HTMLElement} */ (event.target).closest("li");
    const button = /** @type {HTMLElement | null | undefined} */ (row?.querySelector("button.more"));
    if (button == null) return;
    event.preventDefault();
    open({ x: event.clientX, y: event.clientY }, button);
  });
}
