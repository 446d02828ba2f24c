import { type CallRules } from "./call_rules.js";
import type { CallEffect, Flow, LinkId, LiveCall } from "./call_state.js";
import type { CallNews } from "./effects.js";
import type { CallCandidateCame, CallRing, CallSpeaking } from "./call_words.js";
/** What the core hears; candidates go to the connections alone. */
export type CallFrame = Exclude<CallNews, CallCandidateCame>;
export interface Asked {
    readonly call: string;
    readonly conversation: string;
    readonly call_kind?: CallRing["call_kind"];
    readonly media: CallRing["media"];
}
export declare class CallCore {
    readonly user: string;
    readonly device: string;
    private readonly rules;
    private readonly calls;
    private readonly over;
    private out;
    constructor(user: string, device: string, rules?: CallRules);
    get(call: string): LiveCall | undefined;
    all(): LiveCall[];
    /** This device wants to be in the call: it requests, accepts or joins it. */
    asks(asked: Asked, now_ms: number): CallEffect[];
    /** The answer to `asks`: `call` is another one where two called each other, and the other's came first. */
    granted(asked: string, call: string, now_ms: number): CallEffect[];
    refused(asked: string): CallEffect[];
    /** The user is not to be rung by this call here any more: rejected, or answered in another way. */
    silenced(call: string): CallEffect[];
    /** The user is out of it, or ends it. */
    gone(call: string, for_all: boolean): CallEffect[];
    /** It stands in its conversation as a call that was. */
    noted(call: string): CallEffect[];
    /** New connections: the network has changed, or the session moved to another edge. */
    restart(call: string, now_ms: number): CallEffect[];
    /** A session has begun: what was under way over the one before may be lost. */
    welcomed(now_ms: number): CallEffect[];
    /** The state of a pair of connections. */
    linked(call: string, link: LinkId, flow: Flow, now_ms: number): CallEffect[];
    /** Who speaks in a call without an engine: there this device listens itself. */
    speaking(call: string, speakers: CallSpeaking["speakers"]): CallEffect[];
    frame(frame: CallFrame, now_ms: number): CallEffect[];
    tick(now_ms: number): CallEffect[];
    nextMs(): number;
    private onRing;
    private ringNow;
    private onStop;
    private stopRing;
    private onChanged;
    private onOver;
    /** Over for this device; `goes_on`: for others it is not. */
    private end;
    private onTracks;
    private onSpeaking;
    private onLimits;
    private onTicket;
    /** Between two without an engine, nothing is offered before the other has accepted: a ringing device takes no offers. */
    private openIfDue;
    private open;
    /** Of a call without an engine: the other has new connections, so ours are of no use. The higher generation counts for both. */
    private onDescribed;
    private onRefused;
    private broken;
    private want;
    private toEngine;
    private renew;
    private add;
    /** The other's call came first: ours is that one now, also where it rings here already. */
    private rename;
    private forget;
    private command;
    private tell;
    private flush;
}
