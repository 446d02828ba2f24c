import type { TrackSource } from "./call_media.js";
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
export type OutSignal = {
    readonly type: "call_description";
    readonly pc: Pc;
    readonly generation: number;
    readonly seq: number;
    readonly sdp_type: "offer" | "answer";
    readonly sdp: string;
    readonly tracks: readonly FrameTrack[];
    readonly ticket: string;
} | {
    readonly type: "call_candidate";
    readonly pc: Pc;
    readonly generation: number;
    readonly seq: number;
    readonly candidate: string;
    readonly mid: string;
};
export interface LinkTold {
    readonly signal: (signal: OutSignal) => void;
    readonly flow: (flow: Flow) => void;
    /** Other tracks come in, or the same begin or cease to carry media. */
    readonly changed: () => void;
    readonly failed: (error: Error) => void;
}
export declare class Link {
    readonly id: LinkId;
    private readonly ticket;
    private readonly peer;
    private readonly told;
    flow: Flow;
    up_ms: number;
    readonly publish: RTCPeerConnection;
    subscribe: RTCPeerConnection | null;
    private readonly senders;
    private readonly order;
    private readonly waiting;
    private outs;
    private ins;
    private work;
    private seq;
    private offered;
    private dirty;
    private closed;
    private limit_kbps;
    private limit_height;
    private lost_timer;
    private gap_timer;
    constructor(id: LinkId, ticket: CallTicket, peer: MakePeer, told: LinkTold);
    /** What is sent from now on. Offers anew where another kind of track comes or goes. */
    send(outs: readonly OutTrack[]): void;
    /** What the other side says, in whichever order it comes. */
    heard(frame: CallDescribed | CallCandidateCame): void;
    /** At most so much, as the other side asks; 0: no limit. */
    limit(bitrate_kbps: number, height: number): void;
    /** What comes in now, by whom it is. */
    tracks(): InTrack[];
    stats(): Promise<RTCStatsReport[]>;
    close(): void;
    /** Lays the tracks into the media sections. Whether these changed, so that an offer is needed. */
    private arrange;
    private addSender;
    private offer;
    /** What each media section is that something is sent in. */
    labels(): FrameTrack[];
    private applyLimit;
    private use;
    private describedBy;
    private candidate;
    private flushCandidates;
    private make;
    private describe;
    private number;
    private look;
    private become;
    /** After what is under way. A failure is told and does not keep what follows from being done. */
    private do;
}
export {};
