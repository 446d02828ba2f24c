// What the page knows, without the DOM: conversations, messages, marks, names, who types. Events go in, rows come out.

import { Directory, Timeline, unreadOf } from "/sdk/index.js";
import { callRows, seqOf } from "./call_entries.js";
import { lastSeenOf, listOf, startOfDay } from "./format.js";
import { noteOf } from "./notes.js";

/** @typedef {import("/sdk/index.js").EventItem} EventItem */
/** @typedef {import("/sdk/index.js").MessageItem} MessageItem */
/** @typedef {import("/sdk/index.js").Listed} Listed */
/** @typedef {import("/sdk/index.js").Pending} Pending */
/** @typedef {import("/sdk/index.js").PresenceEntry} PresenceEntry */
/** @typedef {import("/sdk/index.js").ReceiptCounts} ReceiptCounts */

const TYPING_MS = 6_000; // a "stopped" may be lost
const GROUPED_MS = 5 * 60_000;
const QUOTE_CHARACTERS = 140;
export const RECEIPTS_MEMBERS = 50; // in a larger group nobody hears of each one's receipts: they are counted
const WATCHED_PEERS = 200;

/**
 * One row of the message list: everything it shows, so that an unchanged one is left alone.
 *
 * @typedef {{row: "day", key: string, at_ms: number} | {row: "new", key: string} | {row: "note", key: string, text: string, at_ms: number, call: "" | "missed" | "other"}
 *   | MessageRow} Row
 * @typedef {{row: "message", key: string, seq: number, at_ms: number, user: string, name: string, text: string, mine: boolean, first: boolean,
 *   last: boolean, named: boolean, edited: boolean, recalled: boolean, tick: "" | "waiting" | "sent" | "delivered" | "read",
 *   quote: {seq: number, name: string, text: string} | null, reactions: {reaction: string, count: number, mine: boolean, names: string}[],
 *   seen: {user: string, name: string}[], counts: {read: number, delivered: number, members: number} | null, emoji: boolean}} MessageRow
 */

/**
 * A call that ended, as its conversation shows it.
 *
 * @typedef {{call_id: string, user: string, media: string, outcome: string, duration_ms: number, at_ms: number, missed_by: string[]}} CallEntry
 */

/** What is known of one conversation beyond the roster. */
class Opened {
  timeline = new Timeline();
  /** @type {Map<string, number>} user -> seq up to which it was read */
  read = new Map();
  /** @type {Map<string, number>} user -> seq up to which a device of theirs holds it */
  delivered = new Map();
  /** @type {Map<string, number>} user -> when the typing is over */
  typing = new Map();
  /** Changes of the conversation itself that were heard. @type {EventItem[]} */
  notes = [];
  /** Of calls that ended before: they have no seq here, and stand where their time puts them. @type {CallEntry[]} */
  calls = [];
  /** @type {Set<string>} */
  members = new Set();
  /** Of a large group: how far its members got with the newest own message. @type {ReceiptCounts | null} */
  counts = null;
  /** The first unread message when it was opened; 0: none. */
  new_from_ordinal = 0;
}

export class Model {
  /** @type {Map<string, string>} */
  names = new Map();
  /** Users whose names were wanted and are not known. @type {Set<string>} */
  unnamed = new Set();
  /** @type {Map<string, Opened>} */
  opened = new Map();
  /** Who was asked about, the user too. @type {Map<string, PresenceEntry>} */
  presence = new Map();

  /** @param {string} user @param {string} name @param {(user: string) => string} aliasOf what the user calls others; "" for no other name */
  constructor(user, name, aliasOf = () => "") {
    this.user = user;
    this.aliasOf = aliasOf;
    this.directory = new Directory(user);
    this.names.set(user, name);
  }

  /** @param {string} conversation */
  of(conversation) {
    const opened = this.opened.get(conversation) ?? new Opened();
    this.opened.set(conversation, opened);
    return opened;
  }

  /** The user's name, or what the own user calls it; "…" until it was asked for. @param {string} user */
  nameOf(user) {
    const alias = this.aliasOf(user);
    if (alias !== "") return alias;
    const name = this.names.get(user);
    if (name === undefined) this.unnamed.add(user);
    return name ?? "…";
  }

  /** @param {Listed} listed */
  titleOf(listed) {
    if (listed.conversation_kind === "direct" && listed.peer !== null) return this.nameOf(listed.peer);
    return listed.title || (listed.complete ? "Untitled group" : "…");
  }

  /** Messages that wait to be read, in all conversations. */
  unreadTotal() {
    const waits = (/** @type {Listed} */ listed) => unreadOf(listed) || (listed.marked_unread ? 1 : 0);
    return [...this.directory.conversations.values()].reduce((sum, listed) => sum + waits(listed), 0);
  }

  /** @param {string} conversation @param {EventItem} event */
  apply(conversation, event) {
    this.directory.apply(conversation, event);
    const opened = this.of(conversation);
    opened.timeline.apply(event);
    if (event.kind === "message_sent") {
      opened.typing.delete(event.user);
      this.#raise(opened.read, event.user, event.seq);
    }
    if (event.kind === "read_marked") this.#raise(opened.read, event.user, event.up_to_seq);
    this.#follow(opened, event);
    if (this.#noteOf(event) !== "" && !opened.notes.some((note) => note.seq === event.seq)) opened.notes.push(event);
  }

  /** How far somebody got; of the user itself, what one of its windows said. @param {import("/sdk/index.js").Receipt} receipt */
  receipt({ conversation, user, state, up_to_seq, up_to_ordinal = 0 }) {
    if (user === this.user) this.directory.receipt({ type: "receipt", conversation, user, state, up_to_seq, up_to_ordinal });
    const opened = this.of(conversation);
    if (state === "delivered") this.#raise(opened.delivered, user, up_to_seq);
    if (state === "read" || state === "played") this.#raise(opened.read, user, up_to_seq);
  }

  /** @param {readonly PresenceEntry[]} users */
  setPresence(users) {
    for (const entry of users) this.presence.set(entry.user, entry);
  }

  /** Whose presence the page shows: of the newest peers, the open group's members, and the user's own. @param {string} current */
  watched(current) {
    const peers = this.directory.sorted().flatMap((listed) => (listed.peer === null ? [] : [listed.peer]));
    const group = this.directory.conversations.get(current)?.conversation_kind === "group";
    return { users: [this.user, ...new Set(peers.slice(0, WATCHED_PEERS))], conversations: group ? [current] : [] };
  }

  /** "online", "away" or "offline"; "" when nothing is known. @param {string | null} user */
  stateOf(user) {
    return user === null ? "" : (this.presence.get(user)?.state ?? "");
  }

  /** What stands below a name: "Online", "Away · at lunch", "Last seen at 14:02", or "". @param {string | null} user @param {number} now_ms */
  presenceText(user, now_ms) {
    const entry = user === null ? undefined : this.presence.get(user);
    if (entry === undefined) return "";
    const last = entry.last_seen_ms > 0 ? lastSeenOf(entry.last_seen_ms, now_ms) : "";
    const words = entry.state === "online" ? "Online" : entry.state === "away" ? "Away" : last;
    return [words, entry.status].filter((word) => word !== undefined && word !== "").join(" · ");
  }

  /** What was said or noted last, up to which a reader reads. @param {string} conversation @returns {{seq: number, ordinal: number, user: string} | undefined} */
  newest(conversation) {
    const { timeline, notes } = this.of(conversation);
    const call = notes.findLast((note) => note.kind === "call_noted");
    const message = timeline.messages.at(-1);
    return call !== undefined && call.seq > (message?.seq ?? 0) ? call : message;
  }

  /** Whether each one's receipts are told, or only how many. @param {string} conversation */
  isLarge(conversation) {
    return this.of(conversation).members.size > RECEIPTS_MEMBERS;
  }

  /** @param {string} conversation @param {string} user @param {boolean} typing @param {number} now_ms */
  typing(conversation, user, typing, now_ms) {
    const { typing: map } = this.of(conversation);
    if (typing) map.set(user, now_ms + TYPING_MS);
    else map.delete(user);
  }

  /** "Ana is typing…", or "". @param {string} conversation @param {number} now_ms */
  typingText(conversation, now_ms) {
    const opened = this.of(conversation);
    for (const [user, until_ms] of opened.typing) if (until_ms <= now_ms) opened.typing.delete(user);
    const names = [...opened.typing.keys()].filter((user) => user !== this.user).map((user) => this.nameOf(user));
    return names.length === 0 ? "" : `${listOf(names)} ${names.length === 1 ? "is" : "are"} typing…`;
  }

  /** @param {string} conversation @param {readonly import("/sdk/index.js").MemberItem[]} members */
  setMembers(conversation, members) {
    const opened = this.of(conversation);
    opened.members = new Set(members.map((member) => member.user));
    for (const member of members) this.#raise(opened.read, member.user, member.read_seq);
  }

  /** The last line of a conversation in the list. @param {Listed} listed */
  previewOf(listed) {
    const { last } = listed;
    const newest = this.newest(listed.conversation);
    if (newest !== undefined && "kind" in newest && newest.seq > (last?.seq ?? 0)) return this.#noteOf(/** @type {any} */ (newest));
    if (last === null) return listed.conversation_kind === "direct" ? "Say hello" : "No messages yet";
    const text = last.recalled ? "Message recalled" : textOf(last).replace(/\s+/g, " ");
    if (last.user === this.user) return `You: ${text}`;
    return listed.conversation_kind === "direct" ? text : `${this.nameOf(last.user)}: ${text}`;
  }

  /** The newest message of ours that can be edited, for the arrow key. @param {string} conversation */
  lastOwn(conversation) {
    const mine = this.of(conversation).timeline.messages.filter((message) => message.user === this.user && !message.recalled);
    return mine.at(-1) ?? null;
  }

  /** Everything the message list shows. @param {Listed} listed @param {readonly Pending[]} pending @param {number} now_ms */
  rows(listed, pending, now_ms) {
    const opened = this.of(listed.conversation);
    const seen = this.#seenAt(opened);
    /** @type {(MessageRow | Extract<Row, {row: "note"}>)[]} */
    const items = opened.timeline.messages.map((message) => this.#messageRow(listed, opened, message, seen.get(message.seq) ?? []));
    for (const note of opened.notes) items.push({ row: "note", key: `n${note.seq}`, text: this.#noteOf(note), at_ms: note.at_ms, call: this.#callOf(note) });
    items.push(...callRows(opened, items, this.user, (user) => this.nameOf(user)));
    items.sort((a, b) => seqOf(a) - seqOf(b));
    for (const entry of pending) if (entry.frame.type === "send_message") items.push(this.#pendingRow(opened, entry, now_ms));
    return this.#framed(items, opened);
  }

  /** Adds the days and the line above what is new; says which rows begin and end a run of one author. @param {any[]} items @param {Opened} opened */
  #framed(items, opened) {
    /** @type {Row[]} */
    const rows = [];
    let day = 0;
    let told_new = false;
    items.forEach((item, index) => {
      const this_day = startOfDay(item.at_ms);
      if (this_day !== day) rows.push({ row: "day", key: `d${this_day}`, at_ms: this_day });
      day = this_day;
      if (!told_new && item.row === "message" && opened.new_from_ordinal > 0 && item.ordinal >= opened.new_from_ordinal && !item.mine) {
        rows.push({ row: "new", key: "new" });
        told_new = true;
      }
      rows.push(item.row === "message" ? { ...item, first: !sameRun(items[index - 1], item), last: !sameRun(item, items[index + 1]) } : item);
    });
    return rows;
  }

  /** @param {Listed} listed @param {Opened} opened @param {MessageItem} message @param {{user: string, name: string}[]} seen */
  #messageRow(listed, opened, message, seen) {
    const mine = message.user === this.user;
    const text = textOf(message);
    const counts = opened.counts?.seq === message.seq ? opened.counts : null;
    const reactions = Object.entries(message.reactions ?? {}).map(([reaction, users]) => ({
      reaction,
      count: users.length,
      mine: users.includes(this.user),
      names: users.map((user) => (user === this.user ? "you" : this.nameOf(user))).join(", "),
    }));
    return /** @type {any} */ ({
      row: "message",
      key: `m${message.seq}`,
      seq: message.seq,
      ordinal: message.ordinal,
      at_ms: message.at_ms,
      user: message.user,
      name: this.nameOf(message.user),
      text,
      mine,
      first: true,
      last: true,
      named: !mine && listed.conversation_kind !== "direct",
      edited: message.edited_at_ms !== undefined && !message.recalled,
      recalled: message.recalled === true,
      tick: mine && !message.recalled ? this.#tick(opened, message.seq) : "",
      counts: mine && counts !== null ? { read: counts.read, delivered: counts.delivered, members: counts.members } : null,
      quote: this.#quote(opened, message.reply_to ?? 0),
      reactions,
      seen,
      emoji: isEmoji(text),
    });
  }

  /** @param {Opened} opened @param {Pending} entry @param {number} now_ms */
  #pendingRow(opened, entry, now_ms) {
    const frame = /** @type {import("/sdk/index.js").SendMessage} */ (entry.frame);
    const text = frame.content.text ?? "";
    return /** @type {any} */ ({
      row: "message",
      key: `p${entry.key}`,
      seq: 0,
      ordinal: 0,
      at_ms: startOfDay(now_ms) + 86_399_999, // below everything of today, and one value all day long
      pending: true,
      user: this.user,
      name: "",
      text,
      mine: true,
      first: true,
      last: true,
      named: false,
      edited: false,
      recalled: false,
      tick: "waiting",
      quote: this.#quote(opened, frame.reply_to ?? 0),
      reactions: [],
      seen: [],
      counts: null,
      emoji: isEmoji(text),
    });
  }

  /** @param {Opened} opened @param {number} seq */
  #quote(opened, seq) {
    if (seq === 0) return null;
    const message = opened.timeline.get(seq);
    if (message === undefined) return { seq, name: "", text: "An earlier message" };
    const text = message.recalled ? "Message recalled" : textOf(message);
    return { seq, name: message.user === this.user ? "You" : this.nameOf(message.user), text: text.slice(0, QUOTE_CHARACTERS) };
  }

  /** @param {Opened} opened @param {number} seq @returns {"sent" | "delivered" | "read"} */
  #tick(opened, seq) {
    const { counts } = opened;
    // what all have of a later message they have of this one
    if (counts !== null && counts.seq >= seq && opened.members.size > RECEIPTS_MEMBERS)
      return counts.read >= counts.members ? "read" : counts.delivered >= counts.members ? "delivered" : "sent";
    const others = [...opened.members].filter((user) => user !== this.user);
    const reached = (/** @type {Map<string, number>} */ marks) => (/** @type {string} */ user) => (marks.get(user) ?? 0) >= seq;
    if (others.length > 0 && others.every(reached(opened.read))) return "read";
    const held = (/** @type {string} */ user) => reached(opened.delivered)(user) || reached(opened.read)(user);
    return others.length > 0 && others.every(held) ? "delivered" : "sent";
  }

  /** Where each reader stands: on the newest message it has read. @param {Opened} opened */
  #seenAt(opened) {
    /** @type {Map<number, {user: string, name: string}[]>} */
    const at = new Map();
    const { messages } = opened.timeline;
    for (const user of opened.members) {
      if (user === this.user) continue;
      const up_to = opened.read.get(user) ?? 0;
      const message = messages.findLast((candidate) => candidate.seq <= up_to);
      // that authors have read their own words need not be said
      if (message === undefined || message.user === user) continue;
      at.set(message.seq, [...(at.get(message.seq) ?? []), { user, name: this.nameOf(user) }]);
    }
    return at;
  }

  /** @param {Opened} opened @param {EventItem} event */
  #follow(opened, event) {
    if (event.kind === "conversation_created") {
      opened.members = new Set([event.user, ...(event.members ?? []).map((member) => member.user)]);
      opened.timeline.page([], null, false); // it begins here
    }
    if (event.kind === "member_added") opened.members.add(event.member);
    if (event.kind === "member_removed" || event.kind === "member_banned") opened.members.delete(event.member);
    if (event.kind === "member_left") opened.members.delete(event.user);
  }

  /** What a change of the conversation reads like. @param {EventItem} event */
  #noteOf(event) {
    return noteOf(event, this.user, (user) => this.nameOf(user));
  }

  /** Of the entry of a call, whether the user missed it. @param {EventItem} event @returns {"" | "missed" | "other"} */
  #callOf(event) {
    if (event.kind !== "call_noted") return "";
    return event.missed_by.includes(this.user) ? "missed" : "other";
  }

  /** @param {Map<string, number>} marks @param {string} user @param {number} seq */
  #raise(marks, user, seq) {
    marks.set(user, Math.max(marks.get(user) ?? 0, seq));
  }
}

/** @param {MessageItem} message */
export function textOf(message) {
  if (message.content === undefined) return "";
  return message.content.text ?? `[${message.content.media_type ?? "content"}]`;
}

/** @param {any} a @param {any} b */
function sameRun(a, b) {
  if (a === undefined || b === undefined || a.row !== "message" || b.row !== "message" || a.user !== b.user) return false;
  if (b.pending || a.pending) return true;
  return b.at_ms - a.at_ms < GROUPED_MS && startOfDay(a.at_ms) === startOfDay(b.at_ms);
}

/** One to three emoji and nothing else are shown large. @param {string} text */
function isEmoji(text) {
  const trimmed = text.trim();
  return trimmed !== "" && [...trimmed].length <= 9 && /^(?:\p{Extended_Pictographic}|\p{Emoji_Modifier}|\uFE0F|\u200D)+$/u.test(trimmed);
}
