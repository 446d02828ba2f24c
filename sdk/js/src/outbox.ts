// Commands that are not answered yet, in the order they were given. Pure.

import type { CallCommandFrame, CommandFrame } from "./frames.js";

export type AnyCommand = CommandFrame | CallCommandFrame;

/** One command. `key` names it on this device; its `frame.id` changes only when it surely was not accepted under the old one. */
export interface Pending {
  readonly key: number;
  frame: AnyCommand;
  /** The connection that first carried this id; null: none yet; 0: one of an earlier run. */
  first_connection: number | null;
  /** It was sent on this connection and is not answered. */
  flying: boolean;
  sent_at_ms: number;
  /** Refused as stale after an earlier connection may have carried it: waits for a sync that shows whether it was accepted. */
  checking: boolean;
  renewals: number;
}

export class Outbox {
  private readonly entries = new Map<number, Pending>();
  private readonly keys = new Map<string, number>();
  private next_key = 1;
  flying_count = 0;

  get size(): number {
    return this.entries.size;
  }

  [Symbol.iterator](): IterableIterator<Pending> {
    return this.entries.values();
  }

  add(frame: AnyCommand, first_connection: number | null = null): Pending {
    const entry: Pending = { key: this.next_key++, frame, first_connection, flying: false, sent_at_ms: 0, checking: false, renewals: 0 };
    this.entries.set(entry.key, entry);
    this.keys.set(frame.id, entry.key);
    return entry;
  }

  get(key: number): Pending | undefined {
    return this.entries.get(key);
  }

  byId(id: string): Pending | undefined {
    const key = this.keys.get(id);
    return key === undefined ? undefined : this.entries.get(key);
  }

  remove(entry: Pending): void {
    this.land(entry);
    this.entries.delete(entry.key);
    this.keys.delete(entry.frame.id);
  }

  fly(entry: Pending, connection: number, now_ms: number): void {
    if (!entry.flying) this.flying_count += 1;
    entry.flying = true;
    entry.sent_at_ms = now_ms;
    entry.first_connection ??= connection;
  }

  land(entry: Pending): void {
    if (entry.flying) this.flying_count -= 1;
    entry.flying = false;
  }

  /** The connection is gone: everything is to be sent again, with the same ids. */
  landAll(): void {
    for (const entry of this.entries.values()) {
      this.land(entry);
      entry.checking = false;
    }
  }

  /** A new id, for a command that was not accepted under its old one. */
  renew(entry: Pending, id: string): void {
    this.land(entry);
    this.keys.delete(entry.frame.id);
    entry.frame = { ...entry.frame, id };
    this.keys.set(id, entry.key);
    entry.first_connection = null;
    entry.checking = false;
    entry.renewals += 1;
  }

  /** Replaces what an unsent command asks, for commands that overtake each other (mark_read). */
  replace(entry: Pending, frame: AnyCommand): void {
    entry.frame = { ...frame, id: entry.frame.id };
  }
}
