import type { DirectoryRequest, Failure, History, Receipts, Sync, WatchPresence } from "./frames.js";
import type { Random } from "./ids.js";
export declare const REQUESTS_AT_ONCE = 4;
export declare const ANSWER_TIMEOUT_MS = 15000;
export declare const TRIES_LIMIT = 8;
export type Read = Sync | History | DirectoryRequest | Receipts | WatchPresence;
export interface Asked {
    readonly frame: Read;
    flying: boolean;
    tries: number;
    /** When flying: when it was sent. Otherwise: not to be sent before this. */
    at_ms: number;
}
export declare class Requests {
    private readonly asked;
    private flying_count;
    get size(): number;
    has(request: string): boolean;
    add(frame: Read, not_before_ms: number): void;
    /** The request that this answer belongs to, which is done; undefined if it was answered before. */
    take(request: string): Asked | undefined;
    /** A refusal that says to come back: true if it will be asked again, false if it was the last try. */
    putOff(asked: Asked, failure: Failure, now_ms: number, random: Random): boolean;
    /** What is to be sent now. */
    due(now_ms: number): Read[];
    /** The connection is gone. Syncs are forgotten (the next hello carries the positions), the others asked again. */
    landAll(now_ms: number): void;
    /** When `due` has something new to say, at the earliest. */
    nextMs(): number;
    private land;
}
