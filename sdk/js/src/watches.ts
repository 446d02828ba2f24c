// What this session asked to be told of, and what it said of itself: said again on every new connection. Pure.

import type { SetPresence, WatchPresence, WatchReceipts } from "./frames.js";

export type Watched = Pick<WatchPresence, "users" | "conversations">;

export class Watches {
  /** Whose presence is wanted; null: nobody's. */
  presence: Watched | null = null;
  private readonly receipts = new Map<string, number>();
  private own: SetPresence | null = null;

  note(frame: SetPresence | WatchReceipts): void {
    if (frame.type === "set_presence") this.own = { ...frame, status: frame.status ?? this.own?.status ?? null };
    else if (frame.seq === 0) this.receipts.delete(frame.conversation);
    else this.receipts.set(frame.conversation, frame.seq);
  }

  /** The status line was told: another device may change it now, and it is not to be said again. */
  sent(): void {
    if (this.own !== null) this.own = { ...this.own, status: null };
  }

  /** For a new connection, but for the presence, which is a request. */
  again(): (SetPresence | WatchReceipts)[] {
    const frames: (SetPresence | WatchReceipts)[] = [...this.receipts].map(([conversation, seq]) => ({ type: "watch_receipts", conversation, seq }));
    const { own } = this;
    if (own !== null && (own.away || own.status != null)) frames.push(own);
    this.sent();
    return frames;
  }
}
