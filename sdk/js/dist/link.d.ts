import { type BackoffRules } from "./backoff.js";
import type { Random } from "./ids.js";
export declare class Link {
    private readonly random;
    private readonly rules;
    attempt: number;
    /** The node stops: when this device leaves it. */
    leave_ms: number;
    private moving;
    private stay_away_ms;
    constructor(random: Random, rules: BackoffRules);
    opened(): void;
    move(after_ms: number, now_ms: number): void;
    busy(retry_after_ms: number): void;
    /** When to connect again. `online_ms`: how long the connection that was lost had been online. */
    lost(online_ms: number, now_ms: number): number;
}
