// One generation of a call's media: a connection that this device publishes on and one that it gets the others on. Shell.
//
// Everything that touches a connection waits for what came before it, so descriptions and candidates never overtake each other. The client
// alone offers on what it publishes, and only who serves it on what it subscribes to: offers cannot meet.

import type { TrackSource } from "./call_media.js";
import { Ordered } from "./call_order.js";
import type { Flow, LinkId } from "./call_state.js";
import type { CallCandidateCame, CallDescribed, CallTicket, FrameTrack } from "./call_words.js";

export type MakePeer = (configuration: RTCConfiguration) => RTCPeerConnection;
type Pc = CallDescribed["pc"];

/** What this device sends. `track` null: nothing for now, like a camera that is off. */
export interface OutTrack {
  readonly source: TrackSource;
  readonly track: MediaStreamTrack | null;
  readonly muted: boolean;
}

export interface InTrack {
  readonly user: string;
  readonly device: string;
  readonly source: TrackSource;
  readonly track: MediaStreamTrack;
}

/** A signal without what the shell adds: conversation, call, epoch. */
export type OutSignal =
  | { readonly type: "call_description"; readonly pc: Pc; readonly generation: number; readonly seq: number; readonly sdp_type: "offer" | "answer"; readonly sdp: string; readonly tracks: readonly FrameTrack[]; readonly ticket: string }
  | { readonly type: "call_candidate"; readonly pc: Pc; readonly generation: number; readonly seq: number; readonly candidate: string; readonly mid: string };
type Unnumbered<T> = T extends unknown ? Omit<T, "seq" | "generation"> : never;

export interface LinkTold {
  readonly signal: (signal: OutSignal) => void;
  readonly flow: (flow: Flow) => void;
  /** Other tracks come in, or the same begin or cease to carry media. */
  readonly changed: () => void;
  readonly failed: (error: Error) => void;
}

const DISCONNECTED_MS = 3_000; // a radio's short gap heals by itself
const ORDER: readonly TrackSource[] = ["microphone", "camera", "screen", "screen_audio"];

export class Link {
  flow: Flow = "connecting";
  up_ms = 0;
  readonly publish: RTCPeerConnection;
  subscribe: RTCPeerConnection | null = null;
  private readonly senders = new Map<TrackSource, RTCRtpTransceiver>();
  private readonly order = new Ordered<CallDescribed | CallCandidateCame>();
  private readonly waiting: CallCandidateCame[] = [];
  private outs: readonly OutTrack[] = [];
  private ins: readonly FrameTrack[] = [];
  private work: Promise<void> = Promise.resolve();
  private seq = 0;
  private offered = false;
  private dirty = false;
  private closed = false;
  private limit_kbps = 0;
  private limit_height = 0;
  private lost_timer: ReturnType<typeof setTimeout> | undefined;
  private gap_timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly id: LinkId,
    private readonly ticket: CallTicket,
    private readonly peer: MakePeer,
    private readonly told: LinkTold,
  ) {
    this.publish = this.make("publish");
  }

  /** What is sent from now on. Offers anew where another kind of track comes or goes. */
  send(outs: readonly OutTrack[]): void {
    this.outs = outs;
    this.do(async () => {
      if (await this.arrange()) await this.offer();
    });
  }

  /** What the other side says, in whichever order it comes. */
  heard(frame: CallDescribed | CallCandidateCame): void {
    this.use(this.order.offer(frame.seq, frame, Date.now()));
  }

  /** At most so much, as the other side asks; 0: no limit. */
  limit(bitrate_kbps: number, height: number): void {
    this.limit_kbps = bitrate_kbps;
    this.limit_height = height;
    this.do(() => this.applyLimit());
  }

  /** What comes in now, by whom it is. */
  tracks(): InTrack[] {
    const by_mid = new Map((this.subscribe?.getTransceivers() ?? []).map((transceiver) => [transceiver.mid, transceiver]));
    return this.ins.flatMap(({ mid, user = "", device = "", source }) => {
      const transceiver = by_mid.get(mid);
      return transceiver === undefined ? [] : [{ user, device, source, track: transceiver.receiver.track }];
    });
  }

  async stats(): Promise<RTCStatsReport[]> {
    const reports = [this.publish, this.subscribe].map((pc) => (pc === null ? null : pc.getStats()));
    return (await Promise.all(reports)).filter((report) => report !== null);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.lost_timer);
    clearTimeout(this.gap_timer);
    for (const pc of [this.publish, this.subscribe]) {
      if (pc === null) continue;
      pc.onicecandidate = pc.onconnectionstatechange = pc.ontrack = null;
      pc.close();
    }
  }

  // ---- publishing

  /** Lays the tracks into the media sections. Whether these changed, so that an offer is needed. */
  private async arrange(): Promise<boolean> {
    let changed = !this.offered;
    for (const source of ORDER) {
      const out = this.outs.find((each) => each.source === source);
      const transceiver = this.senders.get(source);
      if (transceiver === undefined) changed = this.addSender(source, out) || changed;
      else changed = (await setSender(transceiver, out)) || changed;
    }
    return changed;
  }

  private addSender(source: TrackSource, out: OutTrack | undefined): boolean {
    if (out === undefined && source !== "microphone") return false; // an offer has at least one media section
    const kind = source === "microphone" || source === "screen_audio" ? "audio" : "video";
    this.senders.set(source, this.publish.addTransceiver(out?.track ?? kind, { direction: "sendonly" }));
    return true;
  }

  private async offer(): Promise<void> {
    if (this.publish.signalingState !== "stable") {
      this.dirty = true;
      return;
    }
    this.dirty = false;
    await this.publish.setLocalDescription(await this.publish.createOffer());
    const ticket = this.offered ? "" : this.ticket.ticket;
    this.offered = true;
    this.describe("publish", "offer", this.publish, this.labels(), ticket);
    await this.applyLimit();
  }

  /** What each media section is that something is sent in. */
  labels(): FrameTrack[] {
    return this.outs.flatMap(({ source, muted }) => {
      const mid = this.senders.get(source)?.mid ?? null;
      return mid === null ? [] : [{ mid, source, muted }];
    });
  }

  private async applyLimit(): Promise<void> {
    const sender = this.senders.get("camera")?.sender;
    const parameters = sender?.getParameters();
    const encoding = parameters?.encodings[0];
    if (sender === undefined || parameters === undefined || encoding === undefined) return;
    if (this.limit_kbps > 0) encoding.maxBitrate = this.limit_kbps * 1_000;
    else delete encoding.maxBitrate;
    const height = sender.track?.getSettings().height ?? 0;
    encoding.scaleResolutionDownBy = this.limit_height > 0 && height > this.limit_height ? height / this.limit_height : 1;
    await sender.setParameters(parameters);
  }

  // ---- hearing

  private use(frames: readonly (CallDescribed | CallCandidateCame)[]): void {
    for (const frame of frames) this.do(() => (frame.type === "call_described" ? this.describedBy(frame) : this.candidate(frame)));
    clearTimeout(this.gap_timer);
    const wait_ms = this.order.nextMs() - Date.now();
    if (Number.isFinite(wait_ms)) this.gap_timer = setTimeout(() => this.use(this.order.take(Date.now())), Math.max(0, wait_ms) + 1);
  }

  private async describedBy(frame: CallDescribed): Promise<void> {
    if (frame.pc === "publish") {
      if (this.publish.signalingState !== "have-local-offer") return; // an answer that came twice
      await this.publish.setRemoteDescription({ type: "answer", sdp: frame.sdp });
      await this.flushCandidates();
      if (this.dirty && (await this.arrange())) await this.offer();
      else if (this.dirty) await this.offer();
      return;
    }
    this.subscribe ??= this.make("subscribe");
    const pc = this.subscribe;
    await pc.setRemoteDescription({ type: "offer", sdp: frame.sdp });
    await this.flushCandidates();
    await pc.setLocalDescription(await pc.createAnswer());
    this.ins = frame.tracks ?? [];
    this.describe("subscribe", "answer", pc, [], "");
    for (const { track } of this.tracks()) track.onmute = track.onunmute = track.onended = () => this.told.changed();
    this.told.changed();
  }

  private async candidate(frame: CallCandidateCame): Promise<void> {
    const pc = frame.pc === "publish" ? this.publish : this.subscribe;
    if (pc === null || pc.remoteDescription === null) this.waiting.push(frame);
    else await addCandidate(pc, frame);
  }

  private async flushCandidates(): Promise<void> {
    for (const frame of this.waiting.splice(0)) await this.candidate(frame);
  }

  // ---- the connections

  private make(pc: Pc): RTCPeerConnection {
    const iceServers = this.ticket.ice_servers.map(({ urls, username, credential }) => ({ urls: [...urls], ...(username ? { username, credential: credential ?? "" } : {}) }));
    const made = this.peer({ iceServers, bundlePolicy: "max-bundle" });
    made.onicecandidate = ({ candidate }) =>
      this.do(async () => this.number({ type: "call_candidate", pc, candidate: candidate?.candidate ?? "", mid: candidate?.sdpMid ?? "" }));
    made.onconnectionstatechange = () => this.look();
    return made;
  }

  private describe(pc: Pc, sdp_type: "offer" | "answer", from: RTCPeerConnection, tracks: readonly FrameTrack[], ticket: string): void {
    this.number({ type: "call_description", pc, sdp_type, sdp: from.localDescription?.sdp ?? "", tracks, ticket });
  }

  private number(signal: Unnumbered<OutSignal>): void {
    this.seq += 1;
    this.told.signal({ ...signal, generation: this.id.generation, seq: this.seq } as OutSignal);
  }

  private look(): void {
    const states = [this.publish.connectionState, ...(this.subscribe === null ? [] : [this.subscribe.connectionState])];
    clearTimeout(this.lost_timer);
    if (states.includes("failed")) this.become("lost");
    else if (states.includes("disconnected")) this.lost_timer = setTimeout(() => this.become("lost"), DISCONNECTED_MS);
    else if (states.every((state) => state === "connected")) this.become("up");
  }

  private become(flow: Flow): void {
    if (this.closed || flow === this.flow) return;
    this.flow = flow;
    if (flow === "up") this.up_ms = Date.now();
    this.told.flow(flow);
  }

  /** After what is under way. A failure is told and does not keep what follows from being done. */
  private do(work: () => Promise<void>): void {
    this.work = this.work.then(async () => {
      if (this.closed) return;
      try {
        await work();
      } catch (error) {
        if (!this.closed) this.told.failed(error instanceof Error ? error : new Error(String(error)));
      }
    });
  }
}

async function setSender(transceiver: RTCRtpTransceiver, out: OutTrack | undefined): Promise<boolean> {
  const direction = out === undefined ? "inactive" : "sendonly";
  if (transceiver.sender.track !== (out?.track ?? null)) await transceiver.sender.replaceTrack(out?.track ?? null);
  if (transceiver.direction === direction) return false;
  transceiver.direction = direction;
  return true;
}

async function addCandidate(pc: RTCPeerConnection, { candidate, mid }: CallCandidateCame): Promise<void> {
  try {
    await pc.addIceCandidate(candidate === "" ? undefined : { candidate, ...(mid === undefined || mid === "" ? { sdpMLineIndex: 0 } : { sdpMid: mid }) });
  } catch (error) {
    // of a media section that a later description took away, or a kind that this browser does not know: others remain
    if (!(error instanceof DOMException)) throw error;
  }
}
