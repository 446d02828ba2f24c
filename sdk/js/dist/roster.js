// The user's roster: friends, requests, blocks and notes, as far as this device has heard. Pure.
//
// Rule 1: versions are opaque and none is compared: the newest word of the edge counts, entries come whole and in order.
// Rule 2: what was told live since a sync began is not replaced by its pages, which may be older; if they are newer, that is told live too.
// Rule 3: while pages of a sync are missing, `version` stays: after a loss the sync begins again from there.
export class Roster {
    /** Everything up to here is known; empty: nothing is. */
    version = "";
    known = new Map();
    /** Users that the edge told of since the sync began. */
    fresh = new Set();
    syncing = true;
    /** Whom the pages of a full sync named so far; null: it is one of changes. */
    named = null;
    get(user) {
        return this.known.get(user);
    }
    get size() {
        return this.known.size;
    }
    /** Whether it is the whole, as of `version`. */
    get complete() {
        return !this.syncing;
    }
    /** Shape: in no order; friends, and everybody else about whom something is to be said. */
    entries() {
        return [...this.known.values()];
    }
    friends() {
        return this.entries().filter((entry) => entry.relation === "friends");
    }
    /** Who waits for an answer of this user. */
    asking() {
        return this.entries().filter((entry) => entry.relation === "asked");
    }
    restore(saved) {
        this.version = saved.version;
        this.known = new Map(saved.entries.map((entry) => [entry.user, entry]));
    }
    saved() {
        return { version: this.version, entries: this.entries() };
    }
    /** A sync begins, on this connection; the version to ask since. */
    begin() {
        this.syncing = true;
        this.named = null;
        this.fresh.clear();
        return this.version;
    }
    /** A page of it. The entries that are new to this device. */
    page(page) {
        if (page.full)
            this.named ??= new Set();
        for (const entry of page.entries)
            this.named?.add(entry.user);
        const changed = page.entries.filter((entry) => !this.fresh.has(entry.user) && this.put(entry));
        if (page.next === null)
            this.finish(page.version);
        return changed;
    }
    /** What the edge told in between. The entries that are new to this device. */
    live(frame) {
        const entries = frame.entries ?? [];
        for (const entry of entries)
            this.fresh.add(entry.user);
        if (!this.syncing)
            this.version = frame.version;
        return entries.filter((entry) => this.put(entry));
    }
    finish(version) {
        const { named } = this;
        if (named !== null)
            // what a full roster does not name is no more, unless it came since
            for (const user of this.known.keys())
                if (!named.has(user) && !this.fresh.has(user))
                    this.known.delete(user);
        this.version = version;
        this.named = null;
        this.syncing = false;
    }
    put(entry) {
        const known = this.known.get(entry.user);
        this.known.set(entry.user, entry);
        return JSON.stringify(known) !== JSON.stringify(entry);
    }
}
