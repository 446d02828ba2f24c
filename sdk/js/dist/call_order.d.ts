/** Puts what came into order, drops repeats, and passes over a gap that does not close. */
export declare class Ordered<T> {
    private next_seq;
    private readonly early;
    private since_ms;
    /** What can be used now, in order. */
    offer(seq: number, item: T, now_ms: number): T[];
    /** The same, when time has passed. */
    take(now_ms: number): T[];
    /** When `take` is due. Shape: Infinity: nothing is waited for. */
    nextMs(): number;
    private dense;
}
