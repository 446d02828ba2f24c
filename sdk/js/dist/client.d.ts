import type { CallsOptions } from "./call_api.js";
import { Calls } from "./calls.js";
import { Core, type CoreRules, type NewCommand } from "./core.js";
import type { Acked, Refused, Source, StateChanged } from "./effects.js";
import { type Listener } from "./emitter.js";
import { WarblerError, type SignedOutWhy } from "./errors.js";
import { PushOffer, type DeviceContent, type DirectoryEntry, type EventItem, type FrameSettings, type HistoryPage, type PresenceEntry, type Receipt, type ReceiptCounts, type ReceiptsPage, type SendMessage, type Signalled, type UserTyping, type Welcome } from "./frames.js";
import { Friends } from "./friends.js";
import { Groups } from "./groups.js";
import type { Fetch } from "./http.js";
import type { Pending } from "./outbox.js";
import { Roster } from "./roster.js";
import { Rest } from "./rest.js";
import { type RosterHeard } from "./roster_keeper.js";
import { type KeyValueStore } from "./storage.js";
import { Stream } from "./stream.js";
import { Ways, type Entry, type SignedIn } from "./ways.js";
/** What is used of a WebSocket: the browser's, or that of the package `ws`. */
export interface Socket {
    onopen: ((event: never) => void) | null;
    onmessage: ((event: never) => void) | null;
    onclose: ((event: never) => void) | null;
    onerror: ((event: never) => void) | null;
    send(data: string): void;
    close(): void;
}
export type SocketConstructor = new (url: string, protocols: string[]) => Socket;
export interface ClientOptions {
    /** The edge's address, like "http://127.0.0.1:8480", or several: after a connection is lost the next one is tried. */
    readonly url: string | readonly string[];
    /** Where REST calls go, if not to the edge of the socket: a browser lets a page call only where it came from. */
    readonly rest_url?: string;
    /** Needed where there is no global one (Node 20). */
    readonly WebSocket?: SocketConstructor;
    readonly fetch?: Fetch;
    /** Keeps the sign-in, the device's id, positions and unacked commands; like window.localStorage. Default: memory. */
    readonly storage?: KeyValueStore;
    readonly device?: string;
    /** What the user sees in its list of devices, like "Firefox on Linux". */
    readonly device_name?: string;
    readonly platform?: "web" | "ios" | "android" | "desktop" | "bot";
    /** Name and version of the application, for operators. */
    readonly agent?: string;
    /** A push token that the application has already, registered with every hello: the event `welcome` says what became of it. */
    readonly push?: PushOffer;
    readonly rules?: Partial<CoreRules>;
    /** Devices and limits of calls. */
    readonly calls?: CallsOptions;
}
export interface HeardEvent {
    readonly conversation: string;
    readonly event: EventItem;
    readonly source: Source;
}
export interface ClientEvents {
    event: HeardEvent;
    ack: Acked;
    reject: Refused;
    /** A command was taken; it is in `pending` until its ack or reject. */
    queued: {
        readonly key: number;
    };
    state: StateChanged;
    welcome: Welcome;
    directory: {
        readonly entries: readonly DirectoryEntry[];
        readonly complete: boolean;
    };
    typing: UserTyping;
    /** How far somebody got; of the own user, what any device of it marked. */
    receipt: Receipt;
    /** Follows `watchReceipts`. */
    counts: ReceiptCounts;
    /** Follows `watchPresence`. */
    presence: readonly PresenceEntry[];
    /** Friends, requests, blocks, aliases: what changed, and whether invitations did. */
    roster: RosterHeard;
    /** An ephemeral message: no event, in no history. */
    signalled: Signalled;
    /** The node is going to stop: the client comes back to another one within `after_ms`; nothing is to be done. */
    moving: {
        readonly after_ms: number;
    };
    /** Events that will not come: their records are damaged, or they are from before the user came and not for newcomers. */
    missing: {
        readonly conversation: string;
        readonly seqs: readonly number[];
    };
    /** Positions are void (of one conversation, or all): what was shown is to be read again. */
    reset: {
        readonly conversation: string | null;
    };
    signed_out: {
        readonly reason: string;
        readonly why: SignedOutWhy;
    };
}
export type Sent = Omit<Acked, "kind" | "key" | "frame"> & {
    readonly id: string;
};
export interface SendOptions {
    readonly reply_to?: number;
    readonly mentions?: readonly string[];
    /** Kept in the list of announcements; needs the permission. */
    readonly announcement?: boolean;
    /** An "ephemeral" message is no event, and its seq is 0. Default: what is usual in the conversation. */
    readonly qos?: NonNullable<SendMessage["qos"]>;
}
export interface ReceiptsWanted {
    readonly state?: ReceiptState;
    /** False: those who have not got so far. */
    readonly has?: boolean;
    readonly limit?: number;
}
type ReceiptState = "delivered" | "read" | "played";
export interface Waiter<T> {
    readonly resolve: (value: T) => void;
    readonly reject: (error: WarblerError) => void;
}
export declare class Client {
    private readonly options;
    readonly rest: Rest;
    readonly device: string;
    /** Signing in, by each method. */
    readonly ways: Ways;
    /** Requests, answers, blocks; what is read of people is in `rest.friends`. */
    readonly friends: Friends<Sent>;
    /** Members, roles, mutes, bans, links; what is read of groups is in `rest.groups`. */
    readonly groups: Groups<Sent>;
    /** Voice and video: needs a browser's WebRTC. */
    readonly calls: Calls;
    private readonly rosterKeeper;
    private readonly emitter;
    private readonly store;
    private readonly signin;
    private readonly commands;
    private readonly reads;
    private readonly urls;
    private turn;
    private readonly syncs;
    private readonly streams;
    private readonly ids;
    private core;
    private socket;
    private opening;
    private timer;
    private timer_at_ms;
    private save_timer;
    private readonly effects;
    private performing;
    constructor(options: ClientOptions);
    /** Who is signed in, also from an earlier run with the same storage. */
    get signedIn(): SignedIn | null;
    /** An access token that is good for a while, for calls that are not made here: an `Admin`'s. Raises: SignedOut, Unreachable. */
    token(): Promise<string>;
    register(name: string, password: string): Promise<Entry>;
    /** By name and password; the other ways are in `ways`. A second factor may be needed: then `ways.factor` ends it. */
    login(name: string, password: string): Promise<Entry>;
    /** Takes tokens that came another way, like an administrator's. */
    useSignIn(signed_in: SignedIn): SignedIn;
    /** Ends the session and forgets the sign-in, the positions and what was not sent. */
    logout(): Promise<void>;
    /** Connects, and again after every loss, until `close` or `logout`. Raises: SignedOut when nobody is signed in. */
    connect(): void;
    /** Does not wait for the back-off to end: call it when the network is back, or when the user asks. */
    retryNow(): void;
    /** Ends the session. What is under way is rejected with ClientClosed; unacked commands are kept for the next run. */
    close(): void;
    /** The edge's address where it is connected, or will be next. */
    get url(): string;
    get phase(): Core["phase"];
    /** Where this device stands. Shape: conversation -> next seq. */
    get positions(): ReadonlyMap<string, number>;
    /** Commands without an answer, oldest first; of one conversation, or all. */
    pending(conversation?: string): Pending[];
    on<K extends keyof ClientEvents>(name: K, listener: Listener<ClientEvents[K]>): () => void;
    /** Events from now on, as an async iterator that ends with `close`; each conversation's dense by seq. Raises: Overflow. */
    events(): Stream<HeardEvent>;
    [Symbol.asyncIterator](): Stream<HeardEvent>;
    send(conversation: string, content: string | DeviceContent, options?: SendOptions): Promise<Sent>;
    edit(conversation: string, target_seq: number, content: string | DeviceContent, mentions?: readonly string[]): Promise<Sent>;
    recall(conversation: string, target_seq: number): Promise<Sent>;
    react(conversation: string, target_seq: number, reaction: string): Promise<Sent>;
    unreact(conversation: string, target_seq: number, reaction: string): Promise<Sent>;
    /** The conversation with one other user: the one there is, or a new one. */
    direct(user: string): Promise<string>;
    /** `settings`: private, by invitation, with the whole history for newcomers, unless they say otherwise. */
    createGroup(title: string, users: readonly string[], kind?: "group" | "channel", settings?: FrameSettings): Promise<string>;
    /** Any command, as a frame without its id. */
    command(frame: NewCommand): Promise<Sent>;
    /** Marks as read up to a message, by its seq and ordinal; does nothing when it was read before. */
    markRead(conversation: string, seq: number, ordinal: number): void;
    /** Tells the others that the user types, or stopped. May be lost. */
    typing(conversation: string, typing: boolean): void;
    /** Listened or looked to the end. */
    markPlayed(conversation: string, seq: number): void;
    /** Shown by a push, not opened. */
    markPreviewed(conversation: string, seq: number): void;
    /** Kept for later, from `seq` on; 0 takes it back. The user's devices hear of it by `receipt`. */
    markUnread(conversation: string, seq: number): void;
    /** How these users and the members of these conversations are; changes come by `presence`. Raises: RequestFailed (too_many). */
    watchPresence(users: readonly string[], conversations?: readonly string[]): Promise<readonly PresenceEntry[]>;
    /** How many have got as far as `seq`, by `counts`; 0 ends it. */
    watchReceipts(conversation: string, seq: number): void;
    /** Whether the user is away from this device, and the user's status line (absent: as it was; empty: none). */
    setPresence(away: boolean, status?: string): void;
    /** Messages as they stand now, below `before_seq` or the newest. Raises: RequestFailed, ClientClosed. */
    history(conversation: string, before_seq?: number | null, limit?: number): Promise<HistoryPage>;
    /** Pages of members who have (or have not) got as far as `seq`; one may be empty and not be the last. Raises: as `history`. */
    receipts(conversation: string, seq: number, wanted?: ReceiptsWanted): AsyncGenerator<ReceiptsPage, void>;
    /** Friends, requests, blocks and notes, kept up to date from now on; what changes is told by `roster`. */
    followRoster(): Roster;
    private ask;
    /**
     * Resolves when every event up to the conversation's head was handed out. With `from_seq`, from there on once more.
     *
     * Raises: RequestFailed (not a member), ClientClosed.
     */
    sync(conversation: string, from_seq?: number | null): Promise<void>;
    /** Reads the directory again: how the conversations stand now, by the event `directory`. */
    refreshDirectory(): void;
    /** Writes positions and unacked commands to the storage now, not in a moment: before the page goes. */
    save(): void;
    /** Performs effects in order; those that a listener causes come after. */
    private apply;
    private perform;
    private hear;
    private onAcked;
    private onRefused;
    private takeRead;
    private takeSyncs;
    private open;
    /** From here until `detach` only this socket is heard. */
    private attach;
    /** Somebody ended this sign-in: the tokens are worth nothing any more. What was not sent is kept, for who signs in again. */
    private signedOut;
    private read;
    private write;
    private detach;
    private arm;
    private callPort;
    private keptDevice;
}
export {};
