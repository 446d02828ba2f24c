import type { Roster as RosterFrame, RosterEntry } from "./frames.js";
import type { FriendCalls } from "./friends.js";
import { Roster } from "./roster.js";
import { type KeyValueStore } from "./storage.js";
/** `entries`: those that are new or changed. `complete`: a sync has ended, also where nothing was new. */
export interface RosterHeard {
    readonly entries: readonly RosterEntry[];
    readonly invitations: boolean;
    readonly complete: boolean;
}
export declare class RosterKeeper {
    private readonly calls;
    private readonly store;
    private readonly tell;
    private roster;
    private user;
    private turn;
    private retry;
    private keep;
    constructor(calls: Pick<FriendCalls, "rosterPage">, store: KeyValueStore, tell: (heard: RosterHeard) => void);
    follow(user: string, online: boolean): Roster;
    /** A session begins: what changed while there was none is read. */
    welcome(): void;
    live(frame: RosterFrame): void;
    forget(user: string): void;
    private sync;
    private later;
}
