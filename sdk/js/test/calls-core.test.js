// The calls of one device without I/O: what it rings for, when it opens media, and what it does about what is lost.

import assert from "node:assert/strict";
import { test } from "node:test";
import { CALL_RULES, CallCore } from "../dist/index.js";

const ring = (more = {}) => ({ type: "call_ring", conversation: "c1", call: "k1", caller: "bo", call_kind: "one_to_one", media: "audio", engine_kind: "embedded", deadline_ms: 61_000, now_ms: 1_000, knock: false, ...more });
const party = (user, state, device = "") => ({ user, state, device });
const shown = (state, parties, more = {}) => ({ conversation: "c1", call: "k1", seq: 3, call_kind: "one_to_one", media: "audio", state, caller: "ana", engine_kind: "embedded", epoch: 1, requested_at_ms: 0, parties, ...more });
const changed = (call, what = "now") => ({ type: "call_changed", what, by: "", about: "", at_ms: 0, call });
const ticket = (more = {}) => ({ type: "call_ticket", conversation: "c1", call: "k1", epoch: 1, generation: 1, engine_kind: "embedded", url: "", ticket: "t", ice_servers: [], until_ms: 9e9, ...more });
const over = (more) => ({ type: "call_over", conversation: "c1", call: "k1", seq: 9, at_ms: 0, reason: null, left: null, ...more });
const kinds = (effects) => effects.map((effect) => effect.frame?.type ?? effect.kind);
const ana = (rules = {}) => new CallCore("ana", "d-ana", { ...CALL_RULES, ...rules });

/** Ana calls Bo, and it was accepted by the edge. */
function asking(core = ana(), media = "audio") {
  core.asks({ call: "k1", conversation: "c1", media }, 0);
  core.granted("k1", "k1", 10);
  return core;
}

const ANSWERED = shown("accepted", [party("ana", "accepted", "d-ana"), party("bo", "accepted", "d-bo")]);

test("a ring is told once, delivered and ringing; said again after a hello it is not rung anew", () => {
  const core = ana();
  assert.deepEqual(kinds(core.frame(ring(), 0)), ["call_delivered", "ring", "call_ringing"]);
  assert.deepEqual(kinds(core.frame(ring({ now_ms: 2_000 }), 500)), []);
  assert.equal(core.get("k1").deadline_ms, 500 + 59_000);
});

test("another device answers: the ring stops, and the call is gone from here", () => {
  const core = ana();
  core.frame(ring(), 0);
  const [stop] = core.frame({ type: "call_stop", conversation: "c1", call: "k1", why: "answered_elsewhere" }, 5);
  assert.equal(stop.kind, "stop");
  assert.equal(stop.why, "answered_elsewhere");
  assert.deepEqual(core.all(), []);
});

test("a lost stop does not ring for ever: the deadline of the server's clock ends it", () => {
  const core = ana();
  core.frame(ring(), 100);
  assert.equal(core.nextMs(), 100 + 60_000 + 1_500);
  assert.deepEqual(kinds(core.tick(60_000)), []);
  assert.deepEqual(kinds(core.tick(core.nextMs())), ["stop"]);
});

test("a group's call goes on after the ring, and can be joined", () => {
  const core = ana();
  core.frame(ring({ call_kind: "group" }), 0);
  core.frame({ type: "call_stop", conversation: "c1", call: "k1", why: "timed_out" }, 5);
  assert.equal(core.get("k1").part, "outside");
  core.asks({ call: "k1", conversation: "c1", media: "audio" }, 6);
  core.granted("k1", "k1", 7);
  assert.deepEqual(kinds(core.frame(ticket(), 8)), ["open"]);
});

test("who is in another call says so, unless the edge asked for a knock", () => {
  const core = asking();
  assert.deepEqual(kinds(core.frame(ring({ call: "k2", conversation: "c2" }), 20)), ["call_busy"]);
  assert.deepEqual(kinds(core.frame(ring({ call: "k3", conversation: "c3", knock: true }), 20)), ["call_delivered", "ring", "call_ringing"]);
});

test("two who call each other: the ring waits for the own request's answer, which is the other's call", () => {
  const core = ana();
  core.asks({ call: "k0", conversation: "c1", media: "audio" }, 0);
  assert.deepEqual(kinds(core.frame(ring(), 1)), []);
  core.granted("k0", "k1", 2);
  assert.equal(core.get("k0"), undefined);
  assert.equal(core.get("k1").part, "in");
  assert.deepEqual(kinds(core.frame(ticket(), 3)), ["open"]);
  assert.deepEqual(core.all().map((live) => live.call), ["k1"]);
});

test("two who call each other: a ring that stands here already ends when the own request becomes that call", () => {
  const core = ana();
  core.frame(ring(), 0);
  core.asks({ call: "k0", conversation: "c1", media: "audio" }, 1);
  assert.deepEqual(kinds(core.granted("k0", "k1", 2)), ["stop", "changed"]);
  assert.deepEqual(core.all().map(({ call, part }) => [call, part]), [["k1", "in"]]);
});

test("the own request is refused: the ring that waited for it rings now", () => {
  const core = ana();
  core.asks({ call: "k0", conversation: "c1", media: "audio" }, 0);
  core.frame(ring(), 1);
  assert.deepEqual(kinds(core.refused("k0")), ["shut", "over", "call_delivered", "ring", "call_ringing"]);
});

test("media opens for a ticket, once; for a higher generation or epoch beside it, for a lower one never", () => {
  const core = asking();
  const opened = (frame) => core.frame(frame, 20).flatMap((effect) => (effect.kind === "open" ? [effect.link] : []));
  assert.deepEqual(opened(ticket()), [{ epoch: 1, generation: 1 }]);
  assert.deepEqual(opened(ticket()), []);
  assert.deepEqual(opened(ticket({ generation: 2 })), [{ epoch: 1, generation: 2 }]);
  assert.deepEqual(opened(ticket({ epoch: 2 })), [{ epoch: 2, generation: 1 }]);
  assert.deepEqual(opened(ticket({ generation: 9 })), []);
});

test("a ticket for a call that only rings here opens nothing", () => {
  const core = ana();
  core.frame(ring(), 0);
  assert.deepEqual(kinds(core.frame(ticket(), 1)), []);
});

test("between two without an engine nothing is offered before the other has accepted", () => {
  const core = asking();
  assert.deepEqual(kinds(core.frame(ticket({ engine_kind: "p2p" }), 20)), []);
  assert.deepEqual(kinds(core.frame(changed(shown("ringing", ANSWERED.parties)), 21)), ["changed"]);
  assert.deepEqual(kinds(core.frame(changed({ ...ANSWERED, seq: 4, engine_kind: "p2p" }), 22)), ["open", "changed"]);
});

/** A call between two without an engine, with its connections open. */
function direct(rules = {}) {
  const core = asking(ana(rules));
  core.frame(ticket({ engine_kind: "p2p" }), 20);
  core.frame(changed({ ...ANSWERED, engine_kind: "p2p" }), 22);
  return core;
}

test("without an engine the devices say whether media flows, and that they are there", () => {
  const core = direct();
  const link = { epoch: 1, generation: 1 };
  assert.deepEqual(kinds(core.linked("k1", link, "up", 30)), ["call_media", "changed"]);
  assert.deepEqual(kinds(core.linked("k1", link, "up", 31)), ["changed"]);
  assert.deepEqual(kinds(core.tick(core.nextMs())), ["call_renew"]);
});

test("the other has new connections: ours of the same generation are made", () => {
  const core = direct();
  const frame = { type: "call_described", conversation: "c1", call: "k1", epoch: 1, generation: 3, seq: 1, pc: "subscribe", sdp_type: "offer", sdp: "" };
  const effects = core.frame(frame, 30);
  assert.deepEqual(effects[0].link, { epoch: 1, generation: 3 });
  assert.deepEqual(kinds(core.frame(frame, 31)), []);
});

test("connections that do not come about are tried anew, and then the call moves to an engine", () => {
  const core = direct();
  assert.deepEqual(kinds(core.tick(core.nextMs())), ["ticket_wanted"]);
  core.frame(ticket({ engine_kind: "p2p", generation: 2 }), 9_000);
  assert.deepEqual(kinds(core.tick(core.nextMs())), ["call_switch"]);
});

test("who does not want it moves the call to an engine at once", () => {
  const core = asking(ana({ p2p: false }));
  core.frame(ticket({ engine_kind: "p2p" }), 20);
  assert.deepEqual(kinds(core.frame(changed({ ...ANSWERED, engine_kind: "p2p" }), 22)), ["call_switch", "changed"]);
});

test("the network changes: a ticket of the next generation is asked for, again while none comes, and not for ever", () => {
  const core = asking();
  core.frame(ticket(), 20);
  core.frame(changed(ANSWERED), 21);
  const [wanted] = core.restart("k1", 100);
  assert.deepEqual([wanted.kind, wanted.epoch, wanted.generation], ["ticket_wanted", 1, 2]);
  let asked = 0;
  for (let turn = 0; turn < 50 && core.nextMs() < Infinity; turn += 1) asked += kinds(core.tick(core.nextMs())).length;
  assert.equal(asked, CALL_RULES.restarts_limit - 1);
  assert.equal(core.nextMs(), Infinity);
});

test("each further pair of connections may take twice as long, as a busy machine needs time and not more to do", () => {
  const core = asking();
  core.frame(ticket(), 0);
  core.frame(changed(ANSWERED), 0);
  const took = [];
  for (let now = 0, generation = 1; generation <= 5; generation += 1) {
    core.frame(ticket({ generation }), now);
    took.push(core.nextMs() - now);
    now = core.nextMs();
    assert.deepEqual(kinds(core.tick(now)), ["ticket_wanted"]);
  }
  assert.deepEqual(took, [1, 1, 2, 4, 8].map((times) => times * CALL_RULES.connect_ms));
});

test("a new session asks anew for every call that it is in", () => {
  const core = asking();
  core.frame(ticket({ generation: 4 }), 20);
  assert.deepEqual(core.welcomed(50).map(({ kind, generation }) => [kind, generation]), [["ticket_wanted", 5]]);
});

test("a refused ticket is asked for anew; what is refused of an older epoch is not", () => {
  const core = asking();
  core.frame(ticket({ epoch: 2 }), 20);
  const refused = (epoch, code) => ({ type: "call_signal_refused", conversation: "c1", call: "k1", epoch, seq: 1, code, detail: "" });
  assert.deepEqual(kinds(core.frame(refused(2, "ticket_expired"), 30)), ["ticket_wanted"]);
  assert.deepEqual(kinds(core.frame(refused(1, "ticket_expired"), 31)), []);
  assert.deepEqual(kinds(core.frame(refused(2, "stale_epoch"), 32)), []);
});

test("a label that came too early costs no connection", () => {
  const core = asking();
  core.frame(ticket(), 20);
  const effects = core.frame({ type: "call_signal_refused", conversation: "c1", call: "k1", epoch: 1, seq: 0, code: "unknown_leg", detail: "" }, 30);
  assert.deepEqual(effects, []);
});

test("who speaks, what is muted and what is asked for is told as it comes", () => {
  const core = asking();
  const place = { conversation: "c1", call: "k1" };
  const seen = (frame) => core.frame({ ...place, ...frame }, 20).map(({ kind, what, call }) => [kind, what, call.speakers.length, call.tracks.size, call.limits?.height ?? null]);
  assert.deepEqual(seen({ type: "call_speaking", speakers: [{ user: "bo", level: 9 }] }), [["changed", "speaking", 1, 0, null]]);
  assert.deepEqual(seen({ type: "call_tracks_changed", user: "bo", device: "d", tracks: [] }), [["changed", "tracks", 1, 1, null]]);
  assert.deepEqual(seen({ type: "call_limits", bitrate_kbps: 300, height: 240, audio_only: true }), [["changed", "limits", 1, 1, 240]]);
  assert.deepEqual(seen({ type: "call_speaking", speakers: [] }), [["changed", "speaking", 0, 1, 240]]);
});

test("an older word about a call changes nothing", () => {
  const core = asking();
  core.frame(changed({ ...ANSWERED, seq: 7 }), 20);
  assert.deepEqual(kinds(core.frame(changed(shown("ringing", [])), 21)), []);
  assert.equal(core.get("k1").shown.state, "accepted");
});

test("the user goes on with another device: this one is out of it", () => {
  const core = asking();
  core.frame(ticket(), 20);
  core.frame(changed(ANSWERED), 21);
  const effects = core.frame(changed({ ...ANSWERED, seq: 5, parties: [party("ana", "joined", "d-phone"), party("bo", "joined", "d-bo")] }), 22);
  assert.deepEqual(kinds(effects), ["shut", "over"]);
  assert.equal(core.get("k1").part, "outside");
});

test("a call that is over lets go of everything, and a late frame does not bring it back", () => {
  const core = asking();
  core.frame(ticket(), 20);
  const effects = core.frame(over({ reason: "hung_up" }), 30);
  assert.deepEqual(kinds(effects), ["shut", "over"]);
  assert.deepEqual(effects[1].end, { reason: "hung_up", left: null });
  assert.deepEqual(kinds(core.frame(changed(ANSWERED), 31)), []);
  assert.deepEqual(kinds(core.frame(ring(), 32)), []);
  assert.deepEqual(core.all(), []);
});

test("hanging up is over here at once; a group's call goes on without this device", () => {
  const pair = asking();
  assert.deepEqual(kinds(pair.gone("k1", false)), ["shut", "over"]);
  assert.deepEqual(kinds(pair.granted("k1", "k1", 5)), []);
  const core = ana();
  core.asks({ call: "k1", conversation: "c1", call_kind: "group", media: "video" }, 0);
  core.granted("k1", "k1", 1);
  assert.deepEqual(kinds(core.gone("k1", false)), ["shut", "over"]);
  assert.equal(core.get("k1").part, "outside");
  assert.deepEqual(kinds(core.frame(over({ reason: "all_left" }), 9)), ["over"]);
  assert.deepEqual(core.all(), []);
});

test("who has left a group's call is not shown in it any more; who goes on with another device is", () => {
  for (const [left, state] of [["hung_up", "left"], ["transferred", "joined"]]) {
    const core = ana();
    core.asks({ call: "k1", conversation: "c1", call_kind: "group", media: "video" }, 0);
    core.granted("k1", "k1", 1);
    core.frame(changed(shown("connected", [party("ana", "joined", "d-ana"), party("bo", "joined", "d-bo")], { call_kind: "group" })), 2);
    core.frame(over({ left }), 3);
    assert.deepEqual(core.get("k1").shown.parties.map((each) => each.state), [state, "joined"]);
  }
});

test("whatever comes in whatever order: a device never rings twice for a call nor after its end, and opens only what is newer", () => {
  for (let seed = 1; seed <= 400; seed += 1) walk(seed);
});

function walk(seed) {
  let state = seed * 2_654_435_761;
  const random = (limit) => (state = (state * 1_103_515_245 + 12_345) % 2 ** 31) % limit;
  const core = ana();
  let now = 0;
  let rung = 0;
  let ended = false;
  let opened = 0;
  const see = (effects) => {
    for (const effect of effects) {
      if (effect.kind === "ring") assert.ok(!ended && ++rung === 1, `seed ${seed}`);
      if (effect.kind === "stop") rung = 0;
      if (effect.kind !== "open") continue;
      const order = effect.link.epoch * 100 + effect.link.generation;
      assert.ok(order > opened && !ended, `seed ${seed}`);
      opened = order;
    }
  };
  const steps = [
    () => core.frame(ring({ call_kind: random(2) === 0 ? "group" : "one_to_one" }), now),
    () => core.frame({ type: "call_stop", conversation: "c1", call: "k1", why: "timed_out" }, now),
    () => core.frame(changed({ ...ANSWERED, seq: random(9) }), now),
    () => core.frame(ticket({ epoch: 1 + random(3), generation: random(3) }), now),
    () => core.asks({ call: "k1", conversation: "c1", media: "audio" }, now),
    () => core.granted("k1", "k1", now),
    () => core.refused("k1"),
    () => core.restart("k1", now),
    () => core.linked("k1", { epoch: 1, generation: 1 }, ["up", "lost"][random(2)], now),
    () => core.tick(now),
    () => core.silenced("k1"),
  ];
  for (let turn = 0; turn < 40; turn += 1) {
    now += random(5_000);
    const step = random(steps.length + (turn > 20 ? 1 : 0));
    if (step === 4 && ended) continue; // an application that asks for a call that has ended is refused by the edge
    if (step === 4 || step === 6) opened = 0;
    if (step === 4) rung = 0; // it rang, and is answered
    see(step < steps.length ? steps[step]() : core.frame(over({ reason: "hung_up" }), now));
    if (step === steps.length) ended = true;
  }
}
