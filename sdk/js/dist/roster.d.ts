import type { Roster as RosterFrame, RosterEntry } from "./frames.js";
import type { RosterPage } from "./friends.js";
/** What survives a restart of the application. */
export interface SavedRoster {
    readonly version: string;
    readonly entries: readonly RosterEntry[];
}
export declare class Roster {
    /** Everything up to here is known; empty: nothing is. */
    version: string;
    private known;
    /** Users that the edge told of since the sync began. */
    private readonly fresh;
    private syncing;
    /** Whom the pages of a full sync named so far; null: it is one of changes. */
    private named;
    get(user: string): RosterEntry | undefined;
    get size(): number;
    /** Whether it is the whole, as of `version`. */
    get complete(): boolean;
    /** Shape: in no order; friends, and everybody else about whom something is to be said. */
    entries(): RosterEntry[];
    friends(): RosterEntry[];
    /** Who waits for an answer of this user. */
    asking(): RosterEntry[];
    restore(saved: SavedRoster): void;
    saved(): SavedRoster;
    /** A sync begins, on this connection; the version to ask since. */
    begin(): string;
    /** A page of it. The entries that are new to this device. */
    page(page: RosterPage): RosterEntry[];
    /** What the edge told in between. The entries that are new to this device. */
    live(frame: RosterFrame): RosterEntry[];
    private finish;
    private put;
}
