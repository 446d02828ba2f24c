// One call's media on this device: what is taken of the devices, and the connections, of which a newer pair replaces an older one once it
// carries what that one carried. Shell; driven by `calls.ts`.

import { Link, type LinkTold, type MakePeer, type OutSignal } from "./call_link.js";
import { LocalMedia } from "./call_media.js";
import type { Flow, LinkId, LiveCall } from "./call_state.js";
import { QualityMeter, countedIn, gradeOf, type Grade, type StatsReport } from "./call_stats.js";
import { sceneOf, type Scene } from "./call_tiles.js";
import type { CallCandidateCame, CallDescribed, CallTicket, FrameQuality, FrameSpeaker, FrameTrack } from "./call_words.js";

export interface RoomTold {
  readonly signal: (epoch: number, signal: OutSignal) => void;
  readonly tracks: (epoch: number, tracks: readonly FrameTrack[]) => void;
  readonly flow: (link: LinkId, flow: Flow) => void;
  readonly media: () => void;
  readonly speaking: (speakers: readonly FrameSpeaker[]) => void;
  readonly quality: (quality: FrameQuality, grade: Grade) => void;
  readonly failed: (why: string) => void;
}

const STATS_MS = 2_000;
const LISTEN_MS = 200;
const LOUD = 0.01; // of 1; a quiet room's noise is below
const OVERLAP_MS = 6_000; // an engine keeps a room for 10 s after a switch
const EARLY_LIMIT = 256; // signals of connections that are not open yet

export class CallRoom {
  readonly local: LocalMedia;
  private links: Link[] = []; // the newest last
  private early: (CallDescribed | CallCandidateCame)[] = [];
  private readonly meter = new QualityMeter();
  private stats_timer: ReturnType<typeof setInterval> | undefined;
  private listen_timer: ReturnType<typeof setInterval> | undefined;
  private heard_users = "";
  private told_tracks = "";
  private started: Promise<void> | null = null;
  private closed = false;

  constructor(
    local: (changed: () => void) => LocalMedia,
    private readonly peer: MakePeer,
    private readonly told: RoomTold,
    private readonly now: () => number,
  ) {
    this.local = local(() => this.onLocal());
  }

  get epoch(): number {
    return this.newest?.id.epoch ?? 1;
  }

  /** Takes the devices; what was opened before they were there sends what there is. */
  start(camera: boolean): Promise<void> {
    this.started ??= this.local.start(camera);
    return this.started;
  }

  /** Makes new connections beside those there are. */
  open(id: LinkId, ticket: CallTicket): void {
    // what came to nothing would go on encoding beside what is tried next
    const [kept, vain] = parted(this.links, (each) => each.flow === "up" || carries(each).size > 0);
    for (const each of vain) each.close();
    const link: Link = new Link(id, ticket, this.peer, this.toldBy(id));
    this.links = [...kept, link];
    this.meter.renew();
    const early = this.early;
    this.early = [];
    for (const frame of early) this.heard(frame);
    void this.offerOn(link);
    this.stats_timer ??= setInterval(() => void this.look(), STATS_MS);
    if (ticket.engine_kind === "p2p") this.listen_timer ??= setInterval(() => this.listen(), LISTEN_MS);
    else this.deaf();
  }

  heard(frame: CallDescribed | CallCandidateCame): void {
    const link = this.links.find(({ id }) => id.epoch === frame.epoch && id.generation === frame.generation);
    if (link !== undefined) link.heard(frame);
    else if (newerThan(frame, this.newest?.id) && this.early.length < EARLY_LIMIT) this.early.push(frame);
  }

  limit(bitrate_kbps: number, height: number): void {
    this.newest?.limit(bitrate_kbps, height);
  }

  /** Says again what is muted: somebody came who has not heard it. */
  sayTracks(): void {
    this.told_tracks = "";
    this.sayChanged();
  }

  scene(live: LiveCall, user: string, device: string): Scene {
    const { local } = this;
    const own = { camera: local.track("camera"), screen: local.track("screen"), muted: local.muted || local.track("microphone") === null, held: local.held };
    const links = this.links.map((link) => link.tracks()).reverse();
    return sceneOf(live, links, own, user, device);
  }

  quality(): FrameQuality | null {
    return this.meter.total();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.stats_timer);
    this.deaf();
    for (const link of this.links) link.close();
    this.links = [];
    this.local.close();
  }

  // ---- helpers

  private get newest(): Link | undefined {
    return this.links.at(-1);
  }

  private toldBy(id: LinkId): LinkTold {
    return {
      signal: (signal) => this.told.signal(id.epoch, signal),
      flow: (flow) => {
        if (flow === "up") setTimeout(() => this.retire(), OVERLAP_MS);
        if (flow === "up") this.sayTracks();
        this.told.flow(id, flow);
        this.retire();
      },
      changed: () => {
        this.retire();
        this.told.media();
      },
      failed: (error) => this.told.failed(error.message),
    };
  }

  /** The first offer has everything in it: one that comes before the camera would be followed by another. */
  private async offerOn(link: Link): Promise<void> {
    await this.started;
    if (this.links.includes(link)) link.send(this.local.outs());
  }

  private onLocal(): void {
    if (this.closed) return;
    for (const link of this.links) link.send(this.local.outs());
    this.sayChanged();
    this.told.media();
  }

  private sayChanged(): void {
    const labels = this.local.outs().map(({ source, muted }) => ({ mid: "", source, muted }));
    const said = JSON.stringify(labels);
    // who serves the connections knows this device once they are up; until then the offer says it
    if (this.closed || said === this.told_tracks || this.newest?.flow !== "up") return;
    this.told_tracks = said;
    const tracks = this.newest.labels();
    this.told.tracks(this.newest.id.epoch, tracks.length > 0 ? tracks : labels);
  }

  /** Breaks what a newer pair of connections has made needless: it is up, and what came over the older one comes over it. */
  private retire(): void {
    const { newest } = this;
    if (this.closed || newest === undefined || newest.flow !== "up" || this.links.length < 2) return;
    const carried = carries(newest);
    const late = Date.now() - newest.up_ms >= OVERLAP_MS;
    const [kept, needless] = parted(this.links, (link) => link === newest || (!late && [...carries(link)].some((what) => !carried.has(what))));
    for (const link of needless) link.close();
    if (needless.length === 0) return;
    this.links = kept;
    this.told.media();
  }

  private async look(): Promise<void> {
    const { newest } = this;
    if (newest === undefined) return;
    const reports = (await newest.stats()) as unknown as StatsReport[];
    if (this.closed || reports.length === 0) return;
    const quality = this.meter.note(countedIn(reports), this.now());
    this.told.quality(quality, gradeOf(quality));
  }

  /** Who speaks, where no engine says so. */
  private listen(): void {
    const { newest } = this;
    const inputs = newest?.tracks().filter((track) => track.source === "microphone") ?? [];
    const receivers = newest?.subscribe?.getReceivers() ?? [];
    const speakers = inputs.flatMap(({ user, track }) => {
      const level = receivers.find((receiver) => receiver.track === track)?.getSynchronizationSources()[0]?.audioLevel ?? 0;
      return level >= LOUD ? [{ user, level: Math.max(1, Math.round(level * 100)) }] : [];
    });
    const users = speakers.map((speaker) => speaker.user).join(" ");
    if (users === this.heard_users) return;
    this.heard_users = users;
    this.told.speaking(speakers);
  }

  private deaf(): void {
    clearInterval(this.listen_timer);
    this.listen_timer = undefined;
    this.heard_users = "";
  }
}

/** Whose what comes in over it now. */
const carries = (link: Link): Set<string> =>
  new Set(link.tracks().flatMap(({ user, source, track }) => (!track.muted && track.readyState === "live" ? [`${user} ${source}`] : [])));

/** Those of which it holds, and the others. */
function parted<T>(all: readonly T[], holds: (each: T) => boolean): [T[], T[]] {
  return [all.filter((each) => holds(each)), all.filter((each) => !holds(each))];
}

const newerThan = (frame: LinkId, id: LinkId | undefined): boolean =>
  id === undefined || frame.epoch > id.epoch || (frame.epoch === id.epoch && frame.generation > id.generation);
