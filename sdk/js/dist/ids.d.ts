/** A random number in [0, 1), like Math.random. */
export type Random = () => number;
/**
 * Makes ids that ascend even within one millisecond or when the clock steps back (RFC 9562 6.2, method 1: a counter in rand_a).
 */
export declare class IdMaker {
    private readonly random;
    private last_ms;
    private counter;
    constructor(random: Random);
    next(now_ms: number): string;
}
/** The time in a UUIDv7, in ms since the Unix epoch. */
export declare function idMs(id: string): number;
