// The menu of a row of the conversation list: by its button, or by the other mouse button.

import { byId } from "./dom.js";
import { openMenu } from "./menu.js";
import { askMode } from "./push_modes.js";

/**
 * @param {{client: import("/sdk/index.js").Client, model: () => import("./model.js").Model, markUnread: (conversation: string, seq: number) => void,
 *   failed: (error: unknown) => void}} page
 */
export function startListMenu({ client, model, markUnread, failed }) {
  const entriesOf = (/** @type {string} */ conversation) => {
    const listed = model().directory.conversations.get(conversation);
    if (listed === undefined) return [];
    const { last } = listed;
    const unread = listed.head_ordinal > listed.read_ordinal;
    const read = () => {
      markUnread(conversation, 0);
      if (unread) client.markRead(conversation, listed.head_seq, listed.head_ordinal); // a missed call counts too, and is no message
    };
    const mark = { label: "Mark as unread", act: () => markUnread(conversation, last?.seq ?? listed.head_seq) };
    const modes = { label: "Notifications…", act: () => void askMode(client, conversation, model().titleOf(listed)).catch(failed) };
    return [listed.marked_unread || unread ? { label: "Mark as read", act: read } : mark, modes];
  };
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
