// Elements are made here and nowhere else: text is always set as text, never as markup.

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no #${id}`);
  return element;
}

/** @param {string} id */
export const input = (id) => /** @type {HTMLInputElement} */ (byId(id));

/** @param {string} id */
export const dialog = (id) => /** @type {HTMLDialogElement} */ (byId(id));

/**
 * An element with classes, attributes and children; strings become text.
 *
 * @param {string} tag
 * @param {Record<string, string | number | boolean | null>} attributes `class` and `text` as one expects; null and false are left out
 * @param {(Node | string | null)[]} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    if (name === "text") element.textContent = String(value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** @param {string} path of a 24 by 24 picture, drawn as a line */
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

/** A QR code, as the edge draws it. @param {string} svg @param {string} alt */
export function qrPicture(svg, alt) {
  return el("img", { class: "qr", alt, src: `data:image/svg+xml,${encodeURIComponent(svg)}` });
}

/**
 * A round picture made of a name's first letters, in a colour of its own.
 *
 * @param {HTMLElement} element
 * @param {string} name
 * @param {string} seed what decides the colour: an id stays when a name changes
 */
export function paintAvatar(element, name, seed) {
  element.textContent = initials(name);
  let hash = 0;
  for (const letter of seed) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  element.style.setProperty("--hue", String(hash % 360));
}

/**
 * @param {string} name
 * @param {string} seed
 * @param {string} extra classes
 */
export function avatar(name, seed, extra = "") {
  const element = el("span", { class: `avatar ${extra}`.trim(), "aria-hidden": "true" });
  paintAvatar(element, name, seed);
  return element;
}

/**
 * An avatar with a dot that says whether its user is here.
 *
 * @param {string} name
 * @param {string} seed
 * @param {string} state "online", "away", "offline", or "" for no dot
 * @param {string} extra classes of the avatar
 */
export function present(name, seed, state, extra = "") {
  return el("span", { class: "present", "data-user": seed, "data-presence": state || null }, avatar(name, seed, extra));
}

/** The dots of the screen that is shown, as they are now. @param {readonly import("/sdk/index.js").PresenceEntry[]} users */
export function showPresence(users) {
  for (const { user, state } of users)
    for (const dot of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(`#screen-body .present[data-user="${CSS.escape(user)}"]`))) dot.dataset["presence"] = state;
}

/** @param {string} name */
export function initials(name) {
  const words = name.split(/[\s._-]+/).filter((word) => word !== "");
  const letters = words.length > 1 ? [...(words[0] ?? "")].slice(0, 1).concat([...(words[1] ?? "")].slice(0, 1)) : [...name].slice(0, 2);
  return letters.join("").toUpperCase() || "?";
}

/**
 * Makes the children of `parent` those of `wanted`, in order, keeping the elements whose key and signature are known.
 *
 * @template T
 * @param {HTMLElement} parent
 * @param {readonly T[]} wanted
 * @param {(item: T) => string} keyOf
 * @param {(item: T) => HTMLElement} make
 */
export function reconcile(parent, wanted, keyOf, make) {
  /** @type {Map<string, HTMLElement>} */
  const known = new Map();
  for (const child of parent.children) known.set(child.getAttribute("data-key") ?? "", /** @type {HTMLElement} */ (child));
  let place = parent.firstElementChild;
  for (const item of wanted) {
    const key = keyOf(item);
    const signature = JSON.stringify(item);
    const before = known.get(key);
    known.delete(key);
    if (before !== undefined && before.dataset["signature"] === signature) {
      if (before === place) place = place.nextElementSibling;
      else parent.insertBefore(before, place);
      continue;
    }
    const made = make(item);
    made.setAttribute("data-key", key);
    made.dataset["signature"] = signature;
    if (before === undefined) {
      parent.insertBefore(made, place);
      continue;
    }
    if (before === place) place = place.nextElementSibling;
    const focused = before.contains(document.activeElement);
    before.replaceWith(made);
    if (focused) made.focus();
  }
  for (const left of known.values()) left.remove();
}
