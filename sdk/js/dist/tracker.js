// One conversation's position and what came too early. Pure.
//
// Rule: an event below `next_seq` is dropped, the one at `next_seq` is taken, a later one waits until the gap is filled.
export const EARLY_EVENTS_LIMIT = 2_000;
export class Tracker {
    next_seq;
    /** Messages up to and including the event before `next_seq`. */
    ordinal;
    /** Messages the user has read. */
    read_ordinal;
    /** False once the user is no member any more. */
    active = true;
    early = new Map();
    constructor(next_seq, ordinal = 0, read_ordinal = 0) {
        this.next_seq = next_seq;
        this.ordinal = ordinal;
        this.read_ordinal = read_ordinal;
    }
    offer(event) {
        // beyond the limit nothing early is kept: the sync that is under way brings it anyway
        const room = event.seq === this.next_seq || this.early.size < EARLY_EVENTS_LIMIT;
        if (event.seq >= this.next_seq && room)
            this.early.set(event.seq, event);
        return this.drain(new Set());
    }
    /** The events of a page. A damaged record's seq is passed over and named in `missing`. */
    page(page) {
        for (const event of page.events)
            if (event.seq >= this.next_seq)
                this.early.set(event.seq, event);
        return this.drain(new Set(page.missing ?? []));
    }
    /** Gives up what waits: after the log changed or the membership ended. */
    forgetEarly() {
        this.early.clear();
    }
    drain(damaged) {
        const taken = [];
        const missing = [];
        for (;;) {
            const event = this.early.get(this.next_seq);
            if (event !== undefined) {
                this.early.delete(event.seq);
                this.ordinal = event.ordinal;
                taken.push(event);
            }
            else if (damaged.has(this.next_seq)) {
                missing.push(this.next_seq);
            }
            else {
                break;
            }
            this.next_seq += 1;
        }
        for (const seq of this.early.keys())
            if (seq < this.next_seq)
                this.early.delete(seq);
        return { taken, missing, gap: this.early.size > 0 };
    }
}
