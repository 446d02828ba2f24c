// The signals of one leg in their order: dense by seq within an epoch and generation. Pure: time is an argument.
/** How many that came too early are kept; more than a pair of connections has candidates. */
const EARLY_LIMIT = 256;
/** A number that does not come was lost with a connection of ours; what follows it is of use all the same. */
const GAP_MS = 1_500;
/** Puts what came into order, drops repeats, and passes over a gap that does not close. */
export class Ordered {
    next_seq = 1;
    early = new Map();
    since_ms = null;
    /** What can be used now, in order. */
    offer(seq, item, now_ms) {
        if (seq >= this.next_seq && this.early.size < EARLY_LIMIT)
            this.early.set(seq, item);
        return this.take(now_ms);
    }
    /** The same, when time has passed. */
    take(now_ms) {
        const ready = this.dense();
        if (ready.length > 0 || this.early.size === 0)
            this.since_ms = null;
        if (this.early.size === 0)
            return ready;
        this.since_ms ??= now_ms;
        if (now_ms - this.since_ms < GAP_MS)
            return ready;
        this.next_seq = Math.min(...this.early.keys());
        this.since_ms = null;
        return [...ready, ...this.take(now_ms)];
    }
    /** When `take` is due. Shape: Infinity: nothing is waited for. */
    nextMs() {
        return this.since_ms === null ? Infinity : this.since_ms + GAP_MS;
    }
    dense() {
        const ready = [];
        for (let item = this.early.get(this.next_seq); item !== undefined; item = this.early.get(this.next_seq)) {
            this.early.delete(this.next_seq);
            this.next_seq += 1;
            ready.push(item);
        }
        return ready;
    }
}
