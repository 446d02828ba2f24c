// The conversation list: one button a conversation, the open one marked, arrow keys move.

import { isUnspoken, unreadOf } from "/sdk/index.js";
import { byId, el, icon, present, reconcile } from "./dom.js";
import { whenOf } from "./format.js";

const list = byId("list");
const MORE = "M5 12h.01M12 12h.01M19 12h.01";

// A row that is replaced between press and release gets no click, so while a pointer is down the list stays as it is.
let held = false;
/** @type {(() => void) | null} */
let missed = null;
list.addEventListener("pointerdown", () => (held = true));
for (const end of ["pointerup", "pointercancel"])
  addEventListener(end, () => {
    // after the click
    setTimeout(() => {
      held = false;
      missed?.();
      missed = null;
    });
  });

/**
 * @param {import("./model.js").Model} model
 * @param {string} current the open conversation, or ""
 * @param {number} now_ms
 */
export function renderList(model, current, now_ms) {
  if (held) {
    missed = () => renderList(model, current, now_ms);
    return;
  }
  const items = model.directory.sorted().filter((listed) => listed.conversation === current || !isUnspoken(listed)).map((listed) => ({
    conversation: listed.conversation,
    seed: listed.peer ?? listed.conversation,
    title: model.titleOf(listed),
    preview: model.typingText(listed.conversation, now_ms) || model.previewOf(listed),
    typing: model.typingText(listed.conversation, now_ms) !== "",
    when: whenOf(listed.active_at_ms, now_ms),
    unread: listed.conversation === current && document.hasFocus() ? 0 : unreadOf(listed),
    marked: listed.marked_unread,
    presence: model.stateOf(listed.peer),
    current: listed.conversation === current,
  }));
  reconcile(list, items, (item) => item.conversation, makeItem);
  list.hidden = items.length === 0;
  byId("list-empty").hidden = items.length > 0;
}

/** @param {{conversation: string, seed: string, title: string, preview: string, typing: boolean, when: string, unread: number, marked: boolean,
 *   presence: string, current: boolean}} item */
function makeItem(item) {
  const unread = item.unread > 99 ? "99+" : String(item.unread);
  const says = (item.unread > 0 ? `, ${item.unread} unread` : item.marked ? ", marked as unread" : "") + (item.presence === "online" ? ", online" : "");
  const link = el(
    "a",
    {
      class: `item${item.current ? " current" : ""}${item.unread > 0 || item.marked ? " unread" : ""}`,
      href: `#${item.conversation}`,
      "aria-current": item.current ? "true" : null,
      "aria-label": `${item.title}${says}. ${item.preview}`,
    },
    present(item.title, item.seed, item.presence),
    el(
      "span",
      { class: "item-text" },
      el("span", { class: "item-top" }, el("strong", { text: item.title }), el("time", { text: item.when })),
      el(
        "span",
        { class: "item-bottom" },
        el("span", { class: `preview${item.typing ? " is-typing" : ""}`, text: item.preview }),
        item.unread > 0 ? el("span", { class: "badge", text: unread }) : item.marked ? el("span", { class: "badge dot" }) : null,
      ),
    ),
  );
  const more = el("button", { type: "button", class: "icon-button small more", "aria-label": `More about ${item.title}`, "aria-haspopup": "menu" }, icon(MORE));
  more.dataset["conversation"] = item.conversation;
  const row = el("li", { tabindex: "-1" }, link, more);
  row.focus = () => link.focus(); // so that a redrawn row keeps the focus
  return row;
}

list.addEventListener("keydown", (event) => {
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const links = [...list.querySelectorAll("a")];
  const at = links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
  const next = links[at + (event.key === "ArrowDown" ? 1 : -1)];
  if (next === undefined) return;
  event.preventDefault();
  next.focus();
});
