// When to leave a connection and when to come back after it. Pure.
//
// Rule: coming back because the edge asked (`move`, `busy`) is no failure: it does not lengthen the back-off.
import { backoffMs } from "./backoff.js";
const STEADY_MS = 5_000; // a connection that lived this long was a good one
const MOVE_SPREAD = 0.2; // a device leaves within the last fifth of the time it was given, so that a wave has no edge
const BUSY_SPREAD = 0.25;
export class Link {
    random;
    rules;
    attempt = 0;
    /** The node stops: when this device leaves it. */
    leave_ms = Infinity;
    moving = false;
    stay_away_ms = null;
    constructor(random, rules) {
        this.random = random;
        this.rules = rules;
    }
    opened() {
        this.leave_ms = Infinity;
        this.moving = false;
        this.stay_away_ms = null;
    }
    move(after_ms, now_ms) {
        this.leave_ms = now_ms + after_ms * (1 - MOVE_SPREAD * this.random());
        this.moving = true;
    }
    busy(retry_after_ms) {
        this.stay_away_ms = retry_after_ms;
    }
    /** When to connect again. `online_ms`: how long the connection that was lost had been online. */
    lost(online_ms, now_ms) {
        const { stay_away_ms, leave_ms, moving } = this;
        this.opened();
        if (stay_away_ms !== null)
            return now_ms + stay_away_ms * (1 + BUSY_SPREAD * this.random());
        if (online_ms >= STEADY_MS || moving)
            this.attempt = 0;
        // a node that went before its time is as gone as any other: no longer away than after a crash
        if (moving)
            return Math.max(now_ms, Math.min(leave_ms, now_ms + backoffMs(0, this.random, this.rules)));
        return now_ms + backoffMs(this.attempt++, this.random, this.rules);
    }
}
