import type { Mark } from "./frames.js";
export type MarkState = Mark["state"];
/** Shape: [conversation, state, up_to_seq]. */
export type SavedMark = readonly [string, MarkState, number];
export declare const TOLD_AGAIN_MS = 60000;
export declare class Marks {
    private readonly pause_ms;
    private readonly waiting;
    /** The longest ago first. */
    private readonly told;
    private due_ms;
    /** `pause_ms`: how long a mark waits for others. */
    constructor(pause_ms: number);
    note(conversation: string, state: MarkState, up_to_seq: number, now_ms: number): void;
    /** What is to be told now, each place once. */
    due(now_ms: number): Mark[];
    /** Everything that waits. */
    all(now_ms: number): Mark[];
    nextMs(): number;
    connectionLost(now_ms: number): void;
    /** Of one conversation that cannot be read any more, or all: the log changed, and seqs mean other events now. */
    forget(conversation: string | null): void;
    /** What would be told again on a new connection. */
    saved(): SavedMark[];
    private forgetTold;
}
