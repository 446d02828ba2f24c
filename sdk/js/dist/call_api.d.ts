import type { MakePeer } from "./call_link.js";
import type { MediaPort, MediaRules, MediaTrouble } from "./call_media.js";
import type { CallRules } from "./call_rules.js";
import type { CallEnd, CallPart, CallStopReason, LiveCall } from "./call_state.js";
import type { Grade } from "./call_stats.js";
import type { NewCommand } from "./core.js";
import type { CallSignalFrame, FrameQuality } from "./frames.js";
/** What calls need of the client. */
export interface CallPort {
    readonly device: string;
    readonly command: (frame: NewCommand) => Promise<{
        readonly call?: string;
    }>;
    readonly signal: (frame: CallSignalFrame) => void;
    readonly id: () => string;
    readonly now: () => number;
}
export interface CallsOptions {
    readonly peer?: MakePeer;
    readonly devices?: MediaPort;
    readonly rules?: Partial<CallRules>;
    readonly media?: Partial<MediaRules>;
}
export interface RequestOptions {
    readonly media?: "audio" | "video";
    readonly call_kind?: "one_to_one" | "group";
    /** Whom to ring. Default: everybody in the conversation. */
    readonly callees?: readonly string[];
    readonly ring_ms?: number;
    /** A kind of engine. Default: the node's choice. */
    readonly engine?: "" | "embedded" | "janus" | "livekit" | "p2p";
}
export interface CallsEvents {
    /** Somebody calls: ring until `stop`. */
    ring: LiveCall;
    stop: {
        readonly call: string;
        readonly conversation: string;
        readonly why: CallStopReason;
    };
    /** `what`: the event's kind, or "asked granted stopped tracks speaking limits flow": what this device found itself. */
    changed: {
        readonly call: LiveCall;
        readonly what: string;
        readonly by: string;
        readonly about: string;
    };
    /** `was`: this device's part before. */
    over: {
        readonly call: LiveCall;
        readonly was: CallPart;
        readonly end: CallEnd;
    };
    /** Pictures or sounds came or went. */
    media: {
        readonly call: string;
    };
    quality: {
        readonly call: string;
        readonly quality: FrameQuality;
        readonly grade: Grade;
    };
    /** Something could not be had: a microphone that is denied, a connection that does not come about. */
    trouble: {
        readonly call: string;
        readonly trouble: MediaTrouble | {
            readonly source: "connection";
            readonly why: string;
        };
    };
}
