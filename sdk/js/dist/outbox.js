// Commands that are not answered yet, in the order they were given. Pure.
export class Outbox {
    entries = new Map();
    keys = new Map();
    next_key = 1;
    flying_count = 0;
    get size() {
        return this.entries.size;
    }
    [Symbol.iterator]() {
        return this.entries.values();
    }
    add(frame, first_connection = null) {
        const entry = { key: this.next_key++, frame, first_connection, flying: false, sent_at_ms: 0, checking: false, renewals: 0 };
        this.entries.set(entry.key, entry);
        this.keys.set(frame.id, entry.key);
        return entry;
    }
    get(key) {
        return this.entries.get(key);
    }
    byId(id) {
        const key = this.keys.get(id);
        return key === undefined ? undefined : this.entries.get(key);
    }
    remove(entry) {
        this.land(entry);
        this.entries.delete(entry.key);
        this.keys.delete(entry.frame.id);
    }
    fly(entry, connection, now_ms) {
        if (!entry.flying)
            this.flying_count += 1;
        entry.flying = true;
        entry.sent_at_ms = now_ms;
        entry.first_connection ??= connection;
    }
    land(entry) {
        if (entry.flying)
            this.flying_count -= 1;
        entry.flying = false;
    }
    /** The connection is gone: everything is to be sent again, with the same ids. */
    landAll() {
        for (const entry of this.entries.values()) {
            this.land(entry);
            entry.checking = false;
        }
    }
    /** A new id, for a command that was not accepted under its old one. */
    renew(entry, id) {
        this.land(entry);
        this.keys.delete(entry.frame.id);
        entry.frame = { ...entry.frame, id };
        this.keys.set(id, entry.key);
        entry.first_connection = null;
        entry.checking = false;
        entry.renewals += 1;
    }
    /** Replaces what an unsent command asks, for commands that overtake each other (mark_read). */
    replace(entry, frame) {
        entry.frame = { ...frame, id: entry.frame.id };
    }
}
