// Keeps the roster up to date: a sync by REST after every welcome, what the edge tells in between, and a copy in the storage. Shell.
import { WarblerError } from "./errors.js";
import { Roster } from "./roster.js";
import { readJson } from "./storage.js";
const KEPT_LIMIT = 2_000; // entries of some 150 bytes each, in a storage of 5 MB that others use too
const RETRY_MS = 2_000;
const RETRY_LIMIT_MS = 60_000;
const KEEP_MS = 500;
export class RosterKeeper {
    calls;
    store;
    tell;
    roster = null;
    user = "";
    turn = 0;
    retry;
    keep;
    constructor(calls, store, tell) {
        this.calls = calls;
        this.store = store;
        this.tell = tell;
    }
    follow(user, online) {
        if (this.roster !== null && this.user === user)
            return this.roster;
        this.user = user;
        this.roster = new Roster();
        const saved = readJson(this.store, key(user));
        if (saved !== null)
            this.roster.restore(saved);
        if (online)
            this.welcome();
        return this.roster;
    }
    /** A session begins: what changed while there was none is read. */
    welcome() {
        clearTimeout(this.retry);
        if (this.roster !== null)
            void this.sync(this.roster, ++this.turn, RETRY_MS);
    }
    live(frame) {
        const entries = this.roster?.live(frame) ?? [];
        this.later();
        this.tell({ entries, invitations: frame.invitations ?? false, complete: false });
    }
    forget(user) {
        this.turn += 1;
        clearTimeout(this.retry);
        clearTimeout(this.keep);
        this.keep = undefined;
        this.store.removeItem(key(user));
        this.roster = null;
    }
    async sync(roster, turn, wait_ms) {
        const since = roster.begin();
        let after = null;
        try {
            do {
                const page = await this.calls.rosterPage(since, after);
                if (turn !== this.turn)
                    return; // another session began, and asks again
                const entries = roster.page(page);
                after = page.next;
                this.tell({ entries, invitations: false, complete: after === null });
            } while (after !== null);
            this.later();
        }
        catch (error) {
            if (!(error instanceof WarblerError))
                throw error;
            if (turn !== this.turn || !error.retryable)
                return;
            const pause_ms = Math.max(wait_ms, error.retry_after_ms);
            this.retry = setTimeout(() => void this.sync(roster, turn, Math.min(2 * wait_ms, RETRY_LIMIT_MS)), pause_ms);
        }
    }
    later() {
        this.keep ??= setTimeout(() => {
            this.keep = undefined;
            const { roster } = this;
            if (roster !== null && roster.complete && roster.size <= KEPT_LIMIT)
                this.store.setItem(key(this.user), JSON.stringify(roster.saved()));
        }, KEEP_MS);
    }
}
const key = (user) => `warbler.roster.${user}`;
