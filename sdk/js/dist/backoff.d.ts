import type { Random } from "./ids.js";
export interface BackoffRules {
    readonly base_ms: number;
    readonly cap_ms: number;
}
/**
 * Full jitter: uniform in [0, min(cap, base * 2^attempt)), so that the devices of a node that died do not come back together.
 */
export declare function backoffMs(attempt: number, random: Random, rules: BackoffRules): number;
