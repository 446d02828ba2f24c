// What a call's media is like, from what the browser counts. Pure.
export const NOTHING = { received: 0, lost: 0, jitter_ms: 0, rtt_ms: null, bytes: 0 };
const MS = 1_000;
const POOR = { loss_ratio: 0.08, rtt_ms: 500, jitter_ms: 100 };
const FAIR = { loss_ratio: 0.02, rtt_ms: 250, jitter_ms: 40 };
/** Both connections' reports as one. The worst jitter and way count: they are what is heard. */
export function countedIn(reports) {
    let sum = NOTHING;
    for (const report of reports)
        for (const [, stat] of report)
            sum = added(sum, stat);
    return sum;
}
function added(sum, stat) {
    const { type } = stat;
    if (type === "inbound-rtp") {
        const lost = Math.max(0, numberOf(stat["packetsLost"])); // repeats make it negative
        const jitter_ms = Math.max(sum.jitter_ms, numberOf(stat["jitter"]) * MS);
        return { ...sum, received: sum.received + numberOf(stat["packetsReceived"]), lost: sum.lost + lost, jitter_ms, bytes: sum.bytes + numberOf(stat["bytesReceived"]) };
    }
    if (type === "outbound-rtp")
        return { ...sum, bytes: sum.bytes + numberOf(stat["bytesSent"]) };
    if (type === "candidate-pair" && stat["nominated"] === true && typeof stat["currentRoundTripTime"] === "number")
        return { ...sum, rtt_ms: Math.max(sum.rtt_ms ?? 0, stat["currentRoundTripTime"] * MS) };
    return sum;
}
const numberOf = (value) => (typeof value === "number" && Number.isFinite(value) ? value : 0);
/** Follows one participant's call over all its connections. */
export class QualityMeter {
    received = 0;
    lost = 0;
    bytes = 0;
    rtt_sum_ms = 0;
    rtt_count = 0;
    jitter_sum_ms = 0;
    count = 0;
    began_ms = null;
    ended_ms = 0;
    last = NOTHING;
    /** New connections: their counts begin at zero. */
    renew() {
        this.last = NOTHING;
    }
    /** One look. Shape: how it was since the look before. */
    note(counted, now_ms) {
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
    total() {
        if (this.count === 0 || this.began_ms === null)
            return null;
        const rtt_ms = this.rtt_count === 0 ? 0 : this.rtt_sum_ms / this.rtt_count;
        return qualityOf(this.received, this.lost, rtt_ms, this.jitter_sum_ms / this.count, this.bytes, this.ended_ms - this.began_ms);
    }
    add(received, lost, bytes, { rtt_ms, jitter_ms }) {
        this.received += received;
        this.lost += lost;
        this.bytes += bytes;
        this.jitter_sum_ms += jitter_ms;
        this.count += 1;
        if (rtt_ms === null)
            return;
        this.rtt_sum_ms += rtt_ms;
        this.rtt_count += 1;
    }
}
function qualityOf(received, lost, rtt_ms, jitter_ms, bytes, ms) {
    const packets = received + lost;
    const loss_ratio = packets === 0 ? 0 : Math.min(1, lost / packets);
    // bits a millisecond are kilobits a second
    return { loss_ratio, rtt_ms: Math.round(rtt_ms), jitter_ms: Math.round(jitter_ms), bitrate_kbps: ms <= 0 ? 0 : Math.round((bytes * 8) / ms) };
}
/** What to show of it. */
export function gradeOf({ loss_ratio, rtt_ms, jitter_ms }) {
    const over = (limit) => loss_ratio >= limit.loss_ratio || rtt_ms >= limit.rtt_ms || jitter_ms >= limit.jitter_ms;
    return over(POOR) ? "poor" : over(FAIR) ? "fair" : "good";
}
