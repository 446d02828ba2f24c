// The pure parts of calls: where pictures stand, the order of signals, what statistics say, who is seen.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Ordered, QualityMeter, countedIn, gradeOf, layout, sceneOf } from "../dist/index.js";

const SIZES = [[1280, 720], [390, 760], [844, 330], [320, 480]];
const overlap = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

test("1 to 16 pictures, with and without a screen, in every window: inside it, none over another, none out of shape", () => {
  for (const [width, height] of SIZES)
    for (let count = 1; count <= 16; count += 1)
      for (const screen of [false, true]) {
        const made = layout(count, screen, width, height);
        const all = [...made.tiles, ...(made.screen === null ? [] : [made.screen])];
        const where = `${count} in ${width} x ${height}`;
        assert.equal(made.tiles.length, count);
        assert.equal(made.screen !== null, screen);
        for (const [index, rect] of all.entries()) {
          assert.ok(rect.x >= 0 && rect.y >= 0 && rect.x + rect.width <= width && rect.y + rect.height <= height, where);
          for (const other of all.slice(index + 1)) assert.ok(!overlap(rect, other), where);
        }
        for (const { width: w, height: h } of made.tiles) assert.ok(w >= 30 && h >= 30 && w / h <= 1.8 && w / h >= 0.7, `${where}: ${w} x ${h}`);
      }
});

test("a phone held upright puts two above each other, a wide window beside each other", () => {
  const [top, below] = layout(2, false, 390, 760).tiles;
  assert.ok(below.y > top.y && below.x === top.x);
  const [left, right] = layout(2, false, 1280, 720).tiles;
  assert.ok(right.x > left.x && right.y === left.y);
});

test("a shared screen has the larger part", () => {
  for (const [width, height] of SIZES) {
    const { screen, tiles } = layout(6, true, width, height);
    assert.ok(screen.width * screen.height >= width * height * 0.4);
    assert.ok(tiles.every((tile) => tile.width * tile.height < screen.width * screen.height));
  }
});

test("signals are used in order, each once", () => {
  const order = new Ordered();
  assert.deepEqual(order.offer(2, "b", 0), []);
  assert.deepEqual(order.offer(3, "c", 0), []);
  assert.deepEqual(order.offer(1, "a", 1), ["a", "b", "c"]);
  assert.deepEqual(order.offer(2, "b", 2), []);
  assert.equal(order.nextMs(), Infinity);
});

test("a gap that does not close is passed over", () => {
  const order = new Ordered();
  order.offer(1, "a", 0);
  assert.deepEqual(order.offer(3, "c", 10), []);
  assert.deepEqual(order.take(order.nextMs() - 1), []);
  assert.deepEqual(order.take(order.nextMs()), ["c"]);
  assert.deepEqual(order.offer(4, "d", 5_000), ["d"]);
});

const report = (...stats) => stats.map((stat, index) => [`s${index}`, stat]);
const inbound = (packetsReceived, packetsLost, bytesReceived, jitter = 0.01) => ({ type: "inbound-rtp", packetsReceived, packetsLost, bytesReceived, jitter });

test("what the browser counts becomes loss, way, jitter and rate", () => {
  const meter = new QualityMeter();
  const pair = { type: "candidate-pair", nominated: true, currentRoundTripTime: 0.04 };
  meter.note(countedIn([report(inbound(0, 0, 0), pair)]), 1_000);
  const seen = meter.note(countedIn([report(inbound(90, 10, 25_000), pair), report({ type: "outbound-rtp", bytesSent: 0 })]), 3_000);
  assert.deepEqual(seen, { loss_ratio: 0.1, rtt_ms: 40, jitter_ms: 10, bitrate_kbps: 100 });
  assert.deepEqual(meter.total(), seen);
  assert.equal(gradeOf(seen), "poor");
  assert.equal(gradeOf({ ...seen, loss_ratio: 0 }), "good");
});

test("new connections count from zero again, and what was before is kept", () => {
  const meter = new QualityMeter();
  meter.note(countedIn([report(inbound(0, 0, 0))]), 0);
  meter.note(countedIn([report(inbound(100, 100, 1_000))]), 1_000);
  meter.renew();
  meter.note(countedIn([report(inbound(200, 0, 1_000))]), 2_000);
  assert.equal(meter.total().loss_ratio, 0.25);
  assert.equal(new QualityMeter().total(), null);
});

test("what a browser leaves out, or counts below zero, does no harm", () => {
  const counted = countedIn([report({ type: "inbound-rtp", packetsLost: -3 }, { type: "codec" }, { type: "candidate-pair", nominated: true })]);
  assert.deepEqual(counted, { received: 0, lost: 0, jitter_ms: 0, rtt_ms: null, bytes: 0 });
});

const OFF = { camera: null, screen: null, muted: false, held: false };
const track = (user, source, more = {}) => ({ user, device: `d-${user}`, source, track: { id: `${user} ${source}`, muted: false, readyState: "live", ...more } });
const live = (parties, more = {}) => ({ call: "k1", speakers: [], tracks: new Map(), shown: { parties }, ...more });
const joined = (user, more = {}) => ({ user, device: `d-${user}`, state: "joined", ...more });

test("a scene has who is in the call, the own picture last; who only rings has none", () => {
  const call = live([joined("ana"), joined("bo", { hand: true }), { user: "cy", state: "ringing" }], { speakers: [{ user: "bo", level: 40 }] });
  const { tiles, screen } = sceneOf(call, [[track("bo", "camera"), track("bo", "microphone")]], OFF, "ana", "d-ana");
  assert.deepEqual(tiles.map(({ user, own, speaking, hand }) => [user, own, speaking, hand]), [["bo", false, true, true], ["ana", true, false, false]]);
  assert.equal(tiles[0].camera.id, "bo camera");
  assert.equal(screen, null);
});

test("the newer connections are shown as soon as they carry something, the older ones until then", () => {
  const older = [track("bo", "camera", { id: "old" })];
  const shown = (muted) => sceneOf(live([joined("bo")]), [[track("bo", "camera", { id: "new", muted })], older], OFF, "ana", "d-ana").tiles[0].camera.id;
  assert.equal(shown(true), "old");
  assert.equal(shown(false), "new");
});

test("who says that the camera is off is not shown with its last picture, and a screen is in front", () => {
  const tracks = new Map([["bo/d-bo", [{ mid: "1", source: "camera", muted: true }]]]);
  const { tiles, screen } = sceneOf(live([joined("bo")], { tracks }), [[track("bo", "camera"), track("bo", "screen")]], OFF, "ana", "d-ana");
  assert.equal(tiles[0].camera, null);
  assert.deepEqual([screen.user, screen.own], ["bo", false]);
});
