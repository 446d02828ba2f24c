// The user's roster: friends, requests, blocks and notes, as far as this device has heard. Pure.
//
// Rule 1: an entry is replaced only by one of a later version; entries come whole.
// Rule 2: while pages of a sync are still missing, `version` stays: after a loss the sync begins again from there.

import type { Roster as RosterFrame, RosterEntry } from "./frames.js";
import type { RosterPage } from "./friends.js";

/** What survives a restart of the application. */
export interface SavedRoster {
  readonly version: number;
  readonly entries: readonly RosterEntry[];
}

interface Known {
  readonly entry: RosterEntry;
  readonly version: number;
}

export class Roster {
  /** Everything up to here is known; 0: nothing is. */
  version = 0;
  private known = new Map<string, Known>();
  /** Users that the edge told of since the sync began. */
  private readonly fresh = new Set<string>();
  private heard = 0;
  private syncing = true;
  /** Whom the pages of a full sync named so far; null: it is one of changes. */
  private named: Set<string> | null = null;

  get(user: string): RosterEntry | undefined {
    return this.known.get(user)?.entry;
  }

  get size(): number {
    return this.known.size;
  }

  /** Whether it is the whole, as of `version`. */
  get complete(): boolean {
    return !this.syncing;
  }

  /** Shape: in no order; friends, and everybody else about whom something is to be said. */
  entries(): RosterEntry[] {
    return [...this.known.values()].map((known) => known.entry);
  }

  friends(): RosterEntry[] {
    return this.entries().filter((entry) => entry.relation === "friends");
  }

  /** Who waits for an answer of this user. */
  asking(): RosterEntry[] {
    return this.entries().filter((entry) => entry.relation === "asked");
  }

  restore(saved: SavedRoster): void {
    this.version = saved.version;
    this.known = new Map(saved.entries.map((entry) => [entry.user, { entry, version: saved.version }]));
  }

  saved(): SavedRoster {
    return { version: this.version, entries: this.entries() };
  }

  /** A sync begins, on this connection; the version to ask since. */
  begin(): number {
    this.syncing = true;
    this.named = null;
    this.fresh.clear();
    this.heard = 0;
    return this.version;
  }

  /** A page of it. The entries that are new to this device. */
  page(page: RosterPage): RosterEntry[] {
    if (page.full) this.named ??= new Set();
    for (const entry of page.entries) this.named?.add(entry.user);
    const changed = page.entries.filter((entry) => this.put(entry, page.version));
    if (page.next === null) this.finish(page.version);
    return changed;
  }

  /** What the edge told in between. The entries that are new to this device. */
  live(frame: RosterFrame): RosterEntry[] {
    const entries = frame.entries ?? [];
    const changed = entries.filter((entry) => this.put(entry, frame.version));
    for (const entry of entries) this.fresh.add(entry.user);
    this.heard = Math.max(this.heard, frame.version);
    if (!this.syncing) this.version = Math.max(this.version, frame.version);
    return changed;
  }

  private finish(version: number): void {
    const { named } = this;
    if (named !== null)
      // what a full roster does not name is no more, unless it came since
      for (const [user, known] of this.known)
        if (!named.has(user) && !(this.fresh.has(user) && known.version > version)) this.known.delete(user);
    // after a full one the version may be lower: the log is another one
    this.version = Math.max(version, this.heard);
    this.named = null;
    this.syncing = false;
  }

  private put(entry: RosterEntry, version: number): boolean {
    const known = this.known.get(entry.user);
    const comparable = this.named === null || this.fresh.has(entry.user);
    if (known !== undefined && comparable && known.version > version) return false;
    this.known.set(entry.user, { entry, version });
    return known === undefined || JSON.stringify(known.entry) !== JSON.stringify(entry);
  }
}
