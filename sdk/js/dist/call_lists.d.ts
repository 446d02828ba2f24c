import { type Http } from "./http.js";
export interface CallPartyItem {
    readonly user: string;
    readonly state: string;
    /** 0: it did not answer. */
    readonly answered_at_ms: number;
    readonly in_call_ms: number;
}
/** A time is 0 where the thing did not happen. `parties`: all or some of the `parties_count`. `quality`: this user's own. */
export interface EndedCall {
    readonly call: string;
    readonly conversation: string;
    readonly call_kind: "one_to_one" | "group";
    readonly media: "audio" | "video";
    readonly caller: string;
    readonly outcome: "missed" | "rejected" | "busy" | "ended" | "failed";
    readonly reason: string;
    readonly requested_at_ms: number;
    readonly answered_at_ms: number;
    readonly connected_at_ms: number;
    readonly ended_at_ms: number;
    readonly ring_ms: number;
    readonly talk_ms: number;
    readonly parties: readonly CallPartyItem[];
    readonly parties_count: number;
    readonly quality: {
        readonly loss_ratio: number;
        readonly rtt_ms: number;
        readonly jitter_ms: number;
        readonly bitrate_kbps: number;
    } | null;
}
/** `next`: ask with `after` for older ones. */
export interface CallPage {
    readonly calls: readonly EndedCall[];
    readonly next: string | null;
}
export declare class CallLists {
    private readonly http;
    constructor(http: Http);
    /** In which this user was, or for which it was rung. */
    own(after?: string | null, limit?: number): Promise<CallPage>;
    ofConversation(conversation: string, after?: string | null, limit?: number): Promise<CallPage>;
}
