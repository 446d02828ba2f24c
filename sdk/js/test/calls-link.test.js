// A pair of connections over fake ones: what is offered, in which order signals leave, and that nothing is used too early.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Link } from "../dist/call_link.js";
import { CallRoom } from "../dist/call_room.js";

const settle = () => new Promise((resolve) => setTimeout(resolve, 5));

/** What is used of a browser's connection. It refuses candidates before a description, as browsers do. */
class FakePeer {
  static made = [];
  signalingState = "stable";
  connectionState = "new";
  localDescription = null;
  remoteDescription = null;
  transceivers = [];
  candidates = [];
  offers = 0;
  constructor(configuration) {
    this.configuration = configuration;
    FakePeer.made.push(this);
  }
  addTransceiver(track, { direction }) {
    const sender = { track: typeof track === "string" ? null : track, replaceTrack: async (next) => void (sender.track = next), getParameters: () => ({ encodings: [{}] }), setParameters: async (set) => void (sender.set = set) };
    const transceiver = { mid: null, direction, sender, receiver: { track: { kind: "audio", muted: true, readyState: "live" } } };
    this.transceivers.push(transceiver);
    return transceiver;
  }
  getTransceivers() {
    return this.transceivers;
  }
  async createOffer() {
    this.offers += 1;
    return { type: "offer", sdp: `offer ${this.offers}` };
  }
  async createAnswer() {
    return { type: "answer", sdp: "answer" };
  }
  async setLocalDescription(description) {
    this.localDescription = description;
    if (description.type === "offer") this.signalingState = "have-local-offer";
    else this.signalingState = "stable";
    this.transceivers.forEach((transceiver, index) => (transceiver.mid = String(index)));
    this.onicecandidate({ candidate: { candidate: "candidate:1", sdpMid: "0" } });
  }
  async setRemoteDescription(description) {
    this.remoteDescription = description;
    if (description.type === "answer") this.signalingState = "stable";
    else if (this.transceivers.length === 0) this.addTransceiver("audio", { direction: "recvonly" }).mid = "0";
  }
  async addIceCandidate(candidate) {
    if (this.remoteDescription === null) throw new Error("a candidate before the description");
    this.candidates.push(candidate?.candidate ?? "end");
  }
  become(state) {
    this.connectionState = state;
    this.onconnectionstatechange();
  }
  close() {
    this.connectionState = "closed";
  }
}

const TICKET = { epoch: 1, generation: 2, engine_kind: "embedded", ticket: "t-1", ice_servers: [{ urls: ["turn:x"], username: "u", credential: "c" }, { urls: ["stun:y"] }] };
const MIC = { source: "microphone", track: { kind: "audio" }, muted: false };
const CAMERA = { source: "camera", track: { kind: "video", getSettings: () => ({ height: 480 }) }, muted: false };

function link() {
  FakePeer.made = [];
  const told = { signals: [], flows: [], failures: [] };
  const made = new Link({ epoch: 1, generation: 2 }, TICKET, (configuration) => new FakePeer(configuration), {
    signal: (signal) => told.signals.push(signal),
    flow: (flow) => told.flows.push(flow),
    changed: () => undefined,
    failed: (error) => told.failures.push(error.message),
  });
  return { made, told, publish: FakePeer.made[0] };
}

const answer = (seq, sdp = "a") => ({ type: "call_described", epoch: 1, generation: 2, seq, pc: "publish", sdp_type: "answer", sdp });
const offer = (seq, tracks = [{ mid: "0", user: "bo", device: "d", source: "microphone" }]) => ({ type: "call_described", epoch: 1, generation: 2, seq, pc: "subscribe", sdp_type: "offer", sdp: "o", tracks });
const candidate = (seq, pc, text = `c${seq}`) => ({ type: "call_candidate_came", epoch: 1, generation: 2, seq, pc, candidate: text, mid: "0" });

test("the first offer carries the ticket and what its sections are; numbers are dense, the description before its candidates", async () => {
  const { made, told, publish } = link();
  made.send([MIC, CAMERA]);
  await settle();
  assert.deepEqual(told.signals.map(({ type, seq, generation }) => [type, seq, generation]), [["call_description", 1, 2], ["call_candidate", 2, 2]]);
  const [first] = told.signals;
  assert.equal(first.ticket, "t-1");
  assert.deepEqual(first.tracks, [{ mid: "0", source: "microphone", muted: false }, { mid: "1", source: "camera", muted: false }]);
  assert.deepEqual(publish.configuration.iceServers, [{ urls: ["turn:x"], username: "u", credential: "c" }, { urls: ["stun:y"] }]);
  made.close();
});

test("without any device there is still a section: an offer without media would be refused", async () => {
  const { made, publish } = link();
  made.send([]);
  await settle();
  assert.equal(publish.transceivers.length, 1);
  made.close();
});

test("a screen that is added while an offer is out is offered after its answer, without the ticket; that it ends is offered too", async () => {
  const { made, told, publish } = link();
  made.send([MIC]);
  await settle();
  made.send([MIC, { source: "screen", track: { kind: "video" }, muted: false }]);
  await settle();
  assert.equal(publish.offers, 1);
  made.heard(answer(1));
  await settle();
  const offers = told.signals.filter((signal) => signal.type === "call_description");
  assert.equal(publish.offers, 2);
  assert.equal(offers[1].ticket, "");
  assert.deepEqual(offers[1].tracks.map((track) => track.source), ["microphone", "screen"]);
  made.heard(answer(2));
  made.send([MIC]);
  await settle();
  assert.equal(publish.offers, 3);
  assert.equal(publish.transceivers[1].direction, "inactive");
  made.close();
});

test("a camera that goes off and on again needs no offer", async () => {
  const { made, publish } = link();
  made.send([MIC, CAMERA]);
  await settle();
  made.heard(answer(1));
  made.send([MIC, { ...CAMERA, track: null, muted: true }]);
  await settle();
  assert.equal(publish.transceivers[1].sender.track, null);
  made.send([MIC, CAMERA]);
  await settle();
  assert.equal(publish.transceivers[1].sender.track, CAMERA.track);
  assert.equal(publish.offers, 1);
  made.close();
});

test("candidates wait for their connection's description, whichever order they come in", async () => {
  const { made, told, publish } = link();
  made.send([MIC]);
  for (const frame of [candidate(4, "subscribe"), candidate(1, "publish"), offer(3), candidate(5, "subscribe", ""), answer(2)]) made.heard(frame);
  await settle();
  assert.deepEqual(told.failures, []);
  assert.deepEqual(publish.candidates, ["c1"]);
  assert.deepEqual(FakePeer.made[1].candidates, ["c4", "end"]);
  assert.deepEqual(made.tracks().map(({ user, source }) => [user, source]), [["bo", "microphone"]]);
  const described = told.signals.filter((signal) => signal.type === "call_description").map(({ pc, sdp_type }) => `${pc} ${sdp_type}`);
  assert.deepEqual(described, ["publish offer", "subscribe answer"]);
  made.close();
});

test("it is up when every connection is, lost when one failed; closed it says nothing more", async () => {
  const { made, told, publish } = link();
  made.heard(offer(1));
  await settle();
  publish.become("connected");
  assert.deepEqual(told.flows, []);
  FakePeer.made[1].become("connected");
  assert.deepEqual(told.flows, ["up"]);
  publish.become("failed");
  assert.deepEqual(told.flows, ["up", "lost"]);
  const { signals } = told;
  made.close();
  const before = signals.length;
  made.send([MIC]);
  await settle();
  assert.equal(signals.length, before);
});

test("what the engine asks for is kept by the camera: so many bits, so many lines", async () => {
  const { made, publish } = link();
  made.send([MIC, CAMERA]);
  made.limit(300, 240);
  await settle();
  assert.deepEqual(publish.transceivers[1].sender.set.encodings[0], { maxBitrate: 300_000, scaleResolutionDownBy: 2 });
  made.limit(0, 0);
  await settle();
  assert.equal(publish.transceivers[1].sender.set.encodings[0].maxBitrate, undefined);
  made.close();
});

test("a connection that refuses a description is told of, and what follows is done", async () => {
  const { made, told, publish } = link();
  made.send([MIC]);
  await settle();
  publish.setRemoteDescription = async () => {
    throw new Error("no");
  };
  made.heard(answer(1));
  made.heard(offer(2));
  await settle();
  assert.deepEqual(told.failures, ["no"]);
  assert.equal(told.signals.at(-2).pc, "subscribe");
  made.close();
});

test("connections that came to nothing are closed when others are tried; those that carry something go on beside them", async () => {
  FakePeer.made = [];
  const nothing = () => undefined;
  const local = { start: async () => undefined, outs: () => [MIC], close: nothing };
  const told = { signal: nothing, tracks: nothing, flow: nothing, media: nothing, speaking: nothing, quality: nothing, failed: nothing };
  const room = new CallRoom(() => local, (configuration) => new FakePeer(configuration), told, () => 0);
  await room.start(false);
  const open = (generation) => room.open({ epoch: 1, generation }, { ...TICKET, generation });
  open(1);
  await settle();
  room.heard({ type: "call_described", epoch: 1, generation: 1, seq: 1, pc: "subscribe", sdp_type: "offer", sdp: "", tracks: [{ mid: "0", user: "bo", device: "d", source: "microphone" }] });
  await settle();
  FakePeer.made[1].transceivers[0].receiver.track.muted = false;
  for (const generation of [2, 3]) open(generation);
  await settle();
  assert.deepEqual(FakePeer.made.map(({ connectionState }) => connectionState), ["new", "new", "closed", "new"]);
  room.close();
});
