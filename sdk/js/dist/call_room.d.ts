import { type MakePeer, type OutSignal } from "./call_link.js";
import { LocalMedia } from "./call_media.js";
import type { Flow, LinkId, LiveCall } from "./call_state.js";
import { type Grade } from "./call_stats.js";
import { type Scene } from "./call_tiles.js";
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
export declare class CallRoom {
    private readonly peer;
    private readonly told;
    private readonly now;
    readonly local: LocalMedia;
    private links;
    private early;
    private readonly meter;
    private stats_timer;
    private listen_timer;
    private heard_users;
    private told_tracks;
    private started;
    private closed;
    constructor(local: (changed: () => void) => LocalMedia, peer: MakePeer, told: RoomTold, now: () => number);
    get epoch(): number;
    /** Takes the devices; what was opened before they were there sends what there is. */
    start(camera: boolean): Promise<void>;
    /** Makes new connections beside those there are. */
    open(id: LinkId, ticket: CallTicket): void;
    heard(frame: CallDescribed | CallCandidateCame): void;
    limit(bitrate_kbps: number, height: number): void;
    /** Says again what is muted: somebody came who has not heard it. */
    sayTracks(): void;
    scene(live: LiveCall, user: string, device: string): Scene;
    quality(): FrameQuality | null;
    close(): void;
    private get newest();
    private toldBy;
    /** The first offer has everything in it: one that comes before the camera would be followed by another. */
    private offerOn;
    private onLocal;
    private sayChanged;
    /** Breaks what a newer pair of connections has made needless: it is up, and what came over the older one comes over it. */
    private retire;
    private look;
    /** Who speaks, where no engine says so. */
    private listen;
    private deaf;
}
