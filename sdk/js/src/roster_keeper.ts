// Keeps the roster up to date: a sync by REST after every welcome, what the edge tells in between, and a copy in the storage. Shell.

import { WarblerError } from "./errors.js";
import type { Roster as RosterFrame, RosterEntry } from "./frames.js";
import type { FriendCalls } from "./friends.js";
import { Roster, type SavedRoster } from "./roster.js";
import { readJson, type KeyValueStore } from "./storage.js";

/** `entries`: those that are new or changed. `complete`: a sync has ended, also where nothing was new. */
export interface RosterHeard {
  readonly entries: readonly RosterEntry[];
  readonly invitations: boolean;
  readonly complete: boolean;
}

const KEPT_LIMIT = 2_000; // entries of some 150 bytes each, in a storage of 5 MB that others use too
const RETRY_MS = 2_000;
const RETRY_LIMIT_MS = 60_000;
const KEEP_MS = 500;

export class RosterKeeper {
  private roster: Roster | null = null;
  private user = "";
  private turn = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private keep: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly calls: Pick<FriendCalls, "rosterPage">,
    private readonly store: KeyValueStore,
    private readonly tell: (heard: RosterHeard) => void,
  ) {}

  follow(user: string, online: boolean): Roster {
    if (this.roster !== null && this.user === user) return this.roster;
    this.user = user;
    this.roster = new Roster();
    const saved = readJson<SavedRoster>(this.store, key(user));
    if (saved !== null) this.roster.restore(saved);
    if (online) this.welcome();
    return this.roster;
  }

  /** A session begins: what changed while there was none is read. */
  welcome(): void {
    clearTimeout(this.retry);
    if (this.roster !== null) void this.sync(this.roster, ++this.turn, RETRY_MS);
  }

  live(frame: RosterFrame): void {
    const entries = this.roster?.live(frame) ?? [];
    this.later();
    this.tell({ entries, invitations: frame.invitations ?? false, complete: false });
  }

  forget(user: string): void {
    this.turn += 1;
    clearTimeout(this.retry);
    clearTimeout(this.keep);
    this.keep = undefined;
    this.store.removeItem(key(user));
    this.roster = null;
  }

  private async sync(roster: Roster, turn: number, wait_ms: number): Promise<void> {
    const since = roster.begin();
    let after: string | null = null;
    try {
      do {
        const page = await this.calls.rosterPage(since, after);
        if (turn !== this.turn) return; // another session began, and asks again
        const entries = roster.page(page);
        after = page.next;
        this.tell({ entries, invitations: false, complete: after === null });
      } while (after !== null);
      this.later();
    } catch (error) {
      if (!(error instanceof WarblerError)) throw error;
      if (turn !== this.turn || !error.retryable) return;
      const pause_ms = Math.max(wait_ms, error.retry_after_ms);
      this.retry = setTimeout(() => void this.sync(roster, turn, Math.min(2 * wait_ms, RETRY_LIMIT_MS)), pause_ms);
    }
  }

  private later(): void {
    this.keep ??= setTimeout(() => {
      this.keep = undefined;
      const { roster } = this;
      if (roster !== null && roster.complete && roster.size <= KEPT_LIMIT) this.store.setItem(key(this.user), JSON.stringify(roster.saved()));
    }, KEEP_MS);
  }
}

const key = (user: string): string => `warbler.roster.${user}`;
