import type { NewCommand } from "./core.js";
import type { RosterEntry } from "./frames.js";
import { type Http } from "./http.js";
/** `full`: everything, what is not in its pages is no more; else what changed since the asked version. */
export interface RosterPage {
    readonly version: string;
    readonly full: boolean;
    readonly entries: readonly RosterEntry[];
    readonly next: string | null;
}
export interface Invitation {
    readonly conversation: string;
    readonly title: string;
    /** Who did the last step. */
    readonly by: string;
    readonly state: "invited" | "applied" | "joined" | "declined" | "withdrawn";
    readonly reason: string;
    readonly at_ms: number;
}
export interface Invitations {
    readonly invitations: readonly Invitation[];
    readonly applications: readonly Invitation[];
}
/** The part of it that is REST. Raises (all calls): RestError, Unreachable. */
export declare class FriendCalls {
    private readonly http;
    constructor(http: Http);
    /** A page; `Client.roster` keeps the whole. */
    rosterPage(since: string, after?: string | null): Promise<RosterPage>;
    /** What the user calls this person, and how it sorts it; nobody else sees it. */
    note(user: string, alias: string, tags?: readonly string[]): Promise<void>;
    invitations(): Promise<Invitations>;
    /** Whether a message to this user would be taken now, and if not, why. */
    mayMessage(user: string): Promise<{
        readonly allowed: boolean;
        readonly code: string | null;
    }>;
    /** What this user asks of who wants to be its friend. */
    question(user: string): Promise<{
        readonly question: string | null;
        readonly requests: "everyone" | "question" | "nobody";
    }>;
}
type Command<T> = (frame: NewCommand) => Promise<T>;
/** The commands. Each resolves when it is committed. Raises: Rejected (blocked, already_friends, no_request, …), ClientClosed. */
export declare class Friends<T> {
    private readonly command;
    constructor(command: Command<T>);
    request(member: string, text?: string): Promise<T>;
    accept(member: string, text?: string): Promise<T>;
    decline(member: string, text?: string): Promise<T>;
    remove(member: string): Promise<T>;
    /** Holds for the very next message, call and look; the other is not told. */
    block(member: string): Promise<T>;
    unblock(member: string): Promise<T>;
}
export {};
