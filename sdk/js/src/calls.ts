// Calls of this device: the core of calls with its timers, connections and devices. What the application uses is here.

import type { CallPort, CallsEvents, CallsOptions, RequestOptions } from "./call_api.js";
import { CallCore, type Asked } from "./call_core.js";
import { LocalMedia, MEDIA_RULES, devicesOf, type Chosen, type Devices, type MediaPort, type MediaRules } from "./call_media.js";
import { CallRoom } from "./call_room.js";
import { CALL_RULES, type CallRules } from "./call_rules.js";
import type { CallEffect, LiveCall } from "./call_state.js";
import type { Scene } from "./call_tiles.js";
import type { NewCommand } from "./core.js";
import type { CallNews } from "./effects.js";
import { Emitter, type Listener } from "./emitter.js";
import { CallRejected, ClientClosed, WarblerError } from "./errors.js";
import type { FrameQuality } from "./frames.js";

export class Calls {
  private readonly emitter = new Emitter<CallsEvents>();
  private readonly rooms = new Map<string, CallRoom>();
  private readonly rules: CallRules;
  private readonly media_rules: MediaRules;
  private core: CallCore | null = null;
  private chosen: Chosen = {};
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly effects: CallEffect[] = [];
  private performing = false;
  private readonly places = new WeakMap<CallRoom, Place>();

  constructor(
    private readonly port: CallPort,
    private readonly options: CallsOptions,
  ) {
    this.rules = { ...CALL_RULES, ...options.rules };
    this.media_rules = { ...MEDIA_RULES, ...options.media };
  }

  on<K extends keyof CallsEvents>(name: K, listener: Listener<CallsEvents[K]>): () => void {
    return this.emitter.on(name, listener);
  }

  /** Calls that this device knows of: ringing here, taken part in, or going on without it. */
  all(): LiveCall[] {
    return this.core?.all() ?? [];
  }

  get(call: string): LiveCall | undefined {
    return this.core?.get(call);
  }

  /** Who is to be seen and heard. Null: this device is not in the call. */
  scene(call: string): Scene | null {
    const live = this.get(call);
    const room = this.rooms.get(call);
    return live === undefined || room === undefined || this.core === null ? null : room.scene(live, this.core.user, this.port.device);
  }

  // ---- commands: each resolves when it is committed, and raises CallRejected when it is refused

  /** Calls. Shape: the call's id; another call's where the other side had called first (it is answered then). */
  async request(conversation: string, options: RequestOptions = {}): Promise<string> {
    const { media = "audio", call_kind = "one_to_one", callees = [], ring_ms = 60_000, engine = "" } = options;
    const call = this.port.id();
    const frame: NewCommand = { type: "call_request", conversation, call, call_kind, media, callees, ring_ms, engine };
    return this.enter({ call, conversation, call_kind, media }, media === "video", frame);
  }

  /** Answers a ring; `camera`: also with one's own picture. */
  answer(call: string, camera = this.get(call)?.media === "video"): Promise<string> {
    return this.enter(this.known(call), camera, this.made(call, { type: "call_accept" }));
  }

  /** Into a group's call; or here, into a call in which the user is with another device. */
  join(call: string, camera = this.get(call)?.media === "video"): Promise<string> {
    return this.enter(this.known(call), camera, this.made(call, { type: "call_join" }));
  }

  async reject(call: string): Promise<void> {
    const frame = this.made(call, { type: "call_reject" });
    this.apply(this.core?.silenced(call) ?? []);
    await this.port.command(frame);
  }

  /** Ends a call between two; leaves a group's, or ends it `for_all`. */
  async hangUp(call: string, for_all = false): Promise<void> {
    await this.goOut(call, this.made(call, { type: "call_hang_up", for_all, ...this.qualityOf(call) }));
  }

  async leave(call: string): Promise<void> {
    await this.goOut(call, this.made(call, { type: "call_leave", ...this.qualityOf(call) }));
  }

  async invite(call: string, callees: readonly string[]): Promise<void> {
    await this.port.command(this.made(call, { type: "call_invite", callees }));
  }

  /** `target` takes this user's place once it has accepted. */
  async transfer(call: string, target: string): Promise<void> {
    await this.port.command(this.made(call, { type: "call_transfer", target }));
  }

  async kick(call: string, target: string): Promise<void> {
    await this.port.command(this.made(call, { type: "call_kick", target }));
  }

  /** Of another participant, by a moderator; one's own microphone: `setMuted`. */
  async mute(call: string, target: string, muted = true): Promise<void> {
    await this.port.command(this.made(call, { type: "call_mute", target, muted }));
  }

  async hand(call: string, raised = true): Promise<void> {
    await this.port.command(this.made(call, { type: "call_hand", raised }));
  }

  /** From audio to video, with one's own camera. */
  async upgrade(call: string): Promise<void> {
    await this.port.command(this.made(call, { type: "call_upgrade" }));
    await this.setCamera(call, true);
  }

  async hold(call: string): Promise<void> {
    await this.port.command(this.made(call, { type: "call_hold" }));
    this.rooms.get(call)?.local.hold(true);
  }

  async resume(call: string): Promise<void> {
    await this.port.command(this.made(call, { type: "call_resume" }));
    this.rooms.get(call)?.local.hold(false);
  }

  /** To another engine; by a moderator, or by either of two that speak without one. */
  async switchEngine(call: string, engine: "" | "embedded" | "janus" | "livekit" = ""): Promise<void> {
    await this.port.command(this.made(call, { type: "call_switch", engine }));
  }

  // ---- devices

  devices(): Promise<Devices> {
    return devicesOf(this.mediaPort());
  }

  /** For calls from now on, and at once in those that are under way. */
  async choose(chosen: Chosen): Promise<void> {
    this.chosen = { ...this.chosen, ...chosen };
    for (const room of this.rooms.values()) await room.local.choose(chosen);
  }

  setMuted(call: string, muted: boolean): void {
    this.rooms.get(call)?.local.mute(muted);
  }

  /** Shape: whether it is so now. */
  async setCamera(call: string, on: boolean): Promise<boolean> {
    return (await this.rooms.get(call)?.local.setCamera(on)) ?? false;
  }

  async setScreen(call: string, on: boolean): Promise<boolean> {
    return (await this.rooms.get(call)?.local.setScreen(on)) ?? false;
  }

  /** What this device sends: whether the microphone is muted, the camera on, a screen shared. */
  own(call: string): { readonly muted: boolean; readonly camera: boolean; readonly screen: boolean; readonly held: boolean } {
    const local = this.rooms.get(call)?.local;
    return { muted: local?.muted ?? false, camera: local?.camera_on ?? false, screen: local?.screen_on ?? false, held: local?.held ?? false };
  }

  /** How much of somebody's picture this device wants. */
  layer(call: string, publisher: string, source: "camera" | "screen", layer: "high" | "low" | "off"): void {
    const { conversation } = this.known(call);
    this.port.signal({ type: "call_layer", conversation, call, epoch: this.rooms.get(call)?.epoch ?? 1, publisher, source, layer });
  }

  /** New connections for every call: the network has changed. A browser's `online` is heard by itself. */
  reconnect(): void {
    for (const call of this.rooms.keys()) this.apply(this.core?.restart(call, this.port.now()) ?? []);
  }

  // ---- from the client

  welcomed(user: string): void {
    if (this.core?.user !== user) {
      this.close();
      this.core = new CallCore(user, this.port.device, this.rules);
      this.listen(true);
    }
    this.apply(this.core.welcomed(this.port.now()));
  }

  heard(frame: CallNews): void {
    const { core } = this;
    if (core === null) return;
    if (frame.type !== "call_candidate_came") this.apply(core.frame(frame, this.port.now()));
    if (frame.type === "call_described" || frame.type === "call_candidate_came") this.rooms.get(frame.call)?.heard(frame);
    if (frame.type === "call_limits") this.rooms.get(frame.call)?.limit(frame.bitrate_kbps, frame.height);
  }

  /** The conversation has the entry of a call that is over: who was not in it hears so by this alone. */
  noted(call: string): void {
    this.apply(this.core?.noted(call) ?? []);
  }

  close(): void {
    clearTimeout(this.timer);
    this.listen(false);
    for (const room of this.rooms.values()) room.close();
    this.rooms.clear();
    this.core = null;
  }

  // ---- going in and out

  private async enter(asked: Asked, camera: boolean, frame: NewCommand): Promise<string> {
    const { core } = this;
    if (core === null) throw new ClientClosed();
    const room = this.rooms.get(asked.call) ?? this.makeRoom(asked);
    void room.start(camera);
    this.apply(core.asks(asked, this.port.now()));
    try {
      const { call = asked.call } = await this.port.command(frame);
      this.moveRoom(asked.call, call);
      if (core === this.core) this.apply(core.granted(asked.call, call, this.port.now()));
      return call;
    } catch (error) {
      if (core === this.core) this.apply(core.refused(asked.call));
      throw error;
    }
  }

  /** Over here at once: nobody waits for a microphone to be let go of. */
  private async goOut(call: string, frame: NewCommand): Promise<void> {
    const for_all = frame.type === "call_hang_up" && frame.for_all === true;
    this.apply(this.core?.gone(call, for_all) ?? []);
    try {
      await this.port.command(frame);
    } catch (error) {
      if (!(error instanceof CallRejected)) throw error; // it was over already
    }
  }

  private makeRoom({ call, conversation }: Asked): CallRoom {
    const { port } = this;
    // the call may become another one, by glare
    const at: Place = { call, conversation };
    const room = new CallRoom(
      (changed) => new LocalMedia(this.mediaPort(), this.chosen, this.media_rules, changed, (trouble) => this.emitter.emit("trouble", { call: at.call, trouble })),
      this.options.peer ?? ((configuration) => new RTCPeerConnection(configuration)),
      {
        signal: (epoch, signal) => port.signal({ ...signal, ...at, epoch }),
        tracks: (epoch, tracks) => port.signal({ type: "call_tracks", ...at, epoch, tracks }),
        flow: (link, flow) => this.apply(this.core?.linked(at.call, link, flow, port.now()) ?? []),
        media: () => this.emitter.emit("media", { call: at.call }),
        speaking: (speakers) => this.apply(this.core?.speaking(at.call, speakers) ?? []),
        quality: (quality, grade) => this.emitter.emit("quality", { call: at.call, quality, grade }),
        failed: (why) => this.emitter.emit("trouble", { call: at.call, trouble: { source: "connection", why } }),
      },
      port.now,
    );
    this.places.set(room, at);
    this.rooms.set(call, room);
    return room;
  }

  private moveRoom(from: string, to: string): void {
    const room = this.rooms.get(from);
    if (room === undefined || from === to) return;
    this.rooms.delete(from);
    this.rooms.set(to, room);
    const at = this.places.get(room);
    if (at !== undefined) at.call = to;
  }

  private shut(call: string): void {
    this.rooms.get(call)?.close();
    this.rooms.delete(call);
  }

  private known(call: string): LiveCall {
    const live = this.get(call);
    if (live === undefined) throw new WarblerError("unknown_call", "there is no such call here");
    return live;
  }

  private made(call: string, frame: object): NewCommand {
    return { ...frame, conversation: this.known(call).conversation, call } as NewCommand;
  }

  private qualityOf(call: string): { quality?: FrameQuality } {
    const quality = this.rooms.get(call)?.quality() ?? null;
    return quality === null ? {} : { quality };
  }

  private mediaPort(): MediaPort {
    const port = this.options.devices ?? (globalThis.navigator?.mediaDevices as MediaPort | undefined);
    if (port === undefined) throw new WarblerError("no_media", "give options.calls.devices: this runtime, or this address without https, has none");
    return port;
  }

  // ---- performing

  /** Performs effects in order; those that a listener causes come after. */
  private apply(effects: readonly CallEffect[]): void {
    this.effects.push(...effects);
    if (this.performing) return;
    this.performing = true;
    try {
      for (let effect = this.effects.shift(); effect !== undefined; effect = this.effects.shift()) this.perform(effect);
    } finally {
      this.performing = false;
    }
    this.arm();
  }

  private perform(effect: CallEffect): void {
    switch (effect.kind) {
      case "command":
        return void this.port.command(effect.frame).catch((error: unknown) => this.ownFailed(effect.frame.type, effect.frame.call, error));
      case "ticket_wanted": {
        const { conversation, call, epoch, generation } = effect;
        return this.port.signal({ type: "call_ticket_wanted", conversation, call, epoch, generation });
      }
      case "open":
        if (effect.ticket.url !== "") return this.needsClient(effect.call);
        return this.rooms.get(effect.call)?.open(effect.link, effect.ticket);
      case "shut":
        return this.shut(effect.call);
      case "ring":
        return this.emitter.emit("ring", effect.call);
      case "stop":
        return this.emitter.emit("stop", effect);
      case "changed":
        if (CAME.has(effect.what)) this.rooms.get(effect.call.call)?.sayTracks();
        return this.emitter.emit("changed", effect);
      case "over":
        return this.emitter.emit("over", effect);
    }
  }

  /** An engine that devices speak to themselves. */
  private needsClient(call: string): void {
    this.emitter.emit("trouble", { call, trouble: { source: "connection", why: "this engine has a client of its own, which is not here" } });
  }

  /** What the core asked for by itself: most of it is late when it is refused, and that is no trouble. */
  private ownFailed(type: string, call: string, error: unknown): void {
    if (!(error instanceof WarblerError)) throw error;
    if (type === "call_switch") this.emitter.emit("trouble", { call, trouble: { source: "connection", why: error.detail } });
  }

  private arm(): void {
    const { core } = this;
    clearTimeout(this.timer);
    const next_ms = core?.nextMs() ?? Infinity;
    if (core === null || next_ms === Infinity) return;
    const tick = (): void => {
      if (this.core === core) this.apply(core.tick(this.port.now()));
    };
    this.timer = setTimeout(tick, Math.max(0, next_ms - this.port.now()) + 1);
  }

  private listen(on: boolean): void {
    if (typeof globalThis.addEventListener !== "function") return;
    if (on) globalThis.addEventListener("online", this.onOnline);
    else globalThis.removeEventListener("online", this.onOnline);
  }

  private readonly onOnline = (): void => this.reconnect();
}

/** Somebody is new in the call. */
const CAME: ReadonlySet<string> = new Set(["call_accepted", "participant_joined", "granted"]);

interface Place {
  call: string;
  readonly conversation: string;
}
