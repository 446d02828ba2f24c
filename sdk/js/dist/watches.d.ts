import type { SetPresence, WatchPresence, WatchReceipts } from "./frames.js";
export type Watched = Pick<WatchPresence, "users" | "conversations">;
export declare class Watches {
    /** Whose presence is wanted; null: nobody's. */
    presence: Watched | null;
    private readonly receipts;
    private own;
    note(frame: SetPresence | WatchReceipts): void;
    /** The status line was told: another device may change it now, and it is not to be said again. */
    sent(): void;
    /** For a new connection, but for the presence, which is a request. */
    again(): (SetPresence | WatchReceipts)[];
}
