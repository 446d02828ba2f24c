import type { BackoffRules } from "./backoff.js";
import type { Effect } from "./effects.js";
import { PushOffer, type CallSignalFrame, type CommandFrame, type FromEdge, type Limits, type Mark, type SetPresence, type WatchReceipts } from "./frames.js";
import { type Random } from "./ids.js";
import { type SavedMark } from "./marks.js";
import { Outbox, type AnyCommand } from "./outbox.js";
import { type Phase } from "./phases.js";
import { type Read } from "./requests.js";
import { Tracker } from "./tracker.js";
export interface CoreRules {
    readonly backoff: BackoffRules;
    /** For opening the socket, and again for the welcome. */
    readonly connect_timeout_ms: number;
    /** How long silence may last while something is unanswered before the link is probed, and after the probe until it is dropped. */
    readonly silence_ms: number;
    /** An unanswered command is sent again on the same connection after this long; its id makes that harmless. */
    readonly resend_ms: number;
    readonly commands_at_once: number;
    /** How long a mark waits for others before it is told. */
    readonly marks_ms: number;
    /** False: commands and reads only, no live events, and nothing to acknowledge. */
    readonly follow: boolean;
}
export declare const DEFAULT_RULES: CoreRules;
/** What survives a restart of the application. Shape: `positions`: [next seq, ordinal, read ordinal]. */
export interface Saved {
    readonly epoch: string | null;
    readonly positions: Readonly<Record<string, readonly [number, number, number]>>;
    readonly outbox: readonly {
        readonly frame: CommandFrame;
        readonly sent: boolean;
    }[];
    readonly marks?: readonly SavedMark[];
}
type Omitted<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;
export type NewCommand = Omitted<AnyCommand, "id">;
export type NewRead = Omitted<Exclude<Read, {
    type: "sync";
}>, "request">;
export declare class Core {
    user: string;
    readonly device: string;
    readonly agent: string;
    private readonly random;
    private readonly rules;
    phase: Phase;
    readonly outbox: Outbox;
    readonly trackers: Map<string, Tracker>;
    epoch: string | null;
    limits: Limits | null;
    /** This device's push token, registered with every hello; the welcome's `push` says what became of it. */
    push: PushOffer | null;
    /** The server's clock minus ours, as the last welcome or pong told it. */
    clock_offset_ms: number;
    private clock_known;
    private readonly requests;
    private readonly syncs;
    private readonly seq_ahead;
    private readonly marks;
    private readonly watches;
    private presence_request;
    private readonly link;
    private readonly ids;
    private connection;
    private phase_since_ms;
    private retry_at_ms;
    private fresh_token;
    private heartbeat_ms;
    private sent_ms;
    /** Since when nothing was heard after something was sent. */
    private silent_since_ms;
    private probe_ms;
    private hold_until_ms;
    private request_count;
    private reason;
    private out;
    constructor(user: string, device: string, agent: string, random: Random, rules?: CoreRules);
    restore(saved: Saved): void;
    snapshot(): Saved;
    start(now_ms: number): Effect[];
    stop(now_ms: number): Effect[];
    /** Ends the wait for the next attempt: the network is back, or the user asks. */
    retryNow(now_ms: number): Effect[];
    /** Takes a command; the effect `queued` names its key. */
    command(command: NewCommand, now_ms: number): Effect[];
    /** Marks as read up to an event; does nothing unless that raises the mark. An unsent mark of the conversation is overtaken. */
    markRead(conversation: string, up_to_seq: number, up_to_ordinal: number, now_ms: number): Effect[];
    typing(conversation: string, typing: boolean, now_ms: number): Effect[];
    /** A signal of a call: may be lost. */
    callSignal(frame: CallSignalFrame, now_ms: number): Effect[];
    /** Coalesced; waits for a connection. */
    mark(conversation: string, state: Mark["state"], up_to_seq: number, now_ms: number): Effect[];
    /** Holds on every connection from now on, until another one takes its place. */
    watch(frame: SetPresence | WatchReceipts, now_ms: number): Effect[];
    /** Asks for something; answered by `answered` (the directory: by `directory`) or `failed` with the id that this names. */
    read(read: NewRead, now_ms: number): {
        readonly request: string;
        readonly effects: Effect[];
    };
    /** An older watch that is still under way could be answered after this one: it is given up. */
    private replaceWatch;
    /** Reads a conversation's events from `from_seq` on (else from where it stands), up to its head: answered by `synced`. */
    sync(conversation: string, from_seq: number | null, now_ms: number): Effect[];
    opened(token: string, now_ms: number): Effect[];
    /** The socket closed, by whomever. */
    closed(code: number, now_ms: number): Effect[];
    /** No socket could be opened, or no token be had. `final`: signing in is needed. */
    notOpened(reason: string, final: boolean, now_ms: number): Effect[];
    frame(frame: FromEdge, now_ms: number): Effect[];
    tick(now_ms: number): Effect[];
    /** When `tick` is due. Shape: ms of the same clock; Infinity: nothing is waited for. */
    nextMs(): number;
    private signal;
    private lost;
    private drop;
    /** What waits is told before the socket closes; commands that are not answered go on over the next one. */
    private moveAway;
    private disconnect;
    private welcome;
    private setClock;
    /** An id made before the server's clock was known, and never sent, is made anew. */
    private refreshId;
    private probeMs;
    private watchLink;
    private send;
    private onFrame;
    private onReceipt;
    /** The edge gave up events of this conversation, and perhaps the page that was asked for. */
    private onResync;
    private directory;
    private onAck;
    /** Something of this device happened there, and what it was is not known here. */
    private readUpTo;
    /** A read mark that made no event is told to the user's other devices as a receipt: to this one as well. */
    private withoutEvent;
    private settle;
    private onReject;
    private putOff;
    private onCallAck;
    /** A late call is not asked for again under a new id: who called would be rung by a wish of long ago. */
    private onCallRefused;
    private renew;
    private onEvent;
    private onPage;
    /** What came from `seq` on is acknowledged as far as it is held; a repeat too: its mark was lost, or it would not have come. */
    private markHeld;
    private handOut;
    private noteOwn;
    private newRequest;
    private needSync;
    private dropSync;
    /** Everything up to the head was seen: what waited to know whether it was accepted was not. */
    private caughtUp;
    private release;
    private watchHelloSyncs;
    private onFailure;
    private onSyncFailed;
    private window;
    private flush;
    private flushOutbox;
}
export {};
