// What the page shows, as rows: runs of one author, days, ticks, marks, what is new.

import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";

register("./page-loader.mjs", import.meta.url);
const { Model } = await import("../page/model.js");
const { initials } = await import("../page/dom.js");
const { dayOf, listOf } = await import("../page/format.js");

const NOON = new Date(2026, 4, 20, 12).getTime();
const MINUTE = 60_000;

function group() {
  const model = new Model("ana", "Ana");
  model.names.set("bo", "Bo").set("chris", "Chris");
  const members = ["ana", "bo", "chris"].map((user) => ({ user, role: "member" }));
  const base = { seq: 1, ordinal: 0, at_ms: NOON, user: "ana", device: "d", id: "c" };
  model.apply("g", { ...base, kind: "conversation_created", conversation_kind: "group", title: "Birds", members });
  return model;
}

const say = (model, seq, user, text, at_ms = NOON + seq * 1000, more = {}) =>
  model.apply("g", { kind: "message_sent", seq, ordinal: seq - 1, at_ms, user, device: "d", id: `i${seq}`, content: { text }, ...more });
const hears = (model, user, state, up_to_seq) => model.receipt({ type: "receipt", conversation: "g", user, state, up_to_seq });
const rows = (model, pending = []) => model.rows(model.directory.conversations.get("g"), pending, NOON + MINUTE);
const messages = (model, pending = []) => rows(model, pending).filter((row) => row.row === "message");

test("messages of one author within minutes are one run", () => {
  const model = group();
  say(model, 2, "bo", "a");
  say(model, 3, "bo", "b");
  say(model, 4, "ana", "c");
  say(model, 5, "bo", "d", NOON + 10_000);
  say(model, 6, "bo", "e", NOON + 10_000 + 6 * MINUTE);
  assert.deepEqual(messages(model).map((row) => [row.first, row.last]), [[true, false], [false, true], [true, true], [true, true], [true, true]]);
});

test("each day has one line, in the order of the events", () => {
  const model = group();
  say(model, 2, "bo", "a");
  say(model, 3, "bo", "b", NOON + 24 * 60 * MINUTE);
  assert.deepEqual(rows(model).map((row) => row.row), ["day", "note", "message", "day", "message"]);
});

test("a message is sent, then delivered to all, then read by all; a reader's face stands at the newest it read", () => {
  const model = group();
  say(model, 2, "ana", "a");
  say(model, 3, "ana", "b");
  const ticks = () => messages(model).map((row) => row.tick);
  assert.deepEqual(ticks(), ["sent", "sent"]);
  hears(model, "bo", "delivered", 3);
  hears(model, "chris", "delivered", 2);
  assert.deepEqual(ticks(), ["delivered", "sent"]);
  const read = (user, seq, up_to_seq) =>
    model.apply("g", { kind: "read_marked", seq, ordinal: 2, at_ms: NOON, user, device: "d", id: `r${seq}`, up_to_seq, up_to_ordinal: up_to_seq - 1 });
  read("bo", 4, 3);
  read("chris", 5, 2);
  assert.deepEqual(ticks(), ["read", "sent"]);
  hears(model, "chris", "delivered", 3);
  assert.deepEqual(ticks(), ["read", "delivered"]);
  assert.deepEqual(messages(model).map((row) => row.seen.map((reader) => reader.name)), [["Chris"], ["Bo"]]);
});

test("what waits is shown last and marked, and leaves when its event comes", () => {
  const model = group();
  say(model, 2, "bo", "a");
  const pending = [{ key: 7, frame: { type: "send_message", id: "x", conversation: "g", content: { text: "later" } } }];
  const shown = messages(model, pending);
  assert.deepEqual(shown.map((row) => [row.text, row.tick]), [["a", ""], ["later", "waiting"]]);
  assert.deepEqual(messages(model, pending), shown); // and is not drawn again while it waits
});

test("the line above what is new stands before the first unread message of others", () => {
  const model = group();
  say(model, 2, "bo", "a");
  say(model, 3, "ana", "b");
  say(model, 4, "bo", "c");
  model.of("g").new_from_ordinal = 2;
  assert.deepEqual(rows(model).map((row) => row.key), ["d" + new Date(2026, 4, 20).getTime(), "n1", "m2", "m3", "new", "m4"]);
});

test("a quote shows the message as it stands now, and one that is not here is named so", () => {
  const model = group();
  say(model, 2, "bo", "old");
  say(model, 3, "ana", "answer", NOON, { reply_to: 2 });
  model.apply("g", { kind: "message_edited", seq: 4, ordinal: 2, at_ms: NOON, user: "bo", device: "d", id: "e", target_seq: 2, content: { text: "new" } });
  assert.deepEqual(messages(model)[1].quote, { seq: 2, name: "Bo", text: "new" });
  say(model, 5, "ana", "answer", NOON, { reply_to: 1 });
  assert.equal(messages(model)[2].quote.text, "An earlier message");
});

test("typing is over by itself, by a word of its end, and by the message", () => {
  const model = group();
  model.typing("g", "bo", true, NOON);
  model.typing("g", "chris", true, NOON);
  assert.equal(model.typingText("g", NOON + 1), "Bo and Chris are typing…");
  model.typing("g", "chris", false, NOON + 2);
  assert.equal(model.typingText("g", NOON + 3), "Bo is typing…");
  assert.equal(model.typingText("g", NOON + 10_000), "");
  model.typing("g", "bo", true, NOON);
  say(model, 2, "bo", "done");
  assert.equal(model.typingText("g", NOON + 1), "");
});

test("names that are not known yet are asked for once and shown when they are", () => {
  const model = group();
  say(model, 2, "dora", "hello");
  assert.equal(messages(model)[0].name, "…");
  assert.deepEqual([...model.unnamed], ["dora"]);
  model.names.set("dora", "Dora");
  assert.equal(messages(model)[0].name, "Dora");
});

test("few emoji alone are shown large; digits and words are not", () => {
  const model = group();
  ["🎉", "👍🏽 👍", "❤️", "1", "#", "ok 🎉", "👩‍👩‍👧"].forEach((text, index) => say(model, index + 2, "bo", text));
  assert.deepEqual(messages(model).map((row) => row.emoji), [true, false, true, false, false, false, true]);
});

test("names, days and lists as people write them", () => {
  assert.deepEqual(["ana", "Ana Bell", "x", "a.b", "🦜parrot", "--"].map(initials), ["AN", "AB", "X", "AB", "🦜P", "--"]);
  assert.equal(listOf(["a"]), "a");
  assert.equal(listOf(["a", "b", "c"]), "a, b and c");
  assert.equal(listOf(["a", "b", "c", "d"]), "a, b and 2 others");
  assert.equal(dayOf(NOON, NOON), "Today");
  assert.equal(dayOf(NOON - 24 * 60 * MINUTE, NOON), "Yesterday");
});

test("in a large group the newest own message says how many have read it, and the ticks of those before follow", () => {
  const model = group();
  for (let n = 0; n < 60; n += 1) model.of("g").members.add(`u${n}`);
  say(model, 2, "ana", "a");
  say(model, 3, "ana", "b");
  assert.deepEqual(messages(model).map((row) => [row.tick, row.counts]), [["sent", null], ["sent", null]]);
  model.of("g").counts = { conversation: "g", seq: 3, members: 62, delivered: 62, read: 40, played: 0 };
  assert.deepEqual(messages(model).map((row) => row.tick), ["delivered", "delivered"]);
  assert.deepEqual(messages(model)[1].counts, { read: 40, delivered: 62, members: 62 });
  model.of("g").counts = { conversation: "g", seq: 3, members: 62, delivered: 62, read: 62, played: 0 };
  assert.deepEqual(messages(model).map((row) => row.tick), ["read", "read"]);
});

test("presence is said in words, and only of whom it is known", () => {
  const model = group();
  const now = NOON + 3 * 60 * MINUTE;
  model.setPresence([{ user: "bo", state: "online", status: "tea", last_seen_ms: 0 }, { user: "chris", state: "offline", status: "", last_seen_ms: NOON }]);
  assert.equal(model.presenceText("bo", now), "Online · tea");
  assert.match(model.presenceText("chris", now), /^Last seen at /);
  assert.match(model.presenceText("chris", now + 24 * 60 * MINUTE), /^Last seen yesterday at /);
  assert.equal(model.presenceText("eve", now), "");
  assert.deepEqual([model.stateOf("bo"), model.stateOf("eve"), model.stateOf(null)], ["online", "", ""]);
});

test("the page watches its peers, its own user and the members of the group that is open", () => {
  const model = group();
  const members = ["ana", "dan"].map((user) => ({ user, role: "member" }));
  const base = { seq: 1, ordinal: 0, at_ms: NOON, user: "ana", device: "d", id: "c" };
  model.apply("d", { ...base, kind: "conversation_created", conversation_kind: "direct", title: "", members });
  assert.deepEqual(model.watched("g"), { users: ["ana", "dan"], conversations: ["g"] });
  assert.deepEqual(model.watched("d"), { users: ["ana", "dan"], conversations: [] });
});

test("what another window of the user read or kept for later is so here too", () => {
  const model = group();
  say(model, 2, "bo", "a");
  assert.equal(model.unreadTotal(), 1);
  model.receipt({ type: "receipt", conversation: "g", user: "ana", state: "read", up_to_seq: 2, up_to_ordinal: 1 });
  assert.equal(model.unreadTotal(), 0);
  hears(model, "ana", "unread", 2);
  assert.equal(model.unreadTotal(), 1);
  hears(model, "ana", "unread", 0);
  assert.equal(model.unreadTotal(), 0);
});
