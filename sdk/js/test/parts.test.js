// The pure parts, one by one: ids, back-off, gaps, phases, requests, folds.

import assert from "node:assert/strict";
import { test } from "node:test";
import { backoffMs } from "../dist/backoff.js";
import { eventOf } from "../dist/echo.js";
import { Core, DEFAULT_RULES, IdMaker, Directory, Timeline, Tracker, foldMessage, idMs, messageOf, unreadOf } from "../dist/index.js";
import { NEXT } from "../dist/phases.js";
import { REQUESTS_AT_ONCE, Requests } from "../dist/requests.js";
import { LIMITS, ModelEdge } from "./model-edge.js";
import { World, seeded } from "./world.js";

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const said = (seq, more = {}) => ({ kind: "message_sent", seq, ordinal: seq, at_ms: seq * 10, user: "bo", device: "d", id: `i${seq}`, content: { text: `m${seq}` }, ...more });

test("ids are UUIDv7, carry their time, and ascend also within a millisecond and when the clock steps back", () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const random = seeded(seed);
    const ids = new IdMaker(random);
    let last = "";
    let now = 1_700_000_000_000;
    for (let n = 0; n < 500; n += 1) {
      now += Math.floor(random() * 4) - 1;
      const id = ids.next(now);
      assert.match(id, UUID7);
      assert.ok(id > last, `seed ${seed}: ${id} after ${last}`);
      last = id;
    }
  }
  assert.equal(idMs(new IdMaker(Math.random).next(1_700_000_000_123)), 1_700_000_000_123);
  const flood = new IdMaker(() => 0.999);
  const many = Array.from({ length: 10_000 }, () => flood.next(1_700_000_000_000));
  assert.equal(new Set(many).size, many.length);
  assert.deepEqual([...many].sort(), many);
});

test("the back-off is never beyond its cap nor below zero, doubles, and uses the whole range", () => {
  const rules = { base_ms: 100, cap_ms: 5000 };
  for (let attempt = 0; attempt < 2000; attempt += 1) {
    const bound = Math.min(5000, 100 * 2 ** attempt);
    assert.equal(backoffMs(attempt, () => 0, rules), 0);
    const longest = backoffMs(attempt, () => 0.999999, rules);
    assert.ok(longest < bound && longest > bound * 0.9);
  }
});

test("whatever order events come in, they are handed out dense, each once", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = seeded(seed);
    const tracker = new Tracker(1);
    const events = Array.from({ length: 40 }, (_, index) => said(index + 1));
    const copies = [...events, ...events.filter(() => random() < 0.4)].map((event) => [random(), event]);
    const out = [];
    for (const [, event] of copies.sort((a, b) => a[0] - b[0])) out.push(...tracker.offer(event).taken);
    assert.deepEqual(out.map((event) => event.seq), events.map((event) => event.seq), `seed ${seed}`);
    assert.equal(tracker.next_seq, 41);
  }
});

test("a page and live events make one dense run at every cut", () => {
  for (let cut = 0; cut <= 20; cut += 1) {
    for (let page_end = cut; page_end <= 20; page_end += 1) {
      const tracker = new Tracker(1);
      const out = [];
      for (let seq = cut + 1; seq <= 20; seq += 3) out.push(...tracker.offer(said(seq)).taken);
      const events = Array.from({ length: page_end }, (_, index) => said(index + 1));
      out.push(...tracker.page({ events, next_seq: page_end + 1, more: false }).taken);
      for (let seq = page_end + 1; seq <= 20; seq += 1) out.push(...tracker.offer(said(seq)).taken);
      assert.deepEqual(out.map((event) => event.seq), Array.from({ length: 20 }, (_, index) => index + 1));
    }
  }
});

test("stopped is reached from everywhere by stop, and what has ended goes on only by start", () => {
  for (const [phase, signals] of Object.entries(NEXT)) if (phase !== "waiting") assert.equal(signals.stop, "stopped");
  assert.equal(NEXT.waiting.stop, "stopped");
  assert.deepEqual(Object.keys(NEXT.ended).sort(), ["start", "stop"]);
});

test("a core can be stopped in every phase and started again", () => {
  const now = 1_700_000_000_000;
  const welcome = { type: "welcome", session: "s", node: "n", user: "ana", epoch: "e", epoch_changed: false, now_ms: now, heartbeat_ms: 25000, limits: LIMITS, directory: [], next: null };
  const steps = {
    stopped: () => {},
    connecting: (core) => core.start(now),
    greeting: (core) => steps.connecting(core) && core.opened("t", now),
    online: (core) => steps.greeting(core) && core.frame(welcome, now),
    waiting: (core) => steps.online(core) && core.closed(1006, now),
    ended: (core) => steps.online(core) && core.closed(4504, now),
  };
  for (const [phase, reach] of Object.entries(steps)) {
    const core = new Core("ana", "d", "test", seeded(1));
    reach(core);
    assert.equal(core.phase, phase);
    core.stop(now);
    assert.equal(core.phase, "stopped");
    assert.equal(core.nextMs(), Infinity);
    core.start(now);
    assert.equal(core.phase, "connecting");
  }
});

test("reads are asked a few at a time, again after a silence, and not for ever", () => {
  const requests = new Requests();
  for (let n = 1; n <= 10; n += 1) requests.add({ type: "history", request: `q${n}`, conversation: "c" }, 0);
  assert.deepEqual(requests.due(0).map((read) => read.request), ["q1", "q2", "q3", "q4"]);
  assert.equal(REQUESTS_AT_ONCE, 4);
  requests.take("q2");
  assert.deepEqual(requests.due(1).map((read) => read.request), ["q5"]);
  assert.equal(requests.due(2).length, 0);
  assert.ok(requests.due(requests.nextMs()).length > 0);
  const failure = { request: "q7", code: "behind", detail: "", retryable: true, retry_after_ms: 10 };
  let tries = 0;
  let now = 100_000;
  for (const other of ["q1", "q3", "q4", "q5", "q6", "q8", "q9", "q10"]) requests.take(other);
  for (; tries < 100; tries += 1) {
    now = Math.max(now, requests.nextMs());
    assert.deepEqual(requests.due(now).map((read) => read.request), ["q7"]);
    if (!requests.putOff(requests.take("q7"), failure, now, Math.random)) break;
  }
  assert.ok(tries > 3 && tries < 20, `given up after ${tries}`);
  assert.equal(requests.size, 0);
});

test("frames that are lost on the way are found by the next event and read again", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = seeded(seed);
    const edge = new ModelEdge({ random });
    edge.log("c1");
    const world = new World(random, edge);
    const [ana, bo] = [world.add("ana", "a1"), world.add("bo", "b1")];
    world.runUntil(world.now_ms + 500);
    const say = (text) => ana.run(ana.core.command({ type: "send_message", conversation: "c1", content: { text } }, world.now_ms));
    for (let n = 0; n < 30; n += 1) {
      say(`m${n}`);
      world.runUntil(world.now_ms + Math.floor(random() * 30));
      // an edge that forgets to tell some of it: its promise is broken, ours must hold
      bo.down = bo.down.filter(({ frame }) => frame.type !== "events" || random() < 0.6);
    }
    world.runUntil(world.now_ms + 5000);
    say("the last");
    world.runUntil(world.now_ms + 20_000);
    assert.deepEqual((bo.heard.get("c1") ?? []).map((event) => event.seq), edge.log("c1").map((event) => event.seq), `seed ${seed}`);
  }
});

test("an epoch that changed voids the positions, and what was not acked is sent to the new log", () => {
  const random = seeded(7);
  const edge = new ModelEdge({ random });
  const world = new World(random, edge);
  const ana = world.add("ana", "a1");
  world.runUntil(world.now_ms + 500);
  const say = (text) => ana.run(ana.core.command({ type: "send_message", conversation: "c1", content: { text } }, world.now_ms));
  say("old");
  world.runUntil(world.now_ms + 500);
  ana.cut();
  edge.logs.clear();
  edge.ids.clear();
  edge.epoch = "e2";
  say("new");
  world.runUntil(world.now_ms + 5000);
  assert.equal(ana.core.epoch, "e2");
  assert.deepEqual(edge.log("c1").map((event) => event.content.text), ["new"]);
  assert.equal(ana.core.trackers.get("c1").next_seq, 2);
  assert.equal(ana.core.outbox.size, 0);
});

test("a position that is refused is told, and only the conversation it is about is asked for again", () => {
  const core = new Core("ana", "d", "test", seeded(3));
  core.restore({ epoch: "e1", positions: { c1: [3, 2, 2], c2: [3, 2, 2], c3: [3, 2, 2] }, outbox: [] });
  core.start(1000);
  core.opened("token", 1000);
  const refused = { type: "error", request: "", detail: "", retry_after_ms: 0 };
  const base = { session: "s", node: "n", user: "u", epoch: "e1", epoch_changed: false, now_ms: 1000, heartbeat_ms: 25000, limits: LIMITS };
  core.frame({ type: "welcome", ...base, directory: [], next: null }, 1000);
  const told = core.frame({ ...refused, code: "not_member", retryable: false, conversation: "c2" }, 1000);
  assert.deepEqual(told.filter(({ kind }) => kind === "sync_failed").map(({ conversation }) => conversation), ["c2"]);
  core.frame({ ...refused, code: "unavailable", retryable: true, conversation: "c3" }, 1000);
  const asked = [];
  for (let now_ms = 1000; now_ms < 6000; now_ms += 100) {
    for (const { kind, frame } of core.tick(now_ms)) if (kind === "send" && frame.type === "sync") asked.push(frame.conversation);
  }
  assert.deepEqual([...new Set(asked)], ["c3"]);
});

test("what was on its way when the link broke is sent again as soon as there is another", () => {
  for (let seed = 1; seed <= 50; seed += 1) {
    const random = seeded(seed);
    const edge = new ModelEdge({ random });
    const world = new World(random, edge);
    const ana = world.add("ana", "a1");
    world.runUntil(world.now_ms + 500);
    for (let n = 0; n < 5; n += 1) ana.run(ana.core.command({ type: "send_message", conversation: "c1", content: { text: `m${n}` } }, world.now_ms));
    ana.cut();
    world.runUntil(world.now_ms + 1000);
    assert.equal(ana.acked.length, 5, `seed ${seed}`);
    assert.deepEqual(edge.log("c1").map((event) => event.content.text), ["m0", "m1", "m2", "m3", "m4"]);
  }
});

test("a command that waited for days to be sent the first time leaves with an id of now", () => {
  const random = seeded(5);
  const edge = new ModelEdge({ random });
  const world = new World(random, edge);
  const ana = world.add("ana", "a1");
  world.runUntil(world.now_ms + 500);
  ana.run(ana.core.stop(world.now_ms));
  ana.run(ana.core.command({ type: "send_message", conversation: "c1", content: { text: "late" } }, world.now_ms));
  world.runUntil(world.now_ms + 2 * 86_400_000);
  ana.run(ana.core.start(world.now_ms));
  world.runUntil(world.now_ms + 1000);
  const [stored] = edge.log("c1");
  assert.ok(Math.abs(idMs(stored.id) - world.now_ms) < 2000);
});

test("a link that carries nothing any more is noticed, and left for another", () => {
  const random = seeded(3);
  const edge = new ModelEdge({ random });
  const world = new World(random, edge);
  const ana = world.add("ana", "a1");
  world.runUntil(world.now_ms + 500);
  ana.session.tell = () => {}; // what the edge says does not arrive, and nobody says that it is over
  ana.run(ana.core.command({ type: "send_message", conversation: "c1", content: { text: "into the void" } }, world.now_ms));
  world.runUntil(world.now_ms + 60_000);
  assert.equal(ana.core.phase, "online");
  assert.equal(ana.acked.length, 1);
  assert.equal(edge.log("c1").length, 1);
});

test("read marks are raised only, and an unsent one is overtaken instead of queued", () => {
  const now = 1_700_000_000_000;
  const core = new Core("ana", "d", "test", seeded(1));
  core.restore({ epoch: null, positions: { c1: [11, 10, 4] }, outbox: [] });
  assert.equal(core.markRead("c1", 3, 3, now).length, 0);
  core.markRead("c1", 6, 6, now);
  core.markRead("c1", 9, 9, now);
  core.markRead("c1", 9, 9, now);
  const marks = [...core.outbox].map((entry) => [entry.frame.up_to_seq, entry.frame.up_to_ordinal]);
  assert.deepEqual(marks, [[9, 9]]);
});

test("the own device builds of command and ack the event that others hear", () => {
  const ack = { type: "ack", id: "i", conversation: "c", seq: 5, ordinal: 3, at_ms: 9 };
  const base = { seq: 5, ordinal: 3, at_ms: 9, user: "ana", device: "d", id: "i" };
  const frame = (type, more) => ({ type, id: "i", conversation: "c", ...more });
  const cases = [
    [frame("send_message", { content: { text: "x" }, reply_to: 2 }), { kind: "message_sent", content: { text: "x" }, reply_to: 2, mentions: [] }],
    [frame("send_message", { content: { text: "x" }, reply_to: null }), { kind: "message_sent", content: { text: "x" }, mentions: [] }],
    [frame("edit_message", { target_seq: 1, content: { text: "y" } }), { kind: "message_edited", target_seq: 1, content: { text: "y" }, mentions: [] }],
    [frame("recall_message", { target_seq: 1 }), { kind: "message_recalled", target_seq: 1 }],
    [frame("add_reaction", { target_seq: 1, reaction: "+" }), { kind: "reaction_added", target_seq: 1, reaction: "+" }],
    [frame("remove_reaction", { target_seq: 1, reaction: "+" }), { kind: "reaction_removed", target_seq: 1, reaction: "+" }],
    [frame("mark_read", { up_to_seq: 4, up_to_ordinal: 2 }), { kind: "read_marked", up_to_seq: 4, up_to_ordinal: 2 }],
    [frame("add_member", { member: "bo" }), { kind: "member_added", member: "bo", role: "member" }],
    [frame("remove_member", { member: "bo" }), { kind: "member_removed", member: "bo" }],
    [frame("change_role", { member: "bo", role: "admin" }), { kind: "role_changed", member: "bo", role: "admin" }],
    [frame("leave_conversation", {}), { kind: "member_left" }],
    [frame("rename_conversation", { title: "t" }), { kind: "conversation_renamed", title: "t" }],
    [
      frame("create_conversation", { conversation_kind: "group", title: "t", members: [{ user: "bo", role: "member" }] }),
      { kind: "conversation_created", conversation_kind: "group", title: "t", members: [{ user: "ana", role: "owner" }, { user: "bo", role: "member" }] },
    ],
  ];
  for (const [command, event] of cases) assert.deepEqual(eventOf(command, ack, "ana", "d"), { ...base, ...event });
});

const change = (kind, seq, target_seq, more = {}) => ({ kind, seq, ordinal: 1, at_ms: seq * 10, user: "ana", device: "d", id: `x${seq}`, target_seq, ...more });

test("a recalled message stays recalled, and reactions count users once", () => {
  let message = messageOf(said(1));
  message = foldMessage(message, change("reaction_added", 2, 1, { reaction: "+" }));
  message = foldMessage(message, change("reaction_added", 3, 1, { reaction: "+" }));
  assert.deepEqual(message.reactions, { "+": ["ana"] });
  assert.deepEqual(foldMessage(message, change("reaction_removed", 4, 1, { reaction: "+" })).reactions, {});
  message = foldMessage(message, change("message_recalled", 5, 1));
  assert.equal(message.content, undefined);
  assert.equal(foldMessage(message, change("message_edited", 6, 1, { content: { text: "again" } })), message);
});

test("a timeline is the same whether history or events brought it, at every cut", () => {
  const events = [said(1), said(2), change("message_edited", 3, 1, { content: { text: "new" } }), said(4, { ordinal: 3 }), change("reaction_added", 5, 2, { reaction: "+" }), change("message_recalled", 6, 4)];
  const whole = new Timeline();
  for (const event of events) whole.apply(event);
  for (let cut = 0; cut <= events.length; cut += 1) {
    const server = new Timeline();
    for (const event of events.slice(0, cut)) server.apply(event);
    for (let overlap = 0; overlap <= cut; overlap += 1) {
      const device = new Timeline();
      device.page(server.messages, null, false);
      // events that history told already may come once more; in their order they change nothing in the end
      for (const event of events.slice(overlap)) device.apply(event);
      assert.deepEqual(device.messages, whole.messages, `cut ${cut}, from ${overlap}`);
    }
  }
});

test("unread counts what others said since the mark, and a directory forgets what one left", () => {
  const directory = new Directory("ana");
  const base = { ordinal: 0, at_ms: 1, user: "bo", device: "d", id: "i" };
  directory.apply("c", { ...base, kind: "conversation_created", seq: 1, conversation_kind: "direct", title: "", members: [{ user: "ana", role: "member" }, { user: "bo", role: "member" }] });
  assert.equal(directory.conversations.get("c").peer, "bo");
  directory.apply("c", said(2, { ordinal: 1 }));
  directory.apply("c", said(3, { ordinal: 2 }));
  assert.equal(unreadOf(directory.conversations.get("c")), 2);
  directory.apply("c", { ...base, kind: "read_marked", seq: 4, ordinal: 2, user: "ana", up_to_seq: 2, up_to_ordinal: 1 });
  assert.equal(unreadOf(directory.conversations.get("c")), 1);
  directory.apply("c", said(5, { ordinal: 3, user: "ana" }));
  assert.equal(unreadOf(directory.conversations.get("c")), 0);
  directory.apply("c", { ...base, kind: "member_removed", seq: 6, ordinal: 3, member: "ana" });
  assert.equal(directory.conversations.size, 0);
});

test("an older page of the directory does not undo what events told since", () => {
  const directory = new Directory("ana");
  const entry = { conversation: "c", conversation_kind: "group", title: "t", role: "member", head_seq: 1, head_ordinal: 0, active_at_ms: 1, read_seq: 0, unread: 0 };
  directory.directory([entry]);
  directory.apply("c", said(2, { ordinal: 1 }));
  directory.directory([{ ...entry, title: "renamed" }]);
  const listed = directory.conversations.get("c");
  assert.equal(listed.head_seq, 2);
  assert.equal(listed.last.seq, 2);
  assert.equal(listed.title, "renamed");
});

// ---- marks, moves, watches

const NOW = 1_700_000_000_000;
const ENTRY = { conversation: "c", conversation_kind: "group", title: "", role: "member", head_seq: 0, head_ordinal: 0, active_at_ms: 0, read_seq: 0, unread: 0 };
const WELCOME = { type: "welcome", session: "s", node: "n", user: "ana", epoch: "e", epoch_changed: false, now_ms: NOW, heartbeat_ms: 25000, limits: LIMITS, directory: [ENTRY], next: null };
const sentIn = (effects) => effects.filter((effect) => effect.kind === "send").map((effect) => effect.frame);
const marksIn = (effects) => sentIn(effects).filter((frame) => frame.type === "mark").map((frame) => [frame.conversation, frame.state, frame.up_to_seq]);

function online(rules = {}, now = NOW, core = new Core("ana", "d", "test", seeded(1), { ...DEFAULT_RULES, ...rules })) {
  const effects = [...core.start(now), ...core.tick(now), ...core.opened("t", now), ...core.frame(WELCOME, now)];
  return { core, effects };
}

test("own events, pages and repeats are acknowledged, what is not held is not", () => {
  const { core } = online();
  core.frame({ type: "events", conversation: "c", events: [said(1, { user: "ana" })] }, NOW);
  assert.deepEqual(marksIn(core.tick(NOW + 150)), [["c", "delivered", 1]]);
  core.frame({ type: "events", conversation: "c", events: [said(3)] }, NOW + 200);
  assert.deepEqual(marksIn(core.tick(NOW + 400)), []);
  const [sync] = sentIn(core.frame({ type: "resync", conversation: "c", from_seq: 2 }, NOW + 400));
  assert.equal(sync.from_seq, 2);
  core.frame({ type: "page", request: sync.request, conversation: "c", events: [said(2), said(3)], next_seq: 5, more: false, missing: [4] }, NOW + 500);
  assert.deepEqual(marksIn(core.tick(NOW + 650)), [["c", "delivered", 4]]);
  core.frame({ type: "events", conversation: "c", events: [said(3)] }, NOW + 700);
  assert.ok(core.nextMs() <= NOW + 850);
  assert.deepEqual(marksIn(core.tick(NOW + 850)), [["c", "delivered", 4]]);
});

test("marks that a cut may have swallowed are told again, but not unread; one made offline waits and survives a restart", () => {
  const { core } = online();
  core.frame({ type: "events", conversation: "c", events: [said(1)] }, NOW);
  core.mark("c", "unread", 1, NOW);
  assert.equal(marksIn(core.tick(NOW + 150)).length, 2);
  core.closed(1006, NOW + 200);
  core.mark("c", "played", 1, NOW + 300);
  const again = new Core("ana", "d", "test", seeded(1));
  again.restore(JSON.parse(JSON.stringify(core.snapshot())));
  assert.deepEqual(marksIn(online({}, NOW + 5000, again).effects), [["c", "delivered", 1], ["c", "played", 1]]);
});

test("who does not follow says so, acknowledges nothing and hears no events", () => {
  const { core, effects } = online({ follow: false });
  assert.equal(sentIn(effects)[0].follow, false);
  const heard = core.frame({ type: "events", conversation: "c", events: [said(1)] }, NOW);
  assert.deepEqual(heard, []);
  assert.deepEqual(sentIn(core.frame({ type: "resync", conversation: "c", from_seq: 1 }, NOW)), []);
  core.command({ type: "send_message", conversation: "c", content: { text: "x" } }, NOW);
  const [pending] = core.outbox;
  const settled = core.frame({ type: "ack", id: pending.frame.id, conversation: "c", seq: 1, ordinal: 1, at_ms: NOW }, NOW);
  assert.deepEqual(settled.map((effect) => effect.kind), ["acked", "save"]);
  assert.deepEqual(marksIn(core.tick(NOW + 1000)), []);
});

test("an ack with seq 0 settles the command and is no event; a read mark is told as a receipt", () => {
  const { core } = online();
  core.command({ type: "send_message", conversation: "c", content: { text: "x" }, qos: "ephemeral" }, NOW);
  const ack = (id) => core.frame({ type: "ack", id, conversation: "c", seq: 0, ordinal: 0, at_ms: NOW }, NOW);
  assert.deepEqual(ack([...core.outbox][0].frame.id).map((effect) => effect.kind), ["acked", "save"]);
  core.frame({ type: "events", conversation: "c", events: [said(1)] }, NOW);
  core.markRead("c", 1, 1, NOW);
  const effects = ack([...core.outbox][0].frame.id);
  assert.deepEqual(effects.map((effect) => effect.kind), ["acked", "save", "receipt"]);
  assert.equal(core.trackers.get("c").next_seq, 2);
  const directory = new Directory("ana");
  directory.directory([{ ...ENTRY, head_ordinal: 3, unread: 3 }]);
  directory.receipt(effects[2].frame);
  assert.equal(unreadOf(directory.conversations.get("c")), 2);
  directory.receipt({ ...effects[2].frame, state: "unread", up_to_seq: 2 });
  assert.equal(directory.conversations.get("c").marked_unread, true);
});

test("a move is followed in its time, tells the marks, and is no failure", () => {
  const { core } = online();
  core.link.attempt = 7;
  core.frame({ type: "events", conversation: "c", events: [said(1)] }, NOW);
  core.frame({ type: "move", after_ms: 100 }, NOW);
  const leave_ms = core.nextMs();
  assert.ok(leave_ms >= NOW + 80 && leave_ms <= NOW + 100);
  const effects = core.tick(leave_ms);
  assert.deepEqual(marksIn(effects), [["c", "delivered", 1]]);
  assert.deepEqual(effects.map((effect) => effect.kind), ["send", "close", "state"]);
  assert.equal(core.nextMs(), leave_ms, "at once");
  assert.equal(core.link.attempt, 0);
  const again = sentIn([...core.tick(leave_ms), ...core.opened("t", leave_ms)]);
  assert.deepEqual(again[0].positions, { c: 2 });
});

test("a busy edge is left alone for as long as it asked, before and after the welcome", () => {
  const core = new Core("ana", "d", "test", seeded(1));
  core.start(NOW);
  core.opened("t", NOW);
  core.frame({ type: "error", request: "", code: "busy", detail: "", retryable: true, retry_after_ms: 7000 }, NOW);
  core.closed(4008, NOW + 1);
  assert.ok(core.nextMs() >= NOW + 7001 && core.nextMs() <= NOW + 1 + 7000 * 1.25);
});

test("watches hold over reconnects, a status line is said once, a newer watch takes an older one's place", () => {
  const { core } = online();
  assert.deepEqual(sentIn(core.watch({ type: "set_presence", away: true, status: "tea" }, NOW)), [{ type: "set_presence", away: true, status: "tea" }]);
  core.watch({ type: "watch_receipts", conversation: "c", seq: 4 }, NOW);
  const older = core.read({ type: "watch_presence", users: ["bo"] }, NOW);
  const newer = core.read({ type: "watch_presence", users: ["chris"] }, NOW);
  assert.deepEqual(newer.effects.filter((effect) => effect.kind === "failed").map((effect) => effect.failure.request), [older.request]);
  const users = [{ user: "chris", state: "online", status: "", last_seen_ms: 0 }];
  const answered = core.frame({ type: "presence", request: newer.request, users }, NOW);
  assert.deepEqual(answered.map((effect) => effect.kind), ["presence", "answered"]);
  core.closed(1006, NOW + 10);
  const again = sentIn(online({}, NOW + 9000, core).effects.concat(core.tick(NOW + 9000)));
  const said_again = again.filter((frame) => frame.type !== "hello" && frame.type !== "mark");
  assert.deepEqual(said_again.map((frame) => frame.type), ["watch_receipts", "set_presence", "watch_presence"]);
  assert.equal(said_again[1].status, null);
  assert.deepEqual(said_again[2].users, ["chris"]);
  const refused = core.frame({ type: "error", request: said_again[2].request, code: "too_many", detail: "", retryable: false, retry_after_ms: 0 }, NOW + 9001);
  assert.deepEqual(refused.map((effect) => effect.kind), ["failed"]);
  core.closed(1006, NOW + 9002);
  const last = sentIn(online({}, NOW + 20_000, core).effects);
  assert.equal(last.some((frame) => frame.type === "watch_presence"), false);
});
