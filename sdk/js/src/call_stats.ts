// What a call's media is like, from what the browser counts. Pure.

import type { FrameQuality } from "./frames.js";

/** What is used of an RTCStatsReport. */
export type StatsReport = Iterable<readonly [string, Readonly<Record<string, unknown>>]>;

/** Sums since a pair of connections began. Shape: times in ms; `rtt_ms` null: not measured yet. */
export interface Counted {
  readonly received: number;
  readonly lost: number;
  readonly jitter_ms: number;
  readonly rtt_ms: number | null;
  readonly bytes: number;
}

export type Grade = "good" | "fair" | "poor";

export const NOTHING: Counted = { received: 0, lost: 0, jitter_ms: 0, rtt_ms: null, bytes: 0 };
const MS = 1_000;
const POOR = { loss_ratio: 0.08, rtt_ms: 500, jitter_ms: 100 };
const FAIR = { loss_ratio: 0.02, rtt_ms: 250, jitter_ms: 40 };

/** Both connections' reports as one. The worst jitter and way count: they are what is heard. */
export function countedIn(reports: readonly StatsReport[]): Counted {
  let sum = NOTHING;
  for (const report of reports) for (const [, stat] of report) sum = added(sum, stat);
  return sum;
}

function added(sum: Counted, stat: Readonly<Record<string, unknown>>): Counted {
  const { type } = stat;
  if (type === "inbound-rtp") {
    const lost = Math.max(0, numberOf(stat["packetsLost"])); // repeats make it negative
    const jitter_ms = Math.max(sum.jitter_ms, numberOf(stat["jitter"]) * MS);
    return { ...sum, received: sum.received + numberOf(stat["packetsReceived"]), lost: sum.lost + lost, jitter_ms, bytes: sum.bytes + numberOf(stat["bytesReceived"]) };
  }
  if (type === "outbound-rtp") return { ...sum, bytes: sum.bytes + numberOf(stat["bytesSent"]) };
  if (type === "candidate-pair" && stat["nominated"] === true && typeof stat["currentRoundTripTime"] === "number")
    return { ...sum, rtt_ms: Math.max(sum.rtt_ms ?? 0, stat["currentRoundTripTime"] * MS) };
  return sum;
}

const numberOf = (value: unknown): number => (typeof value === "number" && Number.isFinite(value) ? value : 0);

/** Follows one participant's call over all its connections. */
export class QualityMeter {
  private received = 0;
  private lost = 0;
  private bytes = 0;
  private rtt_sum_ms = 0;
  private rtt_count = 0;
  private jitter_sum_ms = 0;
  private count = 0;
  private began_ms: number | null = null;
  private ended_ms = 0;
  private last: Counted = NOTHING;

  /** New connections: their counts begin at zero. */
  renew(): void {
    this.last = NOTHING;
  }

  /** One look. Shape: how it was since the look before. */
  note(counted: Counted, now_ms: number): FrameQuality {
    const since_ms = this.began_ms === null ? 0 : now_ms - this.ended_ms;
    const received = Math.max(0, counted.received - this.last.received);
    const lost = Math.max(0, counted.lost - this.last.lost);
    const bytes = Math.max(0, counted.bytes - this.last.bytes);
    this.last = counted;
    this.began_ms ??= now_ms;
    this.ended_ms = now_ms;
    this.add(received, lost, bytes, counted);
    return qualityOf(received, lost, counted.rtt_ms ?? 0, counted.jitter_ms, bytes, since_ms);
  }

  /** The whole call; null where nothing was ever counted. */
  total(): FrameQuality | null {
    if (this.count === 0 || this.began_ms === null) return null;
    const rtt_ms = this.rtt_count === 0 ? 0 : this.rtt_sum_ms / this.rtt_count;
    return qualityOf(this.received, this.lost, rtt_ms, this.jitter_sum_ms / this.count, this.bytes, this.ended_ms - this.began_ms);
  }

  private add(received: number, lost: number, bytes: number, { rtt_ms, jitter_ms }: Counted): void {
    this.received += received;
    this.lost += lost;
    this.bytes += bytes;
    this.jitter_sum_ms += jitter_ms;
    this.count += 1;
    if (rtt_ms === null) return;
    this.rtt_sum_ms += rtt_ms;
    this.rtt_count += 1;
  }
}

function qualityOf(received: number, lost: number, rtt_ms: number, jitter_ms: number, bytes: number, ms: number): FrameQuality {
  const packets = received + lost;
  const loss_ratio = packets === 0 ? 0 : Math.min(1, lost / packets);
  // bits a millisecond are kilobits a second
  return { loss_ratio, rtt_ms: Math.round(rtt_ms), jitter_ms: Math.round(jitter_ms), bitrate_kbps: ms <= 0 ? 0 : Math.round((bytes * 8) / ms) };
}

/** What to show of it. */
export function gradeOf({ loss_ratio, rtt_ms, jitter_ms }: FrameQuality): Grade {
  const over = (limit: typeof POOR): boolean => loss_ratio >= limit.loss_ratio || rtt_ms >= limit.rtt_ms || jitter_ms >= limit.jitter_ms;
  return over(POOR) ? "poor" : over(FAIR) ? "fair" : "good";
}
