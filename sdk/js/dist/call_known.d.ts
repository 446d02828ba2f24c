import type { CallRules } from "./call_rules.js";
import type { CallPart, Flow, LinkId, LiveCall } from "./call_state.js";
import type { CallRing, CallShown, CallTicket, CallTracksChanged } from "./call_words.js";
/** Everything known of one call. `quiet`: the ring of a call that met this device's own request, which its answer decides. */
export interface Known {
    call: string;
    conversation: string;
    caller: string;
    call_kind: CallRing["call_kind"];
    media: CallRing["media"];
    part: CallPart;
    deadline_ms: number;
    knock: boolean;
    quiet: boolean;
    shown: LiveCall["shown"];
    engine_kind: LiveCall["engine_kind"];
    flow: Flow;
    speakers: LiveCall["speakers"];
    tracks: Map<string, CallTracksChanged["tracks"]>;
    limits: LiveCall["limits"];
    ticket: CallTicket | null;
    opened: LinkId | null;
    opened_ms: number;
    wanted: {
        generation: number;
        at_ms: number;
    } | null;
    restarts: number;
    renew_at_ms: number;
}
/** A call of which nothing is known yet but what it is. */
export declare function unknown(call: string, conversation: string, caller: string, call_kind: CallRing["call_kind"], media: CallRing["media"]): Known;
/** When a ring ends by itself. */
export declare const silentAt: (known: Known) => number;
/** When a ticket is asked for again. */
export declare const wantAt: (known: Known, rules: CallRules) => number;
/** When this device says that it is there: before an answer, and where no engine says so. */
export declare function renewAt(known: Known): number;
/** When connections have taken too long. From the second try on each may take twice as long: a busy machine needs time, not more to do. */
export declare function brokenAt(known: Known, rules: CallRules): number;
export declare const dueAt: (known: Known, rules: CallRules) => number;
export type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
export declare const same: (one: LinkId | null, other: LinkId) => boolean;
export declare const newer: (one: LinkId, other: LinkId) => boolean;
export declare const linkOf: (ticket: CallTicket) => LinkId;
/** The call as it is once the user has left it: nobody who is out of a call is told more of it. */
export declare function without(shown: CallShown, user: string): CallShown;
/** A copy that does not change any more. */
export declare function view(known: Known): LiveCall;
