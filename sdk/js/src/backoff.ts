// How long to wait before the next attempt. Pure.

import type { Random } from "./ids.js";

export interface BackoffRules {
  readonly base_ms: number;
  readonly cap_ms: number;
}

/**
 * Full jitter: uniform in [0, min(cap, base * 2^attempt)), so that the devices of a node that died do not come back together.
 */
export function backoffMs(attempt: number, random: Random, rules: BackoffRules): number {
  return Math.floor(random() * Math.min(rules.cap_ms, rules.base_ms * 2 ** Math.min(attempt, 30)));
}
