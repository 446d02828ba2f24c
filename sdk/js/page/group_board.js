// Announcements: the messages that everybody should see, newest first, with who has read them.

import { show } from "./ask.js";
import { el, present } from "./dom.js";
import { fullTimeOf } from "./format.js";
import { later } from "./group.js";
import { textOf } from "./model.js";
import { button, card, form, hint, region, row, rows } from "./ui.js";

/** @typedef {import("./group.js").Inside} Inside */

const READERS_LIMIT = 200;

/** @param {Inside} inside */
export function announcementsTab(inside) {
  const { page, conversation, may, refresh } = inside;
  const write = form([{ name: "text", label: "New announcement", rows: 3, required: true, attributes: { maxlength: 4_000 } }], "Announce", async (values) => {
    await page.client.send(conversation, String(values["text"]), { announcement: true });
    await later(refresh);
  });
  /** @type {import("/sdk/index.js").MessageItem[]} */
  const known = [];
  /** @type {number | null} */
  let before_seq = null;
  const list = region(async (more) => {
    const answer = await page.client.rest.groups.announcements(conversation, before_seq);
    known.push(...answer.messages);
    before_seq = answer.before_seq;
    await page.names(answer.messages.map((message) => message.user));
    const newest = [...known].sort((a, b) => b.seq - a.seq);
    const older = before_seq === null ? null : el("div", { class: "button-row" }, button("Older ones", more, "plain", { "data-focus": "more" }));
    return [newest.length === 0 ? hint("Nothing was announced yet.") : el("ul", { class: "rows board", "aria-label": "Announcements" }, ...newest.map((message) => announcement(inside, message))), older];
  });
  return [may("announce") ? card("Announce", write) : null, card("Announcements", list.box)];
}

/** @param {Inside} inside @param {import("/sdk/index.js").MessageItem} message */
function announcement(inside, message) {
  const { page } = inside;
  const by = message.user === page.model().user ? "You" : page.model().nameOf(message.user);
  const text = message.recalled ? "This announcement was recalled." : textOf(message);
  const readers = button("Who has read it", () => showReaders(inside, message), "plain", { "aria-label": `Who has read “${text.slice(0, 40)}”`, "data-focus": `readers-${message.seq}` });
  return el("li", {}, el("div", { class: "announcement" }, el("p", { class: "announcement-text", text }), el("p", { class: "hint", text: `${by}, ${fullTimeOf(message.at_ms)}` })), readers);
}

/** @param {Inside} inside @param {import("/sdk/index.js").MessageItem} message */
async function showReaders({ page, conversation }, message) {
  const lists = ["Read", "Not yet"].map(async (title, index) => {
    /** @type {string[]} */
    const users = [];
    for await (const { entries } of page.client.receipts(conversation, message.seq, { state: "read", has: index === 0 })) {
      users.push(...entries.map((entry) => entry.user).filter((user) => user !== message.user));
      if (users.length >= READERS_LIMIT) break;
    }
    await page.names(users);
    const items = users.map((user) => row(present(page.model().nameOf(user), user, "", "small"), user === page.model().user ? "You" : page.model().nameOf(user), ""));
    return card(`${title} (${users.length}${users.length >= READERS_LIMIT ? "+" : ""})`, rows(title, items, "Nobody."));
  });
  await show("Who has read it", await Promise.all(lists));
}
