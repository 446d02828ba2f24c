// How far this device's user got, on its way to the server: coalesced, and told again when it may have been lost. Pure.
//
// Rule 1: what a device holds it says, own events and repeats too: the edge writes again what stays unacknowledged, and then closes.
// Rule 2: a mark that was told shortly before the connection broke is told again on the next one; `unread` is not, another device may
// have taken it back since.

import type { Mark } from "./frames.js";

export type MarkState = Mark["state"];
/** Shape: [conversation, state, up_to_seq]. */
export type SavedMark = readonly [string, MarkState, number];

export const TOLD_AGAIN_MS = 60_000; // longer than a silent link is believed in

interface Place {
  readonly conversation: string;
  readonly state: MarkState;
  readonly up_to_seq: number;
}

export class Marks {
  private readonly waiting = new Map<string, Place>();
  /** The longest ago first. */
  private readonly told = new Map<string, Place & { readonly at_ms: number }>();
  private due_ms = Infinity;

  /** `pause_ms`: how long a mark waits for others. */
  constructor(private readonly pause_ms: number) {}

  note(conversation: string, state: MarkState, up_to_seq: number, now_ms: number): void {
    const key = `${state} ${conversation}`;
    const before = this.waiting.get(key)?.up_to_seq ?? 0;
    this.waiting.set(key, { conversation, state, up_to_seq: state === "unread" ? up_to_seq : Math.max(up_to_seq, before) });
    this.due_ms = Math.min(this.due_ms, now_ms + this.pause_ms);
  }

  /** What is to be told now, each place once. */
  due(now_ms: number): Mark[] {
    return now_ms < this.due_ms ? [] : this.all(now_ms);
  }

  /** Everything that waits. */
  all(now_ms: number): Mark[] {
    const places = [...this.waiting];
    this.waiting.clear();
    this.due_ms = Infinity;
    for (const [key, place] of places) {
      this.told.delete(key);
      this.told.set(key, { ...place, at_ms: now_ms });
    }
    this.forgetTold(now_ms);
    return places.map(([, place]) => ({ type: "mark", ...place }));
  }

  nextMs(): number {
    return this.due_ms;
  }

  connectionLost(now_ms: number): void {
    this.forgetTold(now_ms);
    for (const { conversation, state, up_to_seq } of this.told.values())
      if (state !== "unread") this.note(conversation, state, up_to_seq, now_ms);
    this.told.clear();
  }

  /** Of one conversation that cannot be read any more, or all: the log changed, and seqs mean other events now. */
  forget(conversation: string | null): void {
    for (const kept of [this.waiting, this.told])
      for (const [key, place] of kept) if (conversation === null || place.conversation === conversation) kept.delete(key);
    if (this.waiting.size === 0) this.due_ms = Infinity;
  }

  /** What would be told again on a new connection. */
  saved(): SavedMark[] {
    const told = [...this.told].filter(([key, { state }]) => state !== "unread" && !this.waiting.has(key));
    return [...told, ...this.waiting].map(([, { conversation, state, up_to_seq }]) => [conversation, state, up_to_seq]);
  }

  private forgetTold(now_ms: number): void {
    for (const [key, { at_ms }] of this.told) {
      if (now_ms - at_ms < TOLD_AGAIN_MS) return;
      this.told.delete(key);
    }
  }
}
