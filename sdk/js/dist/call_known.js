// What the core keeps of one call, and how links are compared. Pure.
/** A call of which nothing is known yet but what it is. */
export function unknown(call, conversation, caller, call_kind, media) {
    return {
        ...{ call, conversation, caller, call_kind, media, part: "outside", deadline_ms: 0, knock: false, quiet: false, shown: null },
        ...{ engine_kind: null, flow: "connecting", speakers: [], tracks: new Map(), limits: null, ticket: null, opened: null, opened_ms: 0 },
        ...{ wanted: null, restarts: 0, renew_at_ms: Infinity },
    };
}
// ---- when something is due: ms of this device's clock; Infinity: nothing is waited for
const RING_GRACE_MS = 1_500; // the stop of the edge is expected first: its clock decides
/** When a ring ends by itself. */
export const silentAt = (known) => (known.part === "ring" ? known.deadline_ms + RING_GRACE_MS : Infinity);
/** When a ticket is asked for again. */
export const wantAt = (known, rules) => (known.wanted === null ? Infinity : known.wanted.at_ms + rules.ticket_wait_ms);
/** When this device says that it is there: before an answer, and where no engine says so. */
export function renewAt(known) {
    const asked = known.part === "in" || known.part === "asking";
    const ringing = known.shown === null || known.shown.state === "requested" || known.shown.state === "ringing";
    return asked && (ringing || known.engine_kind === "p2p") ? known.renew_at_ms : Infinity;
}
/** When connections have taken too long. From the second try on each may take twice as long: a busy machine needs time, not more to do. */
export function brokenAt(known, rules) {
    const waits = known.part === "in" && known.opened !== null && known.flow === "connecting" && known.wanted === null;
    return waits && known.restarts < rules.restarts_limit ? known.opened_ms + rules.connect_ms * 2 ** Math.max(0, known.restarts - 1) : Infinity;
}
export const dueAt = (known, rules) => Math.min(silentAt(known), wantAt(known, rules), renewAt(known), brokenAt(known, rules));
export const same = (one, other) => one?.epoch === other.epoch && one.generation === other.generation;
export const newer = (one, other) => one.epoch > other.epoch || (one.epoch === other.epoch && one.generation > other.generation);
export const linkOf = (ticket) => ({ epoch: ticket.epoch, generation: Math.max(1, ticket.generation) });
/** The call as it is once the user has left it: nobody who is out of a call is told more of it. */
export function without(shown, user) {
    return { ...shown, parties: shown.parties.map((party) => (party.user === user ? { ...party, state: "left" } : party)) };
}
/** A copy that does not change any more. */
export function view(known) {
    const { call, conversation, caller, call_kind, media, part, deadline_ms, knock, shown, engine_kind, flow, speakers, limits } = known;
    return { call, conversation, caller, call_kind, media, part, deadline_ms, knock, shown, engine_kind, flow, speakers, limits, tracks: new Map(known.tracks) };
}
