// The client: a WebSocket, timers and fetch around the core. Every effect of the core is performed here, in order.
import { Calls } from "./calls.js";
import { Core, DEFAULT_RULES } from "./core.js";
import { Emitter } from "./emitter.js";
import { CallRejected, ClientClosed, Rejected, RequestFailed, SignedOut, WarblerError } from "./errors.js";
import { CLOSE_CODES, SUBPROTOCOL_JSON, } from "./frames.js";
import { Friends } from "./friends.js";
import { Groups } from "./groups.js";
import { IdMaker } from "./ids.js";
import { SignIn } from "./signin.js";
import { Rest } from "./rest.js";
import { RosterKeeper } from "./roster_keeper.js";
import { MemoryStore, readJson } from "./storage.js";
import { Stream } from "./stream.js";
import { Ways } from "./ways.js";
const SAVE_MS = 200;
const TIMER_LIMIT_MS = 2 ** 31 - 1;
const DEFAULT_FRAME_BYTES = 64 * 1024;
const BROKEN = 1006; // RFC 6455 7.1.5: no close frame
const utf8 = new TextEncoder();
export class Client {
    options;
    rest;
    device;
    /** Signing in, by each method. */
    ways;
    /** Requests, answers, blocks; what is read of people is in `rest.friends`. */
    friends = new Friends((frame) => this.command(frame));
    /** Members, roles, mutes, bans, links; what is read of groups is in `rest.groups`. */
    groups = new Groups((frame) => this.command(frame));
    /** Voice and video: needs a browser's WebRTC. */
    calls;
    rosterKeeper;
    emitter = new Emitter();
    store;
    signin;
    commands = new Map();
    reads = new Map();
    urls;
    turn = 0;
    syncs = new Map();
    streams = new Set();
    ids = new IdMaker(Math.random);
    core = null;
    socket = null;
    opening = 0;
    timer;
    timer_at_ms = Infinity;
    save_timer;
    effects = [];
    performing = false;
    constructor(options) {
        this.options = options;
        this.store = options.storage ?? new MemoryStore();
        this.device = options.device ?? this.keptDevice();
        this.signin = new SignIn(this.store, () => this.rest, Date.now);
        const call = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
        this.urls = [options.url].flat().map((url) => url.replace(/\/$/, ""));
        this.rest = new Rest(() => options.rest_url ?? this.url, call, (fresh) => this.signin.token(fresh));
        const { device_name, platform = "web" } = options;
        const info = { id: this.device, platform, ...(device_name === undefined ? {} : { name: device_name }) };
        this.ways = new Ways(this.rest, info, this.store, (signed_in) => this.useSignIn(signed_in));
        this.calls = new Calls(this.callPort(), options.calls ?? {});
        this.rosterKeeper = new RosterKeeper(this.rest.friends, this.store, (heard) => this.emitter.emit("roster", heard));
    }
    // ---- signing in
    /** Who is signed in, also from an earlier run with the same storage. */
    get signedIn() {
        return this.signin.current;
    }
    /** An access token that is good for a while, for calls that are not made here: an `Admin`'s. Raises: SignedOut, Unreachable. */
    token() {
        return this.signin.token(false);
    }
    register(name, password) {
        return this.ways.register(name, password);
    }
    /** By name and password; the other ways are in `ways`. A second factor may be needed: then `ways.factor` ends it. */
    login(name, password) {
        return this.ways.password(name, password);
    }
    /** Takes tokens that came another way, like an administrator's. */
    useSignIn(signed_in) {
        if (this.core !== null && this.core.user !== signed_in.user)
            this.close();
        this.signin.set(signed_in);
        return signed_in;
    }
    /** Ends the session and forgets the sign-in, the positions and what was not sent. */
    async logout() {
        const { current } = this.signin;
        this.close();
        if (current !== null)
            this.store.removeItem(stateKey(current.user));
        if (current !== null)
            this.rosterKeeper.forget(current.user);
        this.signin.set(null);
        if (current?.refresh_token !== undefined)
            await this.rest.logout(current.refresh_token);
    }
    // ---- the connection
    /** Connects, and again after every loss, until `close` or `logout`. Raises: SignedOut when nobody is signed in. */
    connect() {
        const { current } = this.signin;
        if (current === null)
            throw new SignedOut("sign in first");
        if (this.core === null) {
            const rules = { ...DEFAULT_RULES, ...this.options.rules };
            this.core = new Core(current.user, this.device, this.options.agent ?? "warbler-js/0.1.0", Math.random, rules);
            this.core.push = this.options.push ?? null;
            const saved = readJson(this.store, stateKey(current.user));
            if (saved !== null)
                this.core.restore(saved);
        }
        this.apply(this.core.start(now()));
    }
    /** Does not wait for the back-off to end: call it when the network is back, or when the user asks. */
    retryNow() {
        if (this.core !== null)
            this.apply(this.core.retryNow(now()));
    }
    /** Ends the session. What is under way is rejected with ClientClosed; unacked commands are kept for the next run. */
    close() {
        const { core } = this;
        if (core === null)
            return;
        this.calls.close();
        this.apply(core.stop(now()));
        this.save();
        this.core = null;
        clearTimeout(this.timer);
        this.timer_at_ms = Infinity;
        const waiters = [...this.commands.values(), ...this.reads.values(), ...[...this.syncs.values()].flat()];
        for (const waiters_map of [this.commands, this.reads, this.syncs])
            waiters_map.clear();
        for (const waiter of waiters)
            waiter.reject(new ClientClosed());
        for (const stream of [...this.streams])
            stream.end();
    }
    /** The edge's address where it is connected, or will be next. */
    get url() {
        return this.urls[this.turn % this.urls.length] ?? "";
    }
    get phase() {
        return this.core?.phase ?? "stopped";
    }
    /** Where this device stands. Shape: conversation -> next seq. */
    get positions() {
        return new Map([...(this.core?.trackers ?? [])].map(([name, tracker]) => [name, tracker.next_seq]));
    }
    /** Commands without an answer, oldest first; of one conversation, or all. */
    pending(conversation) {
        const all = [...(this.core?.outbox ?? [])];
        return conversation === undefined ? all : all.filter((entry) => entry.frame.conversation === conversation);
    }
    // ---- hearing
    on(name, listener) {
        return this.emitter.on(name, listener);
    }
    /** Events from now on, as an async iterator that ends with `close`; each conversation's dense by seq. Raises: Overflow. */
    events() {
        const stream = new Stream(() => this.streams.delete(stream));
        this.streams.add(stream);
        return stream;
    }
    [Symbol.asyncIterator]() {
        return this.events();
    }
    // ---- commands: each resolves when it is committed, and raises Rejected when it is refused for good
    send(conversation, content, options = {}) {
        return this.command({ type: "send_message", conversation, content: contentOf(content), ...options });
    }
    edit(conversation, target_seq, content, mentions = []) {
        return this.command({ type: "edit_message", conversation, target_seq, content: contentOf(content), mentions });
    }
    recall(conversation, target_seq) {
        return this.command({ type: "recall_message", conversation, target_seq });
    }
    react(conversation, target_seq, reaction) {
        return this.command({ type: "add_reaction", conversation, target_seq, reaction });
    }
    unreact(conversation, target_seq, reaction) {
        return this.command({ type: "remove_reaction", conversation, target_seq, reaction });
    }
    /** The conversation with one other user: the one there is, or a new one. */
    async direct(user) {
        const members = [{ user, role: "member" }];
        try {
            return (await this.command({ type: "create_conversation", conversation: "", conversation_kind: "direct", members })).conversation;
        }
        catch (error) {
            if (error instanceof Rejected && error.code === "conversation_exists")
                return error.conversation;
            throw error;
        }
    }
    /** `settings`: private, by invitation, with the whole history for newcomers, unless they say otherwise. */
    async createGroup(title, users, kind = "group", settings) {
        const members = users.map((user) => ({ user, role: "member" }));
        const made = { type: "create_conversation", conversation: "", conversation_kind: kind, title, members };
        const frame = settings === undefined ? made : { ...made, settings };
        return (await this.command(frame)).conversation;
    }
    /** Any command, as a frame without its id. */
    command(frame) {
        const { core } = this;
        if (core === null)
            return Promise.reject(new ClientClosed());
        const bytes = utf8.encode(JSON.stringify(frame)).length + 60; // and its id
        const limit = core.limits?.frame_bytes ?? DEFAULT_FRAME_BYTES;
        // the edge would close the connection, again after each reconnect
        if (bytes > limit)
            return Promise.reject(new Rejected("too_long", `a frame has at most ${limit} bytes`, frame.conversation));
        const effects = core.command(frame, now());
        const queued = effects.find((effect) => effect.kind === "queued");
        return new Promise((resolve, reject) => {
            if (queued !== undefined)
                this.commands.set(queued.key, { resolve, reject });
            this.apply(effects);
        });
    }
    /** Marks as read up to a message, by its seq and ordinal; does nothing when it was read before. */
    markRead(conversation, seq, ordinal) {
        if (this.core !== null)
            this.apply(this.core.markRead(conversation, seq, ordinal, now()));
    }
    /** Tells the others that the user types, or stopped. May be lost. */
    typing(conversation, typing) {
        if (this.core !== null)
            this.apply(this.core.typing(conversation, typing, now()));
    }
    // ---- marks, which wait for a connection
    /** Listened or looked to the end. */
    markPlayed(conversation, seq) {
        if (this.core !== null)
            this.apply(this.core.mark(conversation, "played", seq, now()));
    }
    /** Shown by a push, not opened. */
    markPreviewed(conversation, seq) {
        if (this.core !== null)
            this.apply(this.core.mark(conversation, "previewed", seq, now()));
    }
    /** Kept for later, from `seq` on; 0 takes it back. The user's devices hear of it by `receipt`. */
    markUnread(conversation, seq) {
        if (this.core !== null)
            this.apply(this.core.mark(conversation, "unread", seq, now()));
    }
    // ---- presence and counts, which are told as they change, on every connection
    /** How these users and the members of these conversations are; changes come by `presence`. Raises: RequestFailed (too_many). */
    async watchPresence(users, conversations = []) {
        return (await this.ask({ type: "watch_presence", users, conversations })).users;
    }
    /** How many have got as far as `seq`, by `counts`; 0 ends it. */
    watchReceipts(conversation, seq) {
        if (this.core !== null)
            this.apply(this.core.watch({ type: "watch_receipts", conversation, seq }, now()));
    }
    /** Whether the user is away from this device, and the user's status line (absent: as it was; empty: none). */
    setPresence(away, status) {
        if (this.core !== null)
            this.apply(this.core.watch({ type: "set_presence", away, status: status ?? null }, now()));
    }
    // ---- reads
    /** Messages as they stand now, below `before_seq` or the newest. Raises: RequestFailed, ClientClosed. */
    history(conversation, before_seq = null, limit = 50) {
        return this.ask({ type: "history", conversation, before_seq, limit });
    }
    /** Pages of members who have (or have not) got as far as `seq`; one may be empty and not be the last. Raises: as `history`. */
    async *receipts(conversation, seq, wanted = {}) {
        const { state = "read", has = true, limit = 100 } = wanted;
        let after = null;
        do {
            const page = await this.ask({ type: "receipts", conversation, seq, state, has, after, limit });
            yield page;
            after = page.next;
        } while (after !== null);
    }
    /** Friends, requests, blocks and notes, kept up to date from now on; what changes is told by `roster`. */
    followRoster() {
        return this.rosterKeeper.follow(this.signin.current?.user ?? "", this.phase === "online");
    }
    ask(read) {
        const { core } = this;
        if (core === null)
            return Promise.reject(new ClientClosed());
        return new Promise((resolve, reject) => {
            const { request, effects } = core.read(read, now());
            this.reads.set(request, { resolve, reject });
            this.apply(effects);
        });
    }
    /**
     * Resolves when every event up to the conversation's head was handed out. With `from_seq`, from there on once more.
     *
     * Raises: RequestFailed (not a member), ClientClosed.
     */
    sync(conversation, from_seq = null) {
        const { core } = this;
        if (core === null)
            return Promise.reject(new ClientClosed());
        return new Promise((resolve, reject) => {
            this.syncs.set(conversation, [...(this.syncs.get(conversation) ?? []), { resolve, reject }]);
            this.apply(core.sync(conversation, from_seq, now()));
        });
    }
    /** Reads the directory again: how the conversations stand now, by the event `directory`. */
    refreshDirectory() {
        if (this.core !== null)
            this.apply(this.core.read({ type: "directory", after: null }, now()).effects);
    }
    /** Writes positions and unacked commands to the storage now, not in a moment: before the page goes. */
    save() {
        clearTimeout(this.save_timer);
        this.save_timer = undefined;
        if (this.core !== null)
            this.store.setItem(stateKey(this.core.user), JSON.stringify(this.core.snapshot()));
    }
    // ---- performing
    /** Performs effects in order; those that a listener causes come after. */
    apply(effects) {
        this.effects.push(...effects);
        if (this.performing)
            return;
        this.performing = true;
        try {
            for (let effect = this.effects.shift(); effect !== undefined; effect = this.effects.shift())
                this.perform(effect);
        }
        finally {
            this.performing = false;
        }
        this.arm();
    }
    perform(effect) {
        switch (effect.kind) {
            case "open":
                return void this.open(effect.fresh_token);
            case "send":
                return this.write(effect.frame);
            case "close":
                return this.detach();
            case "save":
                this.save_timer ??= setTimeout(() => this.save(), SAVE_MS);
                return;
            case "event":
                return this.hear({ conversation: effect.conversation, event: effect.event, source: effect.source });
            case "queued":
                return this.emitter.emit("queued", { key: effect.key });
            case "acked":
                return this.onAcked(effect);
            case "refused":
                return this.onRefused(effect);
            case "answered":
                return this.takeRead(effect.answer.request)?.resolve(effect.answer);
            case "failed":
                return this.takeRead(effect.failure.request)?.reject(failed(effect.failure));
            case "synced":
                for (const waiter of this.takeSyncs(effect.conversation))
                    waiter.resolve();
                return;
            case "sync_failed":
                for (const waiter of this.takeSyncs(effect.conversation))
                    waiter.reject(failed(effect.failure));
                return;
            case "state":
                if (effect.phase === "waiting")
                    this.turn += 1;
                return this.emitter.emit("state", effect);
            case "welcome":
                this.rosterKeeper.welcome();
                this.calls.welcomed(effect.frame.user);
                return this.emitter.emit("welcome", effect.frame);
            case "directory":
                return this.emitter.emit("directory", { entries: effect.entries, complete: effect.complete });
            case "typing":
                return this.emitter.emit("typing", effect.frame);
            case "receipt":
                return this.emitter.emit("receipt", effect.frame);
            case "counts":
                return this.emitter.emit("counts", effect.frame);
            case "presence":
                return this.emitter.emit("presence", effect.users);
            case "roster":
                return this.rosterKeeper.live(effect.frame);
            case "signalled":
                return this.emitter.emit("signalled", effect.frame);
            case "call":
                return this.calls.heard(effect.frame);
            case "moving":
                return this.emitter.emit("moving", { after_ms: effect.after_ms });
            case "missing":
                return this.emitter.emit("missing", { conversation: effect.conversation, seqs: effect.seqs });
            case "reset":
                return this.emitter.emit("reset", { conversation: effect.conversation });
        }
    }
    hear(heard) {
        if (heard.event.kind === "call_noted")
            this.calls.noted(heard.event.call_id);
        this.emitter.emit("event", heard);
        for (const stream of [...this.streams])
            stream.push(heard);
    }
    onAcked(acked) {
        const { conversation, seq, ordinal, at_ms, call } = acked;
        this.commands.get(acked.key)?.resolve({ conversation, seq, ordinal, at_ms, id: acked.frame.id, ...(call === undefined ? {} : { call }) });
        this.commands.delete(acked.key);
        this.emitter.emit("ack", acked);
    }
    onRefused(refused) {
        this.commands.get(refused.key)?.reject(rejected(refused));
        this.commands.delete(refused.key);
        this.emitter.emit("reject", refused);
    }
    takeRead(request) {
        const waiter = this.reads.get(request);
        this.reads.delete(request);
        return waiter;
    }
    takeSyncs(conversation) {
        const waiters = this.syncs.get(conversation) ?? [];
        this.syncs.delete(conversation);
        return waiters;
    }
    // ---- the socket
    async open(fresh_token) {
        const turn = ++this.opening;
        let token;
        try {
            token = await this.signin.token(fresh_token);
        }
        catch (error) {
            if (!(error instanceof WarblerError))
                throw error;
            if (turn !== this.opening || this.core === null)
                return;
            this.apply(this.core.notOpened(error.detail, error instanceof SignedOut, now()));
            if (error instanceof SignedOut)
                this.emitter.emit("signed_out", { reason: error.detail, why: error.why });
            return;
        }
        if (turn !== this.opening || this.core === null)
            return;
        const Constructor = this.options.WebSocket ?? globalThis.WebSocket;
        if (Constructor === undefined)
            throw new WarblerError("no_websocket", "give options.WebSocket: this runtime has none");
        this.attach(new Constructor(`${this.url.replace(/^http/, "ws")}/v1/socket`, [SUBPROTOCOL_JSON]), token);
    }
    /** From here until `detach` only this socket is heard. */
    attach(socket, token) {
        const { core } = this;
        if (core === null)
            return;
        this.socket = socket;
        socket.onopen = () => this.apply(core.opened(token, now()));
        socket.onmessage = (event) => this.read(core, event.data);
        socket.onerror = () => undefined; // a close follows, with the code
        socket.onclose = (event) => {
            this.socket = null;
            this.apply(core.closed(event.code, now()));
            const why = SIGNED_OUT_BY[event.code];
            if (why !== undefined)
                this.signedOut(why, closeReason(event.code));
        };
    }
    /** Somebody ended this sign-in: the tokens are worth nothing any more. What was not sent is kept, for who signs in again. */
    signedOut(why, reason) {
        this.signin.set(null);
        this.emitter.emit("signed_out", { reason, why });
    }
    read(core, data) {
        let frame;
        try {
            frame = JSON.parse(String(data));
        }
        catch (error) {
            if (!(error instanceof SyntaxError))
                throw error;
            this.apply(core.closed(BROKEN, now())); // not our protocol: something between us and the edge
            return;
        }
        this.apply(core.frame(frame, now()));
    }
    write(frame) {
        this.socket?.send(JSON.stringify(frame));
    }
    detach() {
        this.opening += 1;
        const { socket } = this;
        if (socket === null)
            return;
        this.socket = null;
        socket.onopen = socket.onmessage = socket.onclose = null;
        socket.onerror = () => undefined; // `ws` raises one when it is closed before it was open
        socket.close();
    }
    arm() {
        const { core } = this;
        const next_ms = core?.nextMs() ?? Infinity;
        if (core === null || next_ms >= this.timer_at_ms)
            return; // ticking too early does no harm
        clearTimeout(this.timer);
        this.timer_at_ms = next_ms;
        const tick = () => {
            this.timer_at_ms = Infinity;
            if (this.core === core)
                this.apply(core.tick(now()));
        };
        this.timer = setTimeout(tick, Math.min(Math.max(0, next_ms - now()), TIMER_LIMIT_MS));
    }
    callPort() {
        return {
            device: this.device,
            command: (frame) => this.command(frame),
            signal: (frame) => this.core !== null && this.apply(this.core.callSignal(frame, now())),
            id: () => this.ids.next(now() + (this.core?.clock_offset_ms ?? 0)),
            now,
        };
    }
    keptDevice() {
        const kept = this.store.getItem("warbler.device");
        const device = kept ?? `js-${this.ids.next(Date.now())}`;
        if (kept === null)
            this.store.setItem("warbler.device", device);
        return device;
    }
}
/** Close codes that end the sign-in, not only the session. */
const SIGNED_OUT_BY = { 4504: "revoked", 4511: "replaced", 4512: "frozen" };
const closeReason = (code) => CLOSE_CODES.find((close) => close.code === code)?.reason ?? `closed with ${code}`;
const stateKey = (user) => `warbler.state.${user}`;
function rejected({ code, detail, conversation, refusal }) {
    if (refusal === undefined)
        return new Rejected(code, detail, conversation);
    return new CallRejected(code, detail, conversation, refusal.call, refusal.fault, refusal.retry_after_ms);
}
const failed = (failure) => new RequestFailed(failure.code, failure.detail, failure.retryable);
const contentOf = (content) => (typeof content === "string" ? { text: content } : content);
/** Milliseconds since the Unix epoch that never step back while the process lives. */
function now() {
    return performance.timeOrigin + performance.now();
}
