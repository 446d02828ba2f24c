// Reads that are under way (sync, history, directory, receipts, presence): a few at a time, asked again after a loss, a refusal or a silence. Pure.
export const REQUESTS_AT_ONCE = 4; // the edge serves 8 a session; a tab's neighbour may share it
export const ANSWER_TIMEOUT_MS = 15_000;
export const TRIES_LIMIT = 8;
const RETRY_FLOOR_MS = 100;
export class Requests {
    asked = new Map();
    flying_count = 0;
    get size() {
        return this.asked.size;
    }
    has(request) {
        return this.asked.has(request);
    }
    add(frame, not_before_ms) {
        this.asked.set(frame.request, { frame, flying: false, tries: 0, at_ms: not_before_ms });
    }
    /** The request that this answer belongs to, which is done; undefined if it was answered before. */
    take(request) {
        const asked = this.asked.get(request);
        if (asked !== undefined) {
            if (asked.flying)
                this.flying_count -= 1;
            this.asked.delete(request);
        }
        return asked;
    }
    /** A refusal that says to come back: true if it will be asked again, false if it was the last try. */
    putOff(asked, failure, now_ms, random) {
        if (!failure.retryable || asked.tries >= TRIES_LIMIT)
            return false;
        const wait_ms = Math.max(failure.retry_after_ms, RETRY_FLOOR_MS) * (1 + random());
        this.asked.set(asked.frame.request, { ...asked, flying: false, at_ms: now_ms + wait_ms });
        return true;
    }
    /** What is to be sent now. */
    due(now_ms) {
        const frames = [];
        for (const asked of this.asked.values()) {
            if (asked.flying && now_ms - asked.at_ms >= ANSWER_TIMEOUT_MS)
                this.land(asked, now_ms);
            if (this.flying_count >= REQUESTS_AT_ONCE)
                continue;
            if (asked.flying || asked.at_ms > now_ms)
                continue;
            asked.flying = true;
            asked.at_ms = now_ms;
            asked.tries += 1;
            this.flying_count += 1;
            frames.push(asked.frame);
        }
        return frames;
    }
    /** The connection is gone. Syncs are forgotten (the next hello carries the positions), the others asked again. */
    landAll(now_ms) {
        for (const [request, asked] of this.asked) {
            if (asked.flying)
                this.land(asked, now_ms);
            if (asked.frame.type === "sync")
                this.asked.delete(request);
        }
    }
    /** When `due` has something new to say, at the earliest. */
    nextMs() {
        let next = Infinity;
        for (const asked of this.asked.values()) {
            if (asked.flying)
                next = Math.min(next, asked.at_ms + ANSWER_TIMEOUT_MS);
            else if (this.flying_count < REQUESTS_AT_ONCE)
                next = Math.min(next, asked.at_ms);
        }
        return next;
    }
    land(asked, now_ms) {
        asked.flying = false;
        asked.at_ms = now_ms;
        this.flying_count -= 1;
    }
}
