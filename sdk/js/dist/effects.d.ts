import type { CallAck, CallFromEdge, CallRefusal, DirectoryEntry, EventItem, Failure, FromDevice, HistoryPage, Presence, PresenceEntry, Receipt, ReceiptCounts, ReceiptsPage, Roster, Signalled, UserTyping, Welcome } from "./frames.js";
import type { AnyCommand } from "./outbox.js";
import type { Phase } from "./phases.js";
/** Where an event came from: while online, as the answer to an own command, or from a page that filled a gap. */
export type Source = "live" | "own" | "page";
/** `frame`: as the command was accepted, with its id. */
export interface Acked {
    readonly kind: "acked";
    readonly key: number;
    readonly frame: AnyCommand;
    readonly conversation: string;
    readonly seq: number;
    readonly ordinal: number;
    readonly at_ms: number;
    /** Of a command to a call: which it came to. */
    readonly call?: string;
}
export interface Refused {
    readonly kind: "refused";
    readonly key: number;
    readonly frame: AnyCommand;
    readonly conversation: string;
    readonly code: string;
    readonly detail: string;
    /** Of a command to a call: the whole answer. */
    readonly refusal?: CallRefusal;
}
/** `retry_at_ms`: of the phase `waiting`; `reason`: why it is not online. */
export interface StateChanged {
    readonly kind: "state";
    readonly phase: Phase;
    readonly retry_at_ms: number | null;
    readonly reason: string;
}
/** What calls hear beside the answers to their commands. */
export type CallNews = Exclude<CallFromEdge, CallAck | CallRefusal>;
export type Answer = HistoryPage | ReceiptsPage | Presence;
export type Effect = {
    readonly kind: "open";
    readonly fresh_token: boolean;
} | {
    readonly kind: "send";
    readonly frame: FromDevice;
} | {
    readonly kind: "close";
} | {
    readonly kind: "save";
} | {
    readonly kind: "event";
    readonly conversation: string;
    readonly event: EventItem;
    readonly source: Source;
} | {
    readonly kind: "missing";
    readonly conversation: string;
    readonly seqs: readonly number[];
} | {
    readonly kind: "synced";
    readonly conversation: string;
} | {
    readonly kind: "sync_failed";
    readonly conversation: string;
    readonly failure: Failure;
} | {
    readonly kind: "reset";
    readonly conversation: string | null;
} | {
    readonly kind: "welcome";
    readonly frame: Welcome;
} | {
    readonly kind: "directory";
    readonly entries: readonly DirectoryEntry[];
    readonly complete: boolean;
} | {
    readonly kind: "answered";
    readonly answer: Answer;
} | {
    readonly kind: "failed";
    readonly failure: Failure;
} | {
    readonly kind: "typing";
    readonly frame: UserTyping;
} | {
    readonly kind: "receipt";
    readonly frame: Receipt;
} | {
    readonly kind: "counts";
    readonly frame: ReceiptCounts;
} | {
    readonly kind: "presence";
    readonly users: readonly PresenceEntry[];
} | {
    readonly kind: "roster";
    readonly frame: Roster;
} | {
    readonly kind: "signalled";
    readonly frame: Signalled;
} | {
    readonly kind: "call";
    readonly frame: CallNews;
} | {
    readonly kind: "moving";
    readonly after_ms: number;
} | {
    readonly kind: "queued";
    readonly key: number;
    readonly frame: AnyCommand;
} | Acked | Refused | StateChanged;
