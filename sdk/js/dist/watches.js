// What this session asked to be told of, and what it said of itself: said again on every new connection. Pure.
export class Watches {
    /** Whose presence is wanted; null: nobody's. */
    presence = null;
    receipts = new Map();
    own = null;
    note(frame) {
        if (frame.type === "set_presence")
            this.own = { ...frame, status: frame.status ?? this.own?.status ?? null };
        else if (frame.seq === 0)
            this.receipts.delete(frame.conversation);
        else
            this.receipts.set(frame.conversation, frame.seq);
    }
    /** The status line was told: another device may change it now, and it is not to be said again. */
    sent() {
        if (this.own !== null)
            this.own = { ...this.own, status: null };
    }
    /** For a new connection, but for the presence, which is a request. */
    again() {
        const frames = [...this.receipts].map(([conversation, seq]) => ({ type: "watch_receipts", conversation, seq }));
        const { own } = this;
        if (own !== null && (own.away || own.status != null))
            frames.push(own);
        this.sent();
        return frames;
    }
}
