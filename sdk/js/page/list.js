// The conversation list: one button a conversation, the open one marked, arrow keys move.

import { unreadOf } from "/sdk/index.js";
import { avatar, byId, el, reconcile } from "./dom.js";
import { whenOf } from "./format.js";

const list = byId("list");

/**
 * @param {import("./model.js").Model} model
 * @param {string} current the open conversation, or ""
 * @param {number} now_ms
 */
export function renderList(model, current, now_ms) {
  const items = model.roster.sorted().map((listed) => ({
    conversation: listed.conversation,
    seed: listed.peer ?? listed.conversation,
    title: model.titleOf(listed),
    preview: model.typingText(listed.conversation, now_ms) || model.previewOf(listed),
    typing: model.typingText(listed.conversation, now_ms) !== "",
    when: whenOf(listed.active_at_ms, now_ms),
    unread: listed.conversation === current && document.hasFocus() ? 0 : unreadOf(listed),
    current: listed.conversation === current,
  }));
  reconcile(list, items, (item) => item.conversation, makeItem);
  list.hidden = items.length === 0;
  byId("list-empty").hidden = items.length > 0;
}

/** @param {{conversation: string, seed: string, title: string, preview: string, typing: boolean, when: string, unread: number, current: boolean}} item */
function makeItem(item) {
  const unread = item.unread > 99 ? "99+" : String(item.unread);
  const says = item.unread > 0 ? `, ${item.unread} unread` : "";
  const link = el(
    "a",
    {
      class: `item${item.current ? " current" : ""}${item.unread > 0 ? " unread" : ""}`,
      href: `#${item.conversation}`,
      "aria-current": item.current ? "true" : null,
      "aria-label": `${item.title}${says}. ${item.preview}`,
    },
    avatar(item.title, item.seed),
    el(
      "span",
      { class: "item-text" },
      el("span", { class: "item-top" }, el("strong", { text: item.title }), el("time", { text: item.when })),
      el(
        "span",
        { class: "item-bottom" },
        el("span", { class: `preview${item.typing ? " is-typing" : ""}`, text: item.preview }),
        item.unread > 0 ? el("span", { class: "badge", text: unread }) : null,
      ),
    ),
  );
  const row = el("li", { tabindex: "-1" }, link);
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
