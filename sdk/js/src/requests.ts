// Reads that are under way (sync, history, directory, receipts, presence): a few at a time, asked again after a loss, a refusal or a silence. Pure.

import type { DirectoryRequest, Failure, History, Receipts, Sync, WatchPresence } from "./frames.js";
import type { Random } from "./ids.js";

export const REQUESTS_AT_ONCE = 4; // the edge serves 8 a session; a tab's neighbour may share it
export const ANSWER_TIMEOUT_MS = 15_000;
export const TRIES_LIMIT = 8;
const RETRY_FLOOR_MS = 100;

export type Read = Sync | History | DirectoryRequest | Receipts | WatchPresence;

export interface Asked {
  readonly frame: Read;
  flying: boolean;
  tries: number;
  /** When flying: when it was sent. Otherwise: not to be sent before this. */
  at_ms: number;
}

export class Requests {
  private readonly asked = new Map<string, Asked>();
  private flying_count = 0;

  get size(): number {
    return this.asked.size;
  }

  has(request: string): boolean {
    return this.asked.has(request);
  }

  add(frame: Read, not_before_ms: number): void {
    this.asked.set(frame.request, { frame, flying: false, tries: 0, at_ms: not_before_ms });
  }

  /** The request that this answer belongs to, which is done; undefined if it was answered before. */
  take(request: string): Asked | undefined {
    const asked = this.asked.get(request);
    if (asked !== undefined) {
      if (asked.flying) this.flying_count -= 1;
      this.asked.delete(request);
    }
    return asked;
  }

  /** A refusal that says to come back: true if it will be asked again, false if it was the last try. */
  putOff(asked: Asked, failure: Failure, now_ms: number, random: Random): boolean {
    if (!failure.retryable || asked.tries >= TRIES_LIMIT) return false;
    const wait_ms = Math.max(failure.retry_after_ms, RETRY_FLOOR_MS) * (1 + random());
    this.asked.set(asked.frame.request, { ...asked, flying: false, at_ms: now_ms + wait_ms });
    return true;
  }

  /** What is to be sent now. */
  due(now_ms: number): Read[] {
    const frames: Read[] = [];
    for (const asked of this.asked.values()) {
      if (asked.flying && now_ms - asked.at_ms >= ANSWER_TIMEOUT_MS) this.land(asked, now_ms);
      if (this.flying_count >= REQUESTS_AT_ONCE) continue;
      if (asked.flying || asked.at_ms > now_ms) continue;
      asked.flying = true;
      asked.at_ms = now_ms;
      asked.tries += 1;
      this.flying_count += 1;
      frames.push(asked.frame);
    }
    return frames;
  }

  /** The connection is gone. Syncs are forgotten (the next hello carries the positions), the others asked again. */
  landAll(now_ms: number): void {
    for (const [request, asked] of this.asked) {
      if (asked.flying) this.land(asked, now_ms);
      if (asked.frame.type === "sync") this.asked.delete(request);
    }
  }

  /** When `due` has something new to say, at the earliest. */
  nextMs(): number {
    let next = Infinity;
    for (const asked of this.asked.values()) {
      if (asked.flying) next = Math.min(next, asked.at_ms + ANSWER_TIMEOUT_MS);
      else if (this.flying_count < REQUESTS_AT_ONCE) next = Math.min(next, asked.at_ms);
    }
    return next;
  }

  private land(asked: Asked, now_ms: number): void {
    asked.flying = false;
    asked.at_ms = now_ms;
    this.flying_count -= 1;
  }
}
