// The message list: rows of the model become elements; the scroller stays where the reader is.

import { avatar, byId, el, icon, reconcile } from "./dom.js";
import { dayOf, fullTimeOf, listOf, timeOf } from "./format.js";

/** @typedef {import("./model.js").Row} Row */
/** @typedef {import("./model.js").MessageRow} MessageRow */

export const REACTIONS = ["👍", "❤️", "😂", "🎉", "😮", "😢"];
const NEAR_END_PX = 80;
const TICKS = {
  waiting: { path: "M12 7v5l3 2M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18", says: "Waiting to be sent" },
  sent: { path: "M5 12.500l4.500 4.500L19 7.500", says: "Sent" },
  delivered: { path: "M2 12.500l4.500 4.500L16 7.500M12 16.500l.5.5L22 7.500", says: "Delivered" },
  read: { path: "M2 12.500l4.500 4.500L16 7.500M12 16.500l.5.5L22 7.500", says: "Read" },
};
const ACTIONS = {
  react: { label: "React", path: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M8.500 14.500c1.800 2.400 5.200 2.400 7 0M9 9.500v.5M15 9.500v.5" },
  reply: { label: "Reply", path: "M10 7L4 12l6 5M4 12h9c4 0 7 2 7 6" },
  edit: { label: "Edit", path: "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3" },
  info: { label: "Info", path: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18M12 11v5M12 8v.01" },
  recall: { label: "Recall", path: "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13" },
};

const CALL = "M6.500 4h3l1.500 4-2 1.500a11 11 0 0 0 5.500 5.500l1.500-2 4 1.500v3a2 2 0 0 1-2.200 2A16 16 0 0 1 4.500 6.200 2 2 0 0 1 6.500 4z";
const scroller = byId("scroller");
const messages = byId("messages");

/**
 * What a reader can do to a message.
 *
 * @typedef {{act: (action: "reply" | "edit" | "recall" | "info", seq: number) => void, react: (seq: number, reaction: string, on: boolean) => void}} Doings
 */

export class MessageView {
  /** @param {Doings} doings */
  constructor(doings) {
    this.doings = doings;
    this.picking = 0;
    messages.addEventListener("click", (event) => this.#onClick(event));
    messages.addEventListener("keydown", (event) => this.#onKey(event));
  }

  /** Whether the newest message is in sight. */
  atEnd() {
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_END_PX;
  }

  toEnd() {
    scroller.scrollTop = scroller.scrollHeight;
  }

  /**
   * @param {readonly Row[]} rows
   * @param {{stick: boolean, now_ms: number}} how `stick`: go on showing the newest
   */
  render(rows, { stick, now_ms }) {
    const anchor = this.#anchor();
    reconcile(messages, rows, (row) => row.key, (row) => this.#make(row, now_ms));
    this.#letTabIn();
    if (stick) this.toEnd();
    else if (anchor !== null) {
      const now = /** @type {HTMLElement | null} */ (messages.querySelector(`[data-key="${anchor.key}"]`));
      if (now !== null) scroller.scrollTop += now.offsetTop - anchor.top;
    }
  }

  /** Tab reaches one message, the one that has the focus or the newest; the arrow keys reach the others. */
  #letTabIn() {
    const rows = [...messages.querySelectorAll(".message")];
    const chosen = rows.find((row) => row.contains(document.activeElement)) ?? rows.at(-1);
    for (const row of rows) {
      const tabindex = row === chosen ? "0" : "-1";
      if (row.getAttribute("tabindex") !== tabindex) row.setAttribute("tabindex", tabindex);
    }
  }

  /** The first message in sight and where it is: what must not move when older ones come. */
  #anchor() {
    for (const row of /** @type {NodeListOf<HTMLElement>} */ (messages.querySelectorAll(".message")))
      if (row.offsetTop + row.offsetHeight > scroller.scrollTop) return { key: row.dataset["key"] ?? "", top: row.offsetTop };
    return null;
  }

  /** @param {number} seq */
  show(seq) {
    const row = /** @type {HTMLElement | null} */ (messages.querySelector(`[data-seq="${seq}"]`));
    if (row === null) return;
    row.scrollIntoView({ block: "center", behavior: "smooth" });
    row.classList.add("flash");
    setTimeout(() => row.classList.remove("flash"), 1200);
  }

  /** @param {Row} row @param {number} now_ms */
  #make(row, now_ms) {
    switch (row.row) {
      case "day":
        return el("div", { class: "day" }, el("span", { text: dayOf(row.at_ms, now_ms) }));
      case "new":
        return el("div", { class: "new-line" }, el("span", { text: "New messages" }));
      case "note":
        if (row.call !== "") return el("div", { class: `note call-note ${row.call}` }, icon(CALL), el("span", { text: row.text }));
        return el("div", { class: "note", text: row.text });
      case "message":
        return this.#message(row);
    }
  }

  /** @param {MessageRow} row */
  #message(row) {
    const flags = { mine: row.mine, first: row.first, last: row.last, recalled: row.recalled, emoji: row.emoji, waiting: row.tick === "waiting" };
    const classes = Object.entries(flags).flatMap(([name, on]) => (on ? [name] : []));
    const who = row.mine ? "You" : row.name;
    // in a direct conversation the side says who it is
    const side = !row.named ? null : row.last ? avatar(row.name, row.user, "small") : el("span", { class: "avatar-space" });
    const article = el(
      "article",
      { class: ["message", ...classes].join(" "), tabindex: "-1", "data-seq": row.seq || null, "aria-label": `${who}, ${timeOf(row.at_ms)}` },
      side,
      el("div", { class: "stack" }, this.#bubble(row), row.reactions.length > 0 ? reactionsOf(row) : null, countsOf(row) ?? seenOf(row)),
      row.seq > 0 && !row.recalled ? toolbarOf(row) : null,
    );
    return article;
  }

  /** @param {MessageRow} row */
  #bubble(row) {
    const text = row.recalled ? el("p", { class: "text", text: "This message was recalled" }) : textWithLinks(row.text);
    const meta = el("span", { class: "meta" }, row.edited ? el("span", { text: "edited" }) : null, timeElement(row), tickOf(row));
    return el("div", { class: "bubble" }, row.named && row.first ? nameOf(row) : null, quoteOf(row), text, meta);
  }

  /** @param {MouseEvent} event */
  #onClick(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const row = target.closest(".message");
    const seq = Number(row?.getAttribute("data-seq") ?? 0);
    const button = /** @type {HTMLElement | null} */ (target.closest("button"));
    if (button === null || row === null) {
      // a finger has no hover: a tap shows what can be done
      for (const other of messages.querySelectorAll(".message.tapped")) if (other !== row) other.classList.remove("tapped");
      if (target.closest("a") === null) row?.classList.toggle("tapped");
      return;
    }
    const { action, reaction, show } = button.dataset;
    if (show !== undefined) this.show(Number(show));
    else if (reaction !== undefined) {
      this.doings.react(seq, reaction, button.getAttribute("aria-pressed") !== "true");
      this.#close();
    } else if (action === "react") this.#pick(row, button);
    else if (action !== undefined) {
      this.#close();
      this.doings.act(/** @type {"reply" | "edit" | "recall" | "info"} */ (action), seq);
    }
  }

  /** Opens or closes the choice of reactions. @param {Element} row @param {HTMLElement} button */
  #pick(row, button) {
    const open = row.querySelector(".picker");
    this.#close();
    if (open !== null) return;
    const choice = REACTIONS.map((reaction) => el("button", { type: "button", "data-reaction": reaction, "aria-label": `React with ${reaction}`, text: reaction }));
    row.querySelector(".toolbar")?.append(el("div", { class: "picker", role: "group", "aria-label": "Reactions" }, ...choice));
    row.classList.add("picking");
    button.setAttribute("aria-expanded", "true");
    choice[0]?.focus();
  }

  #close() {
    for (const picker of messages.querySelectorAll(".picker")) picker.remove();
    for (const row of messages.querySelectorAll(".picking, .tapped")) row.classList.remove("picking", "tapped");
    for (const button of messages.querySelectorAll("[aria-expanded]")) button.setAttribute("aria-expanded", "false");
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const row = /** @type {HTMLElement | null} */ (/** @type {HTMLElement} */ (event.target).closest(".message"));
    if (row === null) return;
    if (event.key === "Escape") {
      if (row.querySelector(".picker") === null) byId("text").focus();
      this.#close();
      event.stopPropagation();
      if (document.activeElement === document.body) row.focus();
    } else if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      const rows = [...messages.querySelectorAll(".message")];
      const next = /** @type {HTMLElement | undefined} */ (rows[rows.indexOf(row) + (event.key === "ArrowUp" ? -1 : 1)]);
      if (next === undefined) byId("text").focus();
      else next.focus();
      this.#letTabIn();
      event.preventDefault();
    }
  }
}

/** @param {MessageRow} row */
function nameOf(row) {
  const name = el("span", { class: "author", text: row.name });
  let hash = 0;
  for (const letter of row.user) hash = (hash * 31 + letter.charCodeAt(0)) >>> 0;
  name.style.setProperty("--hue", String(hash % 360));
  return name;
}

/** @param {MessageRow} row */
function timeElement(row) {
  if (row.tick === "waiting") return el("span", { text: "sending" });
  return el("time", { datetime: new Date(row.at_ms).toISOString(), title: fullTimeOf(row.at_ms), text: timeOf(row.at_ms) });
}

/** @param {MessageRow} row */
function tickOf(row) {
  if (row.tick === "") return null;
  const { path, says } = TICKS[row.tick];
  return el("span", { class: `tick ${row.tick}`, role: "img", "aria-label": says, title: says }, icon(path));
}

/** @param {MessageRow} row */
function quoteOf(row) {
  if (row.quote === null) return null;
  const label = `In reply to ${row.quote.name}: ${row.quote.text}`;
  const parts = [el("strong", { text: row.quote.name }), el("span", { text: row.quote.text })];
  return el("button", { type: "button", class: "quote", "data-show": row.quote.seq, "aria-label": label }, ...parts);
}

/** @param {MessageRow} row */
function reactionsOf(row) {
  const chips = row.reactions.map(({ reaction, count, mine, names }) =>
    el(
      "button",
      { type: "button", class: "chip", "data-reaction": reaction, "aria-pressed": String(mine), title: names, "aria-label": `${reaction} by ${names}` },
      el("span", { text: reaction }),
      el("span", { class: "count", text: count }),
    ),
  );
  return el("div", { class: "reactions" }, ...chips);
}

/** @param {MessageRow} row */
function seenOf(row) {
  if (row.seen.length === 0) return null;
  const names = listOf(row.seen.map((reader) => reader.name));
  const faces = row.seen.slice(0, 5).map((reader) => avatar(reader.name, reader.user, "tiny"));
  return el("div", { class: "seen", title: `Seen by ${names}` }, el("span", { text: `Seen by ${names}` }), ...faces);
}

/** In a large group, how many have read it. @param {MessageRow} row */
function countsOf(row) {
  if (row.counts === null) return null;
  const { read, delivered, members } = row.counts;
  const words = read > 0 ? `Read by ${read} of ${members}` : `Delivered to ${delivered} of ${members}`;
  return el("button", { type: "button", class: "seen counts", "data-action": "info", title: "Message info" }, el("span", { text: words }));
}

/** @param {MessageRow} row */
function toolbarOf(row) {
  const actions = row.mine ? ["react", "reply", "edit", "info", "recall"] : ["react", "reply", "info"];
  const buttons = actions.map((action) => {
    const { label, path } = ACTIONS[/** @type {keyof typeof ACTIONS} */ (action)];
    const expands = action === "react" ? "false" : null;
    return el("button", { type: "button", "data-action": action, "aria-label": label, title: label, "aria-expanded": expands }, icon(path));
  });
  return el("div", { class: "toolbar", role: "group", "aria-label": "What to do with this message" }, ...buttons);
}

const LINK = /(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]'])/;

/** Text with its addresses as links; everything set as text. @param {string} text */
function textWithLinks(text) {
  const parts = text.split(LINK).map((part, index) => {
    if (index % 2 === 0) return part;
    return el("a", { href: part, target: "_blank", rel: "noopener noreferrer", text: part });
  });
  return el("p", { class: "text" }, ...parts);
}
