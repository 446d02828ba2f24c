import type { CallCommandFrame, CommandFrame } from "./frames.js";
export type AnyCommand = CommandFrame | CallCommandFrame;
/** One command. `key` names it on this device; its `frame.id` changes only when it surely was not accepted under the old one. */
export interface Pending {
    readonly key: number;
    frame: AnyCommand;
    /** The connection that first carried this id; null: none yet; 0: one of an earlier run. */
    first_connection: number | null;
    /** It was sent on this connection and is not answered. */
    flying: boolean;
    sent_at_ms: number;
    /** Refused as stale after an earlier connection may have carried it: waits for a sync that shows whether it was accepted. */
    checking: boolean;
    renewals: number;
}
export declare class Outbox {
    private readonly entries;
    private readonly keys;
    private next_key;
    flying_count: number;
    get size(): number;
    [Symbol.iterator](): IterableIterator<Pending>;
    add(frame: AnyCommand, first_connection?: number | null): Pending;
    get(key: number): Pending | undefined;
    byId(id: string): Pending | undefined;
    remove(entry: Pending): void;
    fly(entry: Pending, connection: number, now_ms: number): void;
    land(entry: Pending): void;
    /** The connection is gone: everything is to be sent again, with the same ids. */
    landAll(): void;
    /** A new id, for a command that was not accepted under its old one. */
    renew(entry: Pending, id: string): void;
    /** Replaces what an unsent command asks, for commands that overtake each other (mark_read). */
    replace(entry: Pending, frame: AnyCommand): void;
}
