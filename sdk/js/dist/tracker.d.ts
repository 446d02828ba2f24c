import type { EventItem, Page } from "./frames.js";
export declare const EARLY_EVENTS_LIMIT = 2000;
/** What became readable. Shape: `taken` dense and ascending from the old `next_seq`, but for `missing`. */
export interface Taken {
    readonly taken: readonly EventItem[];
    readonly missing: readonly number[];
    /** A later event is here whose predecessors are not. */
    readonly gap: boolean;
}
export declare class Tracker {
    next_seq: number;
    /** Messages up to and including the event before `next_seq`. */
    ordinal: number;
    /** Messages the user has read. */
    read_ordinal: number;
    /** False once the user is no member any more. */
    active: boolean;
    private readonly early;
    constructor(next_seq: number, ordinal?: number, read_ordinal?: number);
    offer(event: EventItem): Taken;
    /** The events of a page. A damaged record's seq is passed over and named in `missing`. */
    page(page: Page): Taken;
    /** Gives up what waits: after the log changed or the membership ended. */
    forgetEarly(): void;
    private drain;
}
