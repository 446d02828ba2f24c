// The client without I/O: something happened goes in, effects come out. Time and chance are arguments.
//
// Rule 1: a command leaves the outbox by its ack, its own event or a final reject, and by nothing else.
// Rule 2: the events of a conversation are handed out dense by seq, each once; a damaged record is named as missing.
// Rule 3: a command is sent again with the same id, unless it surely was not accepted under it.
import { eventOf } from "./echo.js";
import { CLOSE_CODES, } from "./frames.js";
import { IdMaker, idMs } from "./ids.js";
import { Link } from "./link.js";
import { Marks } from "./marks.js";
import { Outbox } from "./outbox.js";
import { NEXT } from "./phases.js";
import { Requests } from "./requests.js";
import { Tracker } from "./tracker.js";
import { Watches } from "./watches.js";
export const DEFAULT_RULES = {
    backoff: { base_ms: 250, cap_ms: 15_000 },
    connect_timeout_ms: 12_000,
    silence_ms: 8_000,
    resend_ms: 20_000,
    commands_at_once: 64,
    marks_ms: 150,
    follow: true,
};
const HELLO_POSITIONS_LIMIT = 500; // of some 45 bytes each, in a frame of at most 64 KiB
const HELLO_SYNC_TIMEOUT_MS = 10_000;
const RESYNC_MS = 500;
const SEQ_AHEAD_TRIES = 5;
const RENEWALS_LIMIT = 3;
const ID_AGE_LIMIT_MS = 60_000; // an id that was never sent may be replaced; older ones look stale or ahead to the owner
const NEVER_FROM = 4500; // close codes from here on do not go away by themselves, also those we do not know
const REFUSED_PAUSE_FLOOR_MS = 50;
const PUT_OFF = new Set(["rate_limited", "unavailable"]); // of a call's command: the edge's own, not the owner's
/** A command to a call: worth nothing to the application that comes after this one. */
const isOfCall = (frame) => frame.type.startsWith("call_");
export class Core {
    user;
    device;
    agent;
    random;
    rules;
    phase = "stopped";
    outbox = new Outbox();
    trackers = new Map();
    epoch = null;
    limits = null;
    /** This device's push token, registered with every hello; the welcome's `push` says what became of it. */
    push = null;
    /** The server's clock minus ours, as the last welcome or pong told it. */
    clock_offset_ms = 0;
    clock_known = false;
    requests = new Requests();
    syncs = new Map();
    seq_ahead = new Map();
    marks;
    watches = new Watches();
    presence_request = "";
    link;
    ids;
    connection = 0;
    phase_since_ms = 0;
    retry_at_ms = null;
    fresh_token = false;
    heartbeat_ms = 25_000;
    sent_ms = 0;
    /** Since when nothing was heard after something was sent. */
    silent_since_ms = null;
    probe_ms = null;
    hold_until_ms = 0;
    request_count = 0;
    reason = "";
    out = [];
    constructor(user, device, agent, random, rules = DEFAULT_RULES) {
        this.user = user;
        this.device = device;
        this.agent = agent;
        this.random = random;
        this.rules = rules;
        this.ids = new IdMaker(random);
        this.marks = new Marks(rules.marks_ms);
        this.link = new Link(random, rules.backoff);
    }
    // ---- what survives
    restore(saved) {
        this.epoch = saved.epoch;
        for (const [conversation, [next_seq, ordinal, read_ordinal]] of Object.entries(saved.positions))
            this.trackers.set(conversation, new Tracker(next_seq, ordinal, read_ordinal));
        for (const { frame, sent } of saved.outbox)
            this.outbox.add(frame, sent ? 0 : null);
        for (const [conversation, state, up_to_seq] of saved.marks ?? [])
            this.marks.note(conversation, state, up_to_seq, 0);
    }
    snapshot() {
        const active = [...this.trackers].filter(([, tracker]) => tracker.active);
        const positions = Object.fromEntries(active.map(([name, t]) => [name, [t.next_seq, t.ordinal, t.read_ordinal]]));
        const outbox = [...this.outbox].flatMap(({ frame, first_connection }) => (isOfCall(frame) ? [] : [{ frame, sent: first_connection !== null }]));
        return { epoch: this.epoch, positions, outbox, marks: this.marks.saved() };
    }
    // ---- what the application asks
    start(now_ms) {
        this.link.attempt = 0;
        if (this.signal("start", now_ms, ""))
            this.out.push({ kind: "open", fresh_token: this.fresh_token });
        return this.flush(now_ms);
    }
    stop(now_ms) {
        this.disconnect(now_ms);
        this.signal("stop", now_ms, "");
        return this.flush(now_ms);
    }
    /** Ends the wait for the next attempt: the network is back, or the user asks. */
    retryNow(now_ms) {
        if (this.phase === "waiting")
            this.retry_at_ms = now_ms;
        return this.tick(now_ms);
    }
    /** Takes a command; the effect `queued` names its key. */
    command(command, now_ms) {
        const frame = { ...command, id: this.ids.next(now_ms + this.clock_offset_ms) };
        const entry = this.outbox.add(frame);
        this.out.push({ kind: "queued", key: entry.key, frame }, { kind: "save" });
        return this.flush(now_ms);
    }
    /** Marks as read up to an event; does nothing unless that raises the mark. An unsent mark of the conversation is overtaken. */
    markRead(conversation, up_to_seq, up_to_ordinal, now_ms) {
        const tracker = this.trackers.get(conversation);
        if (tracker === undefined || up_to_ordinal <= tracker.read_ordinal)
            return this.flush(now_ms);
        tracker.read_ordinal = up_to_ordinal;
        const command = { type: "mark_read", conversation, up_to_seq, up_to_ordinal };
        for (const entry of this.outbox) {
            if (entry.frame.type !== "mark_read" || entry.frame.conversation !== conversation || entry.first_connection !== null)
                continue;
            this.outbox.replace(entry, { ...command, id: entry.frame.id });
            this.out.push({ kind: "save" });
            return this.flush(now_ms);
        }
        return this.command(command, now_ms);
    }
    typing(conversation, typing, now_ms) {
        if (this.phase === "online")
            this.send({ type: "typing", conversation, typing }, now_ms);
        return this.flush(now_ms);
    }
    /** A signal of a call: may be lost. */
    callSignal(frame, now_ms) {
        if (this.phase === "online")
            this.send(frame, now_ms);
        return this.flush(now_ms);
    }
    /** Coalesced; waits for a connection. */
    mark(conversation, state, up_to_seq, now_ms) {
        this.marks.note(conversation, state, up_to_seq, now_ms);
        this.out.push({ kind: "save" });
        return this.flush(now_ms);
    }
    /** Holds on every connection from now on, until another one takes its place. */
    watch(frame, now_ms) {
        this.watches.note(frame);
        if (this.phase === "online") {
            this.send(frame, now_ms);
            this.watches.sent();
        }
        return this.flush(now_ms);
    }
    /** Asks for something; answered by `answered` (the directory: by `directory`) or `failed` with the id that this names. */
    read(read, now_ms) {
        const request = this.newRequest();
        if (read.type === "watch_presence")
            this.replaceWatch(request, read);
        this.requests.add({ ...read, request }, now_ms);
        return { request, effects: this.flush(now_ms) };
    }
    /** An older watch that is still under way could be answered after this one: it is given up. */
    replaceWatch(request, watched) {
        const { presence_request } = this;
        this.watches.presence = { users: watched.users ?? [], conversations: watched.conversations ?? [] };
        this.presence_request = request;
        if (this.requests.take(presence_request) === undefined)
            return;
        const failure = { type: "error", code: "replaced", detail: "another watch took its place", retryable: false, retry_after_ms: 0, conversation: null };
        this.out.push({ kind: "failed", failure: { ...failure, request: presence_request } });
    }
    /** Reads a conversation's events from `from_seq` on (else from where it stands), up to its head: answered by `synced`. */
    sync(conversation, from_seq, now_ms) {
        const tracker = this.trackers.get(conversation) ?? new Tracker(from_seq ?? 1);
        this.trackers.set(conversation, tracker);
        if (from_seq !== null) {
            tracker.next_seq = from_seq;
            tracker.forgetEarly();
            this.dropSync(conversation); // its answer would begin somewhere else
        }
        this.needSync(conversation, now_ms);
        return this.flush(now_ms);
    }
    // ---- what the shell reports
    opened(token, now_ms) {
        if (!this.signal("opened", now_ms, ""))
            return this.flush(now_ms);
        this.connection += 1;
        this.silent_since_ms = null;
        this.probe_ms = null;
        this.syncs.clear();
        this.link.opened();
        const { follow } = this.rules;
        const positions = {};
        const newest = follow ? [...this.trackers].filter(([, tracker]) => tracker.active).slice(-HELLO_POSITIONS_LIMIT) : [];
        for (const [conversation, tracker] of newest) {
            positions[conversation] = tracker.next_seq;
            this.syncs.set(conversation, { hello: true, deadline_ms: now_ms + HELLO_SYNC_TIMEOUT_MS });
        }
        const push = this.push === null ? {} : { push: this.push };
        this.send({ type: "hello", token, device: this.device, epoch: this.epoch, positions, agent: this.agent, follow, ...push }, now_ms);
        return this.flush(now_ms);
    }
    /** The socket closed, by whomever. */
    closed(code, now_ms) {
        const known = CLOSE_CODES.find((close) => close.code === code);
        const reconnect = known?.reconnect ?? (code >= NEVER_FROM ? "never" : "backoff");
        if (reconnect === "new_token")
            this.fresh_token = true;
        this.lost(known?.reason ?? `the connection broke (${code})`, now_ms, reconnect === "never");
        return this.flush(now_ms);
    }
    /** No socket could be opened, or no token be had. `final`: signing in is needed. */
    notOpened(reason, final, now_ms) {
        this.lost(reason, now_ms, final);
        return this.flush(now_ms);
    }
    frame(frame, now_ms) {
        this.silent_since_ms = null;
        this.probe_ms = null;
        if (this.phase === "greeting" && frame.type === "welcome")
            this.welcome(frame, now_ms);
        else if (this.phase === "greeting" && frame.type === "error")
            this.onFailure(frame, now_ms);
        else if (this.phase === "online")
            this.onFrame(frame, now_ms);
        return this.flush(now_ms);
    }
    tick(now_ms) {
        switch (this.phase) {
            case "waiting":
                if (this.retry_at_ms !== null && now_ms >= this.retry_at_ms && this.signal("retry", now_ms, this.reason))
                    this.out.push({ kind: "open", fresh_token: this.fresh_token });
                break;
            case "connecting":
            case "greeting":
                if (now_ms - this.phase_since_ms >= this.rules.connect_timeout_ms)
                    this.drop("no answer in time", now_ms);
                break;
            case "online":
                if (now_ms >= this.link.leave_ms)
                    this.moveAway(now_ms);
                else
                    this.watchLink(now_ms);
                this.watchHelloSyncs(now_ms);
                break;
            case "stopped":
            case "ended":
                break;
        }
        return this.flush(now_ms);
    }
    /** When `tick` is due. Shape: ms of the same clock; Infinity: nothing is waited for. */
    nextMs() {
        if (this.phase === "waiting")
            return this.retry_at_ms ?? Infinity;
        if (this.phase === "connecting" || this.phase === "greeting")
            return this.phase_since_ms + this.rules.connect_timeout_ms;
        if (this.phase !== "online")
            return Infinity;
        const waits = [this.requests.nextMs(), this.marks.nextMs(), this.probeMs(), this.link.leave_ms];
        for (const sync of this.syncs.values())
            if (sync.hello)
                waits.push(sync.deadline_ms);
        for (const entry of this.outbox) {
            if (entry.checking)
                continue;
            if (entry.flying)
                waits.push(entry.sent_at_ms + this.rules.resend_ms);
            else if (this.outbox.flying_count < this.window())
                waits.push(this.hold_until_ms);
            if (!entry.flying)
                break; // the ones behind it wait for the same
        }
        return Math.min(...waits);
    }
    // ---- the connection
    signal(signal, now_ms, reason) {
        const next = NEXT[this.phase][signal];
        if (next === undefined || next === this.phase)
            return false;
        this.phase = next;
        this.phase_since_ms = now_ms;
        this.reason = reason;
        if (next !== "waiting")
            this.retry_at_ms = null;
        this.out.push({ kind: "state", phase: next, retry_at_ms: this.retry_at_ms, reason });
        return true;
    }
    lost(reason, now_ms, final) {
        if (this.phase !== "connecting" && this.phase !== "greeting" && this.phase !== "online")
            return;
        const online_ms = this.phase === "online" ? now_ms - this.phase_since_ms : 0;
        this.disconnect(now_ms);
        const retry_at_ms = this.link.lost(online_ms, now_ms);
        if (!final)
            this.retry_at_ms = retry_at_ms;
        this.signal(final ? "end" : "lost", now_ms, reason);
    }
    drop(reason, now_ms) {
        this.lost(reason, now_ms, false);
    }
    /** What waits is told before the socket closes; commands that are not answered go on over the next one. */
    moveAway(now_ms) {
        for (const mark of this.marks.all(now_ms))
            this.send(mark, now_ms);
        this.lost("moving to another node", now_ms, false);
    }
    disconnect(now_ms) {
        if (this.phase === "connecting" || this.phase === "greeting" || this.phase === "online")
            this.out.push({ kind: "close" });
        this.outbox.landAll();
        this.requests.landAll(now_ms);
        this.syncs.clear();
        this.marks.connectionLost(now_ms);
        for (const tracker of this.trackers.values())
            tracker.forgetEarly();
    }
    welcome(welcome, now_ms) {
        this.user = welcome.user;
        this.limits = welcome.limits;
        this.heartbeat_ms = welcome.heartbeat_ms;
        this.fresh_token = false;
        this.hold_until_ms = 0;
        this.setClock(welcome.now_ms, now_ms);
        this.signal("welcomed", now_ms, "");
        if (welcome.epoch_changed || (this.epoch !== null && this.epoch !== welcome.epoch)) {
            this.trackers.clear();
            this.syncs.clear();
            this.marks.forget(null);
            this.out.push({ kind: "reset", conversation: null });
        }
        this.epoch = welcome.epoch;
        this.out.push({ kind: "welcome", frame: welcome }, { kind: "save" });
        for (const frame of this.watches.again())
            this.send(frame, now_ms);
        if (this.watches.presence !== null && !this.requests.has(this.presence_request)) {
            this.presence_request = this.newRequest();
            this.requests.add({ type: "watch_presence", request: this.presence_request, ...this.watches.presence }, now_ms);
        }
        this.directory(welcome.directory, welcome.next, now_ms);
    }
    setClock(server_ms, now_ms) {
        this.clock_offset_ms = server_ms - now_ms;
        if (this.clock_known)
            return;
        this.clock_known = true;
        for (const entry of [...this.outbox])
            this.refreshId(entry, now_ms);
    }
    /** An id made before the server's clock was known, and never sent, is made anew. */
    refreshId(entry, now_ms) {
        const server_ms = now_ms + this.clock_offset_ms;
        if (entry.first_connection !== null || Math.abs(idMs(entry.frame.id) - server_ms) < ID_AGE_LIMIT_MS)
            return;
        this.outbox.renew(entry, this.ids.next(server_ms));
        entry.renewals = 0;
    }
    probeMs() {
        if (this.probe_ms !== null)
            return this.probe_ms + this.rules.silence_ms;
        const unanswered = this.outbox.flying_count > 0 || this.requests.size > 0;
        const idle_ms = this.sent_ms + this.heartbeat_ms;
        return unanswered && this.silent_since_ms !== null ? Math.min(idle_ms, this.silent_since_ms + this.rules.silence_ms) : idle_ms;
    }
    watchLink(now_ms) {
        if (now_ms < this.probeMs())
            return;
        if (this.probe_ms !== null) {
            this.drop("the node does not answer", now_ms);
            return;
        }
        this.send({ type: "ping" }, now_ms);
        this.probe_ms = now_ms;
    }
    send(frame, now_ms) {
        this.sent_ms = now_ms;
        this.silent_since_ms ??= now_ms;
        this.out.push({ kind: "send", frame });
    }
    // ---- frames of the edge
    onFrame(frame, now_ms) {
        switch (frame.type) {
            case "ack":
                return this.onAck(frame, now_ms);
            case "reject":
                return this.onReject(frame, now_ms);
            case "events":
                if (this.rules.follow)
                    for (const event of frame.events)
                        this.onEvent(frame.conversation, event, "live", now_ms);
                return;
            case "page":
                return this.onPage(frame, now_ms);
            case "directory_page":
                if (this.requests.take(frame.request) !== undefined)
                    this.directory(frame.directory, frame.next, now_ms);
                return;
            case "roster":
                this.out.push({ kind: "roster", frame });
                return;
            case "presence":
                this.out.push({ kind: "presence", users: frame.users });
                if (this.requests.take(frame.request) !== undefined)
                    this.out.push({ kind: "answered", answer: frame });
                return;
            case "history_page":
            case "receipts_page":
                if (this.requests.take(frame.request) !== undefined)
                    this.out.push({ kind: "answered", answer: frame });
                return;
            case "receipt":
                return this.onReceipt(frame);
            case "receipt_counts":
                this.out.push({ kind: "counts", frame });
                return;
            case "signalled":
                this.out.push({ kind: "signalled", frame });
                return;
            case "resync":
                return this.onResync(frame, now_ms);
            case "move":
                this.link.move(frame.after_ms, now_ms);
                this.out.push({ kind: "moving", after_ms: frame.after_ms });
                return;
            case "user_typing":
                this.out.push({ kind: "typing", frame });
                return;
            case "pong":
                this.setClock(frame.now_ms, now_ms);
                return;
            case "error":
                return this.onFailure(frame, now_ms);
            case "call_ack":
                return this.onCallAck(frame);
            case "call_refused":
                return this.onCallRefused(frame, now_ms);
            case "call_ring":
            case "call_stop":
            case "call_changed":
            case "call_over":
            case "call_ticket":
            case "call_described":
            case "call_candidate_came":
            case "call_tracks_changed":
            case "call_speaking":
            case "call_limits":
            case "call_signal_refused":
                this.out.push({ kind: "call", frame });
                return;
            case "welcome":
                return; // a second one: nothing depends on it
        }
    }
    onReceipt(frame) {
        const tracker = this.trackers.get(frame.conversation);
        if (tracker !== undefined && frame.user === this.user && frame.state === "read")
            tracker.read_ordinal = Math.max(tracker.read_ordinal, frame.up_to_ordinal ?? 0);
        this.out.push({ kind: "receipt", frame });
    }
    /** The edge gave up events of this conversation, and perhaps the page that was asked for. */
    onResync(frame, now_ms) {
        if (!this.rules.follow)
            return;
        if (!this.trackers.has(frame.conversation))
            this.trackers.set(frame.conversation, new Tracker(frame.from_seq));
        this.dropSync(frame.conversation);
        this.needSync(frame.conversation, now_ms);
    }
    directory(entries, next, now_ms) {
        for (const entry of this.rules.follow ? entries : []) {
            const tracker = this.trackers.get(entry.conversation);
            const read_ordinal = entry.head_ordinal - entry.unread;
            if (tracker === undefined) {
                this.trackers.set(entry.conversation, new Tracker(entry.head_seq + 1, entry.head_ordinal, read_ordinal));
                continue;
            }
            tracker.active = true;
            tracker.read_ordinal = Math.max(tracker.read_ordinal, read_ordinal);
            // everything up to this head was written to the socket before, unless it is what the sync of the hello brings
            if (entry.head_seq >= tracker.next_seq)
                this.needSync(entry.conversation, now_ms);
        }
        if (next !== null)
            this.requests.add({ type: "directory", request: this.newRequest(), after: next }, now_ms);
        this.out.push({ kind: "directory", entries, complete: next === null });
    }
    onAck(ack, now_ms) {
        const entry = this.outbox.byId(ack.id);
        if (entry !== undefined) {
            this.settle(entry, ack);
            const event = ack.seq === 0 || isOfCall(entry.frame) ? null : eventOf(entry.frame, ack, this.user, this.device);
            if (ack.seq === 0)
                this.withoutEvent(entry.frame);
            else if (event === null)
                this.readUpTo(ack, now_ms);
            else if (this.rules.follow)
                this.onEvent(ack.conversation, event, "own", now_ms);
            return;
        }
        // of another tab that shares this device, or answered twice: the event itself may be unknown here
        if (ack.seq > 0)
            this.readUpTo(ack, now_ms);
    }
    /** Something of this device happened there, and what it was is not known here. */
    readUpTo(ack, now_ms) {
        if (!this.rules.follow)
            return;
        const tracker = this.trackers.get(ack.conversation) ?? new Tracker(ack.seq);
        this.trackers.set(ack.conversation, tracker);
        if (ack.seq >= tracker.next_seq)
            this.needSync(ack.conversation, now_ms);
    }
    /** A read mark that made no event is told to the user's other devices as a receipt: to this one as well. */
    withoutEvent(frame) {
        if (frame.type !== "mark_read" || !this.rules.follow)
            return;
        const { conversation, up_to_seq, up_to_ordinal } = frame;
        this.onReceipt({ type: "receipt", conversation, user: this.user, state: "read", up_to_seq, up_to_ordinal });
    }
    settle(entry, ack) {
        this.outbox.remove(entry);
        const { conversation, seq, ordinal, at_ms } = ack;
        this.out.push({ kind: "acked", key: entry.key, frame: entry.frame, conversation, seq, ordinal, at_ms }, { kind: "save" });
    }
    onReject(reject, now_ms) {
        const entry = this.outbox.byId(reject.id);
        if (entry === undefined)
            return;
        if (reject.retryable)
            return this.putOff(entry, reject.retry_after_ms, now_ms);
        const renewable = entry.renewals < RENEWALS_LIMIT;
        if (renewable && (reject.code === "clock_ahead" || (reject.code === "stale" && entry.first_connection === this.connection))) {
            this.renew(entry, now_ms);
            return;
        }
        if (renewable && reject.code === "stale") {
            this.outbox.land(entry);
            entry.checking = true;
            this.needSync(reject.conversation, now_ms);
            return;
        }
        this.outbox.remove(entry);
        const { conversation, code, detail } = reject;
        this.out.push({ kind: "refused", key: entry.key, frame: entry.frame, conversation, code, detail }, { kind: "save" });
    }
    putOff(entry, retry_after_ms, now_ms) {
        this.outbox.land(entry);
        const pause_ms = Math.max(retry_after_ms, REFUSED_PAUSE_FLOOR_MS) * (1 + 0.2 * this.random());
        this.hold_until_ms = Math.max(this.hold_until_ms, now_ms + pause_ms);
    }
    onCallAck({ id, conversation, call, seq }) {
        const entry = this.outbox.byId(id);
        if (entry === undefined)
            return;
        this.outbox.remove(entry);
        this.out.push({ kind: "acked", key: entry.key, frame: entry.frame, conversation, seq, ordinal: 0, at_ms: 0, call });
    }
    /** A late call is not asked for again under a new id: who called would be rung by a wish of long ago. */
    onCallRefused(refusal, now_ms) {
        const entry = this.outbox.byId(refusal.id);
        if (entry === undefined)
            return;
        if (PUT_OFF.has(refusal.code))
            return this.putOff(entry, refusal.retry_after_ms, now_ms);
        this.outbox.remove(entry);
        const { conversation, code, detail } = refusal;
        this.out.push({ kind: "refused", key: entry.key, frame: entry.frame, conversation, code, detail, refusal });
    }
    renew(entry, now_ms) {
        this.outbox.renew(entry, this.ids.next(now_ms + this.clock_offset_ms));
        this.out.push({ kind: "save" });
    }
    // ---- events
    onEvent(conversation, event, source, now_ms) {
        const tracker = this.trackers.get(conversation) ?? new Tracker(event.seq);
        this.trackers.set(conversation, tracker);
        const { taken, gap } = tracker.offer(event);
        this.handOut(conversation, tracker, taken, source);
        this.markHeld(conversation, tracker, event.seq, now_ms);
        if (gap)
            this.needSync(conversation, now_ms);
    }
    onPage(page, now_ms) {
        this.requests.take(page.request);
        const tracker = this.trackers.get(page.conversation);
        const sync = this.syncs.get(page.conversation);
        if (tracker === undefined || (sync !== undefined && !sync.hello && page.request !== "" && sync.request !== page.request))
            return;
        // also when nothing was asked any more: after a page with `more` the edge holds live events back until the last one
        if (sync === undefined && !page.more)
            return;
        const before = tracker.next_seq;
        const { taken, missing, gap } = tracker.page(page);
        this.handOut(page.conversation, tracker, taken, "page");
        this.markHeld(page.conversation, tracker, Math.min(page.events[0]?.seq ?? Infinity, missing[0] ?? Infinity), now_ms);
        if (missing.length > 0)
            this.out.push({ kind: "missing", conversation: page.conversation, seqs: missing }, { kind: "save" });
        this.syncs.delete(page.conversation);
        this.seq_ahead.delete(page.conversation);
        const behind = page.more || gap || page.next_seq > tracker.next_seq;
        // a page that brought nothing would be asked for in a circle
        if (behind)
            this.needSync(page.conversation, tracker.next_seq > before ? now_ms : now_ms + RESYNC_MS);
        else
            this.caughtUp(page.conversation, now_ms);
    }
    /** What came from `seq` on is acknowledged as far as it is held; a repeat too: its mark was lost, or it would not have come. */
    markHeld(conversation, tracker, seq, now_ms) {
        if (this.rules.follow && tracker.active && tracker.next_seq > seq)
            this.marks.note(conversation, "delivered", tracker.next_seq - 1, now_ms);
    }
    handOut(conversation, tracker, events, source) {
        for (const event of events) {
            const entry = event.user === this.user ? this.outbox.byId(event.id) : undefined;
            if (entry !== undefined)
                this.settle(entry, { ...event, conversation });
            this.noteOwn(tracker, event);
            // another member's own matter only takes its seq
            if (event.kind !== "hidden")
                this.out.push({ kind: "event", conversation, event, source });
        }
        if (events.length > 0)
            this.out.push({ kind: "save" });
    }
    noteOwn(tracker, event) {
        const mine = event.user === this.user;
        const joined = event.kind === "member_added" && event.member === this.user;
        // who sends a message has read up to it, and who joins has read what was there before
        const read = event.kind === "read_marked" && mine ? event.up_to_ordinal : (event.kind === "message_sent" && mine) || joined ? event.ordinal : 0;
        tracker.read_ordinal = Math.max(tracker.read_ordinal, read);
        const sent_away = (event.kind === "member_removed" || event.kind === "member_banned") && event.member === this.user;
        if ((event.kind === "member_left" && mine) || sent_away)
            tracker.active = false;
        if (joined)
            tracker.active = true;
    }
    newRequest() {
        return `q${++this.request_count}`;
    }
    needSync(conversation, at_ms) {
        if (this.phase !== "online" || this.syncs.has(conversation))
            return; // offline: the next hello carries the position
        const tracker = this.trackers.get(conversation) ?? new Tracker(1);
        this.trackers.set(conversation, tracker);
        const request = this.newRequest();
        this.syncs.set(conversation, { hello: false, request });
        const limit = this.limits?.sync_events ?? 200;
        this.requests.add({ type: "sync", request, conversation, from_seq: tracker.next_seq, limit }, at_ms);
    }
    dropSync(conversation) {
        const sync = this.syncs.get(conversation);
        this.syncs.delete(conversation);
        if (sync !== undefined && !sync.hello)
            this.requests.take(sync.request);
    }
    /** Everything up to the head was seen: what waited to know whether it was accepted was not. */
    caughtUp(conversation, now_ms) {
        this.release(conversation, now_ms);
        this.out.push({ kind: "synced", conversation });
    }
    release(conversation, now_ms) {
        for (const entry of [...this.outbox]) {
            const { frame } = entry;
            const concerned = frame.conversation === conversation || frame.conversation === "";
            if (entry.checking && concerned)
                this.renew(entry, now_ms);
        }
    }
    watchHelloSyncs(now_ms) {
        for (const [conversation, sync] of this.syncs) {
            if (!sync.hello || now_ms < sync.deadline_ms)
                continue;
            this.syncs.delete(conversation);
            this.needSync(conversation, now_ms);
        }
    }
    onFailure(failure, now_ms) {
        if (failure.request === "" && failure.code === "busy") {
            this.link.busy(failure.retry_after_ms); // it closes now
            return;
        }
        if (failure.request === "") {
            const about = failure.conversation ?? null;
            if (about !== null && !failure.retryable)
                return this.onSyncFailed(about, failure, now_ms);
            const wait_ms = Math.max(failure.retry_after_ms, RESYNC_MS);
            for (const [conversation, sync] of this.syncs) {
                if (sync.hello && (about ?? conversation) === conversation)
                    sync.deadline_ms = Math.min(sync.deadline_ms, now_ms + wait_ms);
            }
            return;
        }
        const asked = this.requests.take(failure.request);
        if (asked === undefined || this.requests.putOff(asked, failure, now_ms, this.random))
            return;
        if (failure.request === this.presence_request)
            this.watches.presence = null;
        if (asked.frame.type === "sync")
            this.onSyncFailed(asked.frame.conversation, failure, now_ms);
        else
            this.out.push({ kind: "failed", failure });
    }
    onSyncFailed(conversation, failure, now_ms) {
        this.syncs.delete(conversation);
        const tracker = this.trackers.get(conversation);
        if (failure.code === "seq_ahead") {
            // this node may be behind the one we come from; if it stays so, the position is of another log
            const tries = (this.seq_ahead.get(conversation) ?? 0) + 1;
            this.seq_ahead.set(conversation, tries);
            if (tries <= SEQ_AHEAD_TRIES)
                return this.needSync(conversation, now_ms + 2 * RESYNC_MS);
            this.trackers.delete(conversation);
            this.marks.forget(conversation);
            this.out.push({ kind: "reset", conversation });
        }
        if (failure.code === "not_member" && tracker !== undefined)
            tracker.active = false;
        if (failure.code === "not_member")
            this.marks.forget(conversation);
        tracker?.forgetEarly();
        if (failure.code === "not_member")
            this.release(conversation, now_ms);
        this.out.push({ kind: "sync_failed", conversation, failure }, { kind: "save" });
    }
    // ---- what is to be sent
    window() {
        return Math.min(this.rules.commands_at_once, this.limits?.outstanding_commands ?? this.rules.commands_at_once);
    }
    flush(now_ms) {
        if (this.phase === "online") {
            for (const read of this.requests.due(now_ms))
                this.send(read, now_ms);
            this.flushOutbox(now_ms);
            for (const mark of this.marks.due(now_ms))
                this.send(mark, now_ms);
        }
        const effects = this.out;
        this.out = [];
        return effects;
    }
    flushOutbox(now_ms) {
        if (now_ms < this.hold_until_ms)
            return;
        for (const entry of this.outbox) {
            if (entry.checking)
                continue;
            const silent = entry.flying && now_ms - entry.sent_at_ms >= this.rules.resend_ms;
            if (entry.flying && !silent)
                continue;
            if (!entry.flying && this.outbox.flying_count >= this.window())
                return;
            this.refreshId(entry, now_ms);
            this.outbox.fly(entry, this.connection, now_ms);
            this.send(entry.frame, now_ms);
        }
    }
}
