// What the page says of calls: entries in their conversation, states, ends. Pure.

import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";

register("./page-loader.mjs", import.meta.url);
const { Model } = await import("../page/model.js");
const { endOf, entryOf, lengthOf, stateOf } = await import("../page/call_words.js");

const NOON = new Date(2026, 4, 20, 12).getTime();
const nameOf = (user) => ({ ana: "Ana", bo: "Bo" })[user] ?? "?";
const noted = (seq, more) => ({ kind: "call_noted", seq, ordinal: seq - 1, at_ms: NOON + seq * 1_000, user: "bo", device: "", id: "", call_id: `k${seq}`, call_kind: "one_to_one", media: "audio", outcome: "missed", duration_ms: 0, missed_by: ["ana"], ...more });

function direct() {
  const model = new Model("ana", "Ana");
  model.names.set("bo", "Bo");
  const base = { seq: 1, ordinal: 0, at_ms: NOON, user: "ana", device: "d", id: "c" };
  const members = ["ana", "bo"].map((user) => ({ user, role: "member" }));
  model.apply("g", { ...base, kind: "conversation_created", conversation_kind: "direct", title: "", members });
  return model;
}
const say = (model, seq) => model.apply("g", { kind: "message_sent", seq, ordinal: seq - 1, at_ms: NOON + seq * 1_000, user: "bo", device: "d", id: `i${seq}`, content: { text: `m${seq}` } });
const rows = (model) => model.rows(model.directory.conversations.get("g"), [], NOON + 60_000).filter((row) => row.row !== "day");

test("a missed call is an entry of its own kind, counts as unread, and is read like a message", () => {
  const model = direct();
  say(model, 2);
  model.apply("g", noted(3));
  assert.deepEqual(rows(model).map((row) => [row.text, row.call]), [["m2", undefined], ["Missed call from Bo", "missed"]]);
  assert.equal(model.newest("g").seq, 3);
  assert.equal(model.previewOf(model.directory.conversations.get("g")), "Missed call from Bo");
  say(model, 4);
  assert.equal(model.newest("g").seq, 4);
  assert.equal(model.previewOf(model.directory.conversations.get("g")), "m4");
});

test("calls from before stand where their time puts them, each once", () => {
  const model = direct();
  say(model, 2);
  say(model, 4);
  model.apply("g", noted(5, { call_id: "known" }));
  const entry = { user: "ana", media: "video", outcome: "ended", duration_ms: 65_000, at_ms: NOON + 3_000, missed_by: [] };
  model.of("g").calls = [{ ...entry, call_id: "old" }, { ...entry, call_id: "known" }];
  assert.deepEqual(rows(model).map((row) => row.text), ["m2", "Video call · 1:05", "m4", "Missed call from Bo"]);
});

test("an entry says what became of the call, from where one stands", () => {
  const said = (more, me = "ana") => entryOf({ user: "ana", media: "audio", outcome: "missed", duration_ms: 0, missed_by: ["bo"], ...more }, me, nameOf).text;
  assert.equal(said({}), "Call · no answer");
  assert.equal(said({}, "bo"), "Missed call from Ana");
  assert.equal(said({ outcome: "rejected", missed_by: [] }, "bo"), "Call from Ana · declined");
  assert.equal(said({ outcome: "ended", duration_ms: 3_723_000, media: "video", missed_by: [] }), "Video call · 1:02:03");
});

test("a state is said in words until media flows, and then in time", () => {
  const live = (state, flow = "up") => ({ flow, shown: { state } });
  assert.equal(stateOf({ flow: "connecting", shown: null }, 0, 0), "Calling…");
  assert.equal(stateOf(live("ringing"), 0, 0), "Ringing…");
  assert.equal(stateOf(live("accepted"), 0, 0), "Connecting…");
  assert.equal(stateOf(live("connected"), 1_000, 43_000), "0:42");
  assert.equal(stateOf(live("connected", "lost"), 1_000, 43_000), "Reconnecting…");
  assert.equal(lengthOf(-5), "0:00");
});

test("an end is said unless one made it oneself", () => {
  assert.equal(endOf({ reason: "missed", left: null }), "No answer");
  assert.equal(endOf({ reason: null, left: "hung_up" }), "");
  assert.equal(endOf({ reason: null, left: "kicked" }), "You were removed from the call");
  assert.equal(endOf({ reason: null, left: null }), "");
});
