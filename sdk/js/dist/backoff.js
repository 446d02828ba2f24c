// How long to wait before the next attempt. Pure.
/**
 * Full jitter: uniform in [0, min(cap, base * 2^attempt)), so that the devices of a node that died do not come back together.
 */
export function backoffMs(attempt, random, rules) {
    return Math.floor(random() * Math.min(rules.cap_ms, rules.base_ms * 2 ** Math.min(attempt, 30)));
}
