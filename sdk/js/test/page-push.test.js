// What the page says of pushes.

import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";

register("./page-loader.mjs", import.meta.url);
const { isOf, perSend, wordsOfResult } = await import("../page/push_words.js");

const result = (state, more = {}) => ({ state, reason: "", push_id: "", device: "", channel: "webpush", vendor_code: "", tries: 1, ...more });

test("a send is one line: received says more than accepted, whichever stands first in the log", () => {
  const log = [result("accepted", { push_id: "a", device: "d" }), result("received", { push_id: "a", device: "d" }), result("received", { push_id: "b", device: "d" }), result("accepted", { push_id: "b", device: "d" }), result("retrying", { push_id: "b", device: "d" })];
  assert.deepEqual(perSend(log).map(({ push_id, state }) => [push_id, state]), [["a", "received"], ["b", "received"]]);
});

test("what was not sent is never the same as another", () => {
  assert.equal(perSend([result("suppressed", { reason: "muted" }), result("suppressed", { reason: "muted" })]).length, 2);
});

test("a reason is said in words, and what a vendor said is passed on", () => {
  assert.match(wordsOfResult(result("suppressed", { reason: "quiet_hours" })), /quiet hours/);
  assert.equal(wordsOfResult(result("rejected", { reason: "status_503" })), "The push service answered 503.");
  assert.equal(wordsOfResult(result("rejected", { reason: "vendor", vendor_code: "BadTopic" })), "The push service answered “BadTopic”.");
  assert.match(wordsOfResult(result("retrying", { reason: "timeout" })), /again in a moment.*did not answer/);
});

test("every state is under one choice of the log", () => {
  for (const state of ["accepted", "rejected", "invalidated", "expired", "suppressed", "withdrawn", "retrying", "received"]) {
    assert.equal(["sent", "held", "failed"].filter((choice) => isOf(state, choice)).length, 1);
    assert.ok(isOf(state, ""));
  }
});
