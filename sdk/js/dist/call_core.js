// The calls of one device without I/O: frames and the application's wishes go in, effects come out. Time is an argument.
//
// Rule 1: a device rings once for a call, and stops by `call_stop`, by the call's end, or by the deadline if both were lost.
// Rule 2: media is opened for a ticket and only while this device is in the call or has asked to be; a newer epoch or generation is
//         opened beside the older one, an older one never.
// Rule 3: what the edge says of a call counts by its seq: what is older than what is known changes nothing.
import { brokenAt, dueAt, linkOf, newer, renewAt, same, silentAt, unknown, view, wantAt, without } from "./call_known.js";
import { CALL_RULES } from "./call_rules.js";
const OVER_LIMIT = 64; // ids of calls that are over are remembered, so that a late frame does not bring one back
/** Not for this call's sake: they are answered by a new ticket, or pass. */
const TICKET_CODES = new Set(["ticket_needed", "ticket_expired", "ticket_used", "unknown_leg", "not_in_call", "engine_unavailable", "unknown_call"]);
const ANSWERED = new Set(["accepted", "connected", "reconnecting", "held"]);
const IN_CALL = new Set(["accepted", "joined"]);
export class CallCore {
    user;
    device;
    rules;
    calls = new Map();
    over = new Set();
    out = [];
    constructor(user, device, rules = CALL_RULES) {
        this.user = user;
        this.device = device;
        this.rules = rules;
    }
    get(call) {
        return this.calls.get(call);
    }
    all() {
        return [...this.calls.values()].filter((known) => !known.quiet);
    }
    // ---- what the application asks
    /** This device wants to be in the call: it requests, accepts or joins it. */
    asks(asked, now_ms) {
        const known = this.calls.get(asked.call) ?? this.add(asked.call, asked.conversation, this.user, asked.call_kind ?? "one_to_one", asked.media);
        known.part = "asking";
        known.quiet = false;
        known.renew_at_ms = now_ms + this.rules.renew_ms;
        this.tell(known, "asked");
        return this.flush();
    }
    /** The answer to `asks`: `call` is another one where two called each other, and the other's came first. */
    granted(asked, call, now_ms) {
        const known = this.calls.get(asked);
        if (known === undefined)
            return this.flush();
        if (call !== asked)
            this.rename(known, call);
        if (known.part === "asking")
            known.part = "in";
        this.openIfDue(known, now_ms);
        this.tell(known, "granted");
        return this.flush();
    }
    refused(asked) {
        const known = this.calls.get(asked);
        if (known?.part !== "asking")
            return this.flush();
        this.end(known, { reason: null, left: null }, known.shown !== null);
        for (const other of this.calls.values())
            if (other.quiet && other.conversation === known.conversation)
                this.ringNow(other);
        return this.flush();
    }
    /** The user is not to be rung by this call here any more: rejected, or answered in another way. */
    silenced(call) {
        const known = this.calls.get(call);
        if (known?.part === "ring")
            this.stopRing(known, "rejected");
        return this.flush();
    }
    /** The user is out of it, or ends it. */
    gone(call, for_all) {
        const known = this.calls.get(call);
        if (known === undefined || (known.part !== "in" && known.part !== "asking"))
            return this.flush();
        const goes_on = known.call_kind === "group" && !for_all;
        if (!goes_on)
            this.forget(call);
        this.end(known, { reason: null, left: "hung_up" }, goes_on);
        return this.flush();
    }
    /** It stands in its conversation as a call that was. */
    noted(call) {
        const known = this.calls.get(call);
        this.forget(call);
        if (known?.part === "outside")
            this.end(known, { reason: null, left: null }, false);
        return this.flush();
    }
    /** New connections: the network has changed, or the session moved to another edge. */
    restart(call, now_ms) {
        const known = this.calls.get(call);
        if (known !== undefined && known.part === "in")
            this.want(known, now_ms);
        return this.flush();
    }
    /** A session has begun: what was under way over the one before may be lost. */
    welcomed(now_ms) {
        for (const known of this.calls.values()) {
            known.restarts = 0;
            if (known.part === "in")
                this.want(known, now_ms);
        }
        return this.flush();
    }
    /** The state of a pair of connections. */
    linked(call, link, flow, now_ms) {
        const known = this.calls.get(call);
        if (known === undefined || !same(known.opened, link))
            return this.flush();
        if (known.flow !== flow && known.engine_kind === "p2p" && flow !== "connecting")
            this.command(known, { type: "call_media", flow });
        known.flow = flow;
        if (flow === "up")
            known.restarts = 0;
        if (flow === "lost")
            this.broken(known, now_ms);
        this.tell(known, "flow");
        return this.flush();
    }
    /** Who speaks in a call without an engine: there this device listens itself. */
    speaking(call, speakers) {
        this.onSpeaking({ call, speakers });
        return this.flush();
    }
    // ---- what the edge says
    frame(frame, now_ms) {
        switch (frame.type) {
            case "call_ring":
                this.onRing(frame, now_ms);
                break;
            case "call_stop":
                this.onStop(frame);
                break;
            case "call_changed":
                this.onChanged(frame, now_ms);
                break;
            case "call_over":
                this.onOver(frame);
                break;
            case "call_ticket":
                this.onTicket(frame, now_ms);
                break;
            case "call_described":
                this.onDescribed(frame, now_ms);
                break;
            case "call_tracks_changed":
                this.onTracks(frame);
                break;
            case "call_speaking":
                this.onSpeaking(frame);
                break;
            case "call_limits":
                this.onLimits(frame);
                break;
            case "call_signal_refused":
                this.onRefused(frame, now_ms);
                break;
        }
        return this.flush();
    }
    tick(now_ms) {
        for (const known of [...this.calls.values()]) {
            if (now_ms >= silentAt(known))
                this.stopRing(known, "timed_out");
            if (now_ms >= renewAt(known))
                this.renew(known, now_ms);
            if (now_ms >= wantAt(known, this.rules))
                this.want(known, now_ms);
            if (now_ms >= brokenAt(known, this.rules))
                this.broken(known, now_ms);
        }
        return this.flush();
    }
    nextMs() {
        const waits = [...this.calls.values()].map((known) => dueAt(known, this.rules));
        return Math.min(Infinity, ...waits);
    }
    // ---- rings
    onRing(frame, now_ms) {
        if (this.over.has(frame.call))
            return;
        const known = this.calls.get(frame.call);
        const deadline_ms = now_ms + Math.max(0, frame.deadline_ms - frame.now_ms);
        if (known !== undefined && known.part !== "outside") {
            if (known.part === "ring")
                known.deadline_ms = deadline_ms; // said again after a hello
            return;
        }
        const others = [...this.calls.values()].filter((each) => each.part === "in" || each.part === "asking");
        const met = others.some((each) => each.part === "asking" && each.conversation === frame.conversation);
        const made = known ?? this.add(frame.call, frame.conversation, frame.caller, frame.call_kind, frame.media);
        Object.assign(made, { part: "ring", deadline_ms, knock: frame.knock, quiet: met, engine_kind: frame.engine_kind });
        if (met)
            return;
        if (others.length > 0 && !frame.knock) {
            // the projection that asks for knocks was behind: this device knows better
            this.command(made, { type: "call_busy" });
            this.calls.delete(made.call);
            return;
        }
        this.ringNow(made);
    }
    ringNow(known) {
        known.quiet = false;
        this.command(known, { type: "call_delivered" });
        this.out.push({ kind: "ring", call: view(known) });
        this.command(known, { type: "call_ringing" });
    }
    onStop(frame) {
        const known = this.calls.get(frame.call);
        if (known?.part === "ring")
            this.stopRing(known, frame.why);
    }
    stopRing(known, why) {
        if (!known.quiet)
            this.out.push({ kind: "stop", call: known.call, conversation: known.conversation, why });
        // a group's call goes on without this device, which may still join it
        const goes_on = known.call_kind === "group" && why !== "ended" && why !== "cancelled";
        known.part = "outside";
        known.quiet = false;
        if (!goes_on)
            this.calls.delete(known.call);
        else
            this.tell(known, "stopped");
    }
    // ---- how a call stands
    onChanged(frame, now_ms) {
        const { call: shown } = frame;
        if (this.over.has(shown.call))
            return;
        const known = this.calls.get(shown.call) ?? this.add(shown.call, shown.conversation, shown.caller, shown.call_kind, shown.media);
        if (known.shown !== null && known.shown.seq > shown.seq)
            return;
        Object.assign(known, { shown, media: shown.media, call_kind: shown.call_kind, caller: shown.caller, engine_kind: shown.engine_kind });
        const own = shown.parties.find((party) => party.user === this.user);
        const elsewhere = own !== undefined && IN_CALL.has(own.state) && own.device !== "" && own.device !== this.device;
        if (known.part === "ring" && elsewhere)
            this.stopRing(known, "answered_elsewhere");
        if (known.part === "in" && elsewhere)
            return this.end(known, { reason: null, left: "transferred" }, true);
        this.openIfDue(known, now_ms);
        this.tell(known, frame.what, frame.by, frame.about);
    }
    onOver(frame) {
        const known = this.calls.get(frame.call);
        if (frame.reason !== null)
            this.forget(frame.call);
        if (known === undefined)
            return;
        if (known.part === "ring")
            this.stopRing(known, "ended");
        this.end(known, { reason: frame.reason, left: frame.left }, frame.reason === null);
    }
    /** Over for this device; `goes_on`: for others it is not. */
    end(known, end, goes_on) {
        const was = known.part;
        if (known.shown !== null && end.left !== null && end.left !== "transferred")
            known.shown = without(known.shown, this.user);
        Object.assign(known, { part: "outside", ticket: null, opened: null, wanted: null, flow: "connecting", speakers: [], restarts: 0 });
        if (!goes_on)
            this.calls.delete(known.call);
        if (was === "in" || was === "asking")
            this.out.push({ kind: "shut", call: known.call });
        this.out.push({ kind: "over", call: view(known), was, end });
    }
    onTracks({ call, user, device, tracks }) {
        const known = this.calls.get(call);
        if (known === undefined)
            return;
        known.tracks.set(`${user}/${device}`, tracks);
        this.tell(known, "tracks");
    }
    onSpeaking({ call, speakers }) {
        const known = this.calls.get(call);
        if (known === undefined)
            return;
        known.speakers = speakers;
        this.tell(known, "speaking");
    }
    onLimits({ call, bitrate_kbps, height, audio_only }) {
        const known = this.calls.get(call);
        if (known === undefined)
            return;
        known.limits = { bitrate_kbps, height, audio_only };
        this.tell(known, "limits");
    }
    // ---- media
    onTicket(ticket, now_ms) {
        const known = this.calls.get(ticket.call);
        if (known === undefined || (known.part !== "in" && known.part !== "asking"))
            return;
        if (known.opened !== null && !newer(linkOf(ticket), known.opened))
            return;
        known.ticket = ticket;
        known.engine_kind = ticket.engine_kind;
        known.wanted = null;
        this.openIfDue(known, now_ms);
    }
    /** Between two without an engine, nothing is offered before the other has accepted: a ringing device takes no offers. */
    openIfDue(known, now_ms) {
        const { ticket } = known;
        if (ticket === null || (known.part !== "in" && known.part !== "asking"))
            return;
        if (ticket.engine_kind === "p2p" && !(known.part === "in" && ANSWERED.has(known.shown?.state ?? "")))
            return;
        if (ticket.engine_kind === "p2p" && !this.rules.p2p)
            return this.toEngine(known);
        this.open(known, linkOf(ticket), ticket, now_ms);
    }
    open(known, link, ticket, now_ms) {
        if (known.opened !== null && !newer(link, known.opened))
            return;
        Object.assign(known, { opened: link, opened_ms: now_ms, flow: "connecting" });
        this.out.push({ kind: "open", call: known.call, link, ticket });
    }
    /** Of a call without an engine: the other has new connections, so ours are of no use. The higher generation counts for both. */
    onDescribed(frame, now_ms) {
        const known = this.calls.get(frame.call);
        if (known?.ticket?.engine_kind !== "p2p" || known.opened === null || frame.epoch !== known.opened.epoch)
            return;
        if (frame.generation > known.opened.generation)
            this.open(known, { epoch: frame.epoch, generation: frame.generation }, known.ticket, now_ms);
    }
    onRefused(frame, now_ms) {
        const known = this.calls.get(frame.call);
        // without a seq it is a label that came too early, or a wish for a ticket, which is asked for again in any case
        if (known === undefined || known.part !== "in" || frame.seq === 0 || !TICKET_CODES.has(frame.code))
            return;
        if (frame.epoch >= (known.opened?.epoch ?? 1))
            this.broken(known, now_ms);
    }
    broken(known, now_ms) {
        known.opened_ms = now_ms;
        if (known.engine_kind === "p2p" && known.restarts > 0 && known.caller === this.user)
            return this.toEngine(known);
        this.want(known, now_ms);
    }
    want(known, now_ms) {
        known.wanted = null;
        if (known.restarts >= this.rules.restarts_limit)
            return; // its deadlines end it
        known.restarts += 1;
        const epoch = known.opened?.epoch ?? known.shown?.epoch ?? 1;
        const generation = (known.opened?.generation ?? 0) + 1;
        known.wanted = { generation, at_ms: now_ms };
        this.out.push({ kind: "ticket_wanted", conversation: known.conversation, call: known.call, epoch, generation });
    }
    toEngine(known) {
        known.ticket = null;
        known.restarts = 0;
        this.command(known, { type: "call_switch" });
    }
    renew(known, now_ms) {
        known.renew_at_ms = now_ms + this.rules.renew_ms;
        if (known.part === "in")
            this.command(known, { type: "call_renew" });
    }
    // ---- helpers
    add(call, conversation, caller, call_kind, media) {
        const known = unknown(call, conversation, caller, call_kind, media);
        this.calls.set(call, known);
        return known;
    }
    /** The other's call came first: ours is that one now, also where it rings here already. */
    rename(known, call) {
        const other = this.calls.get(call);
        if (other?.part === "ring")
            this.stopRing(other, "answered_elsewhere");
        this.calls.delete(known.call);
        this.forget(known.call);
        if (other !== undefined)
            Object.assign(known, { shown: other.shown, caller: other.caller, engine_kind: other.engine_kind, ticket: other.ticket ?? known.ticket });
        known.call = call;
        this.calls.set(call, known);
    }
    forget(call) {
        this.over.add(call);
        if (this.over.size > OVER_LIMIT)
            for (const oldest of this.over)
                return void this.over.delete(oldest);
    }
    command(known, command) {
        this.out.push({ kind: "command", frame: { ...command, conversation: known.conversation, call: known.call } });
    }
    tell(known, what, by = "", about = "") {
        if (!known.quiet)
            this.out.push({ kind: "changed", call: view(known), what, by, about });
    }
    flush() {
        const effects = this.out;
        this.out = [];
        return effects;
    }
}
