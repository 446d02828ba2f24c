// A small menu beside what it belongs to: one at a time, closed by Escape, by a choice, and by a click elsewhere.

import { byId, el } from "./dom.js";

const menu = byId("menu");
/** @type {HTMLElement | null} */
let opener = null;

/**
 * @param {{x: number, y: number}} at the corner it opens from, in the window
 * @param {HTMLElement} by who gets the focus back
 * @param {{label: string, act: () => void}[]} entries
 */
export function openMenu(at, by, entries) {
  opener = by;
  const buttons = entries.map(({ label, act }) => {
    const button = el("button", { type: "button", role: "menuitem", text: label });
    button.addEventListener("click", () => {
      closeMenu();
      act();
    });
    return button;
  });
  menu.replaceChildren(...buttons);
  menu.hidden = false;
  menu.style.left = `${Math.max(8, Math.min(at.x, innerWidth - menu.offsetWidth - 8))}px`;
  menu.style.top = `${Math.max(8, Math.min(at.y, innerHeight - menu.offsetHeight - 8))}px`;
  buttons[0]?.focus();
}

export function closeMenu() {
  if (menu.hidden) return;
  menu.hidden = true;
  opener?.focus();
}

menu.addEventListener("keydown", (event) => {
  const buttons = [...menu.querySelectorAll("button")];
  const at = buttons.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
  if (event.key === "Escape" || event.key === "Tab") closeMenu();
  else if (event.key === "ArrowDown") buttons[(at + 1) % buttons.length]?.focus();
  else if (event.key === "ArrowUp") buttons.at(at - 1)?.focus();
  else return;
  event.preventDefault();
});
document.addEventListener("pointerdown", (event) => {
  if (!menu.contains(/** @type {Node} */ (event.target))) closeMenu();
});
