import type { FrameQuality } from "./frames.js";
/** What is used of an RTCStatsReport. */
export type StatsReport = Iterable<readonly [string, Readonly<Record<string, unknown>>]>;
/** Sums since a pair of connections began. Shape: times in ms; `rtt_ms` null: not measured yet. */
export interface Counted {
    readonly received: number;
    readonly lost: number;
    readonly jitter_ms: number;
    readonly rtt_ms: number | null;
    readonly bytes: number;
}
export type Grade = "good" | "fair" | "poor";
export declare const NOTHING: Counted;
/** Both connections' reports as one. The worst jitter and way count: they are what is heard. */
export declare function countedIn(reports: readonly StatsReport[]): Counted;
/** Follows one participant's call over all its connections. */
export declare class QualityMeter {
    private received;
    private lost;
    private bytes;
    private rtt_sum_ms;
    private rtt_count;
    private jitter_sum_ms;
    private count;
    private began_ms;
    private ended_ms;
    private last;
    /** New connections: their counts begin at zero. */
    renew(): void;
    /** One look. Shape: how it was since the look before. */
    note(counted: Counted, now_ms: number): FrameQuality;
    /** The whole call; null where nothing was ever counted. */
    total(): FrameQuality | null;
    private add;
}
/** What to show of it. */
export declare function gradeOf({ loss_ratio, rtt_ms, jitter_ms }: FrameQuality): Grade;
