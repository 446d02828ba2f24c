// Calls of this device: the core of calls with its timers, connections and devices. What the application uses is here.
import { CallCore } from "./call_core.js";
import { LocalMedia, MEDIA_RULES, devicesOf } from "./call_media.js";
import { CallRoom } from "./call_room.js";
import { CALL_RULES } from "./call_rules.js";
import { Emitter } from "./emitter.js";
import { CallRejected, ClientClosed, WarblerError } from "./errors.js";
export class Calls {
    port;
    options;
    emitter = new Emitter();
    rooms = new Map();
    rules;
    media_rules;
    core = null;
    chosen = {};
    timer;
    effects = [];
    performing = false;
    places = new WeakMap();
    constructor(port, options) {
        this.port = port;
        this.options = options;
        this.rules = { ...CALL_RULES, ...options.rules };
        this.media_rules = { ...MEDIA_RULES, ...options.media };
    }
    on(name, listener) {
        return this.emitter.on(name, listener);
    }
    /** Calls that this device knows of: ringing here, taken part in, or going on without it. */
    all() {
        return this.core?.all() ?? [];
    }
    get(call) {
        return this.core?.get(call);
    }
    /** Who is to be seen and heard. Null: this device is not in the call. */
    scene(call) {
        const live = this.get(call);
        const room = this.rooms.get(call);
        return live === undefined || room === undefined || this.core === null ? null : room.scene(live, this.core.user, this.port.device);
    }
    // ---- commands: each resolves when it is committed, and raises CallRejected when it is refused
    /** Calls. Shape: the call's id; another call's where the other side had called first (it is answered then). */
    async request(conversation, options = {}) {
        const { media = "audio", call_kind = "one_to_one", callees = [], ring_ms = 60_000, engine = "" } = options;
        const call = this.port.id();
        const frame = { type: "call_request", conversation, call, call_kind, media, callees, ring_ms, engine };
        return this.enter({ call, conversation, call_kind, media }, media === "video", frame);
    }
    /** Answers a ring; `camera`: also with one's own picture. */
    answer(call, camera = this.get(call)?.media === "video") {
        return this.enter(this.known(call), camera, this.made(call, { type: "call_accept" }));
    }
    /** Into a group's call; or here, into a call in which the user is with another device. */
    join(call, camera = this.get(call)?.media === "video") {
        return this.enter(this.known(call), camera, this.made(call, { type: "call_join" }));
    }
    async reject(call) {
        const frame = this.made(call, { type: "call_reject" });
        this.apply(this.core?.silenced(call) ?? []);
        await this.port.command(frame);
    }
    /** Ends a call between two; leaves a group's, or ends it `for_all`. */
    async hangUp(call, for_all = false) {
        await this.goOut(call, this.made(call, { type: "call_hang_up", for_all, ...this.qualityOf(call) }));
    }
    async leave(call) {
        await this.goOut(call, this.made(call, { type: "call_leave", ...this.qualityOf(call) }));
    }
    async invite(call, callees) {
        await this.port.command(this.made(call, { type: "call_invite", callees }));
    }
    /** `target` takes this user's place once it has accepted. */
    async transfer(call, target) {
        await this.port.command(this.made(call, { type: "call_transfer", target }));
    }
    async kick(call, target) {
        await this.port.command(this.made(call, { type: "call_kick", target }));
    }
    /** Of another participant, by a moderator; one's own microphone: `setMuted`. */
    async mute(call, target, muted = true) {
        await this.port.command(this.made(call, { type: "call_mute", target, muted }));
    }
    async hand(call, raised = true) {
        await this.port.command(this.made(call, { type: "call_hand", raised }));
    }
    /** From audio to video, with one's own camera. */
    async upgrade(call) {
        await this.port.command(this.made(call, { type: "call_upgrade" }));
        await this.setCamera(call, true);
    }
    async hold(call) {
        await this.port.command(this.made(call, { type: "call_hold" }));
        this.rooms.get(call)?.local.hold(true);
    }
    async resume(call) {
        await this.port.command(this.made(call, { type: "call_resume" }));
        this.rooms.get(call)?.local.hold(false);
    }
    /** To another engine; by a moderator, or by either of two that speak without one. */
    async switchEngine(call, engine = "") {
        await this.port.command(this.made(call, { type: "call_switch", engine }));
    }
    // ---- devices
    devices() {
        return devicesOf(this.mediaPort());
    }
    /** For calls from now on, and at once in those that are under way. */
    async choose(chosen) {
        this.chosen = { ...this.chosen, ...chosen };
        for (const room of this.rooms.values())
            await room.local.choose(chosen);
    }
    setMuted(call, muted) {
        this.rooms.get(call)?.local.mute(muted);
    }
    /** Shape: whether it is so now. */
    async setCamera(call, on) {
        return (await this.rooms.get(call)?.local.setCamera(on)) ?? false;
    }
    async setScreen(call, on) {
        return (await this.rooms.get(call)?.local.setScreen(on)) ?? false;
    }
    /** What this device sends: whether the microphone is muted, the camera on, a screen shared. */
    own(call) {
        const local = this.rooms.get(call)?.local;
        return { muted: local?.muted ?? false, camera: local?.camera_on ?? false, screen: local?.screen_on ?? false, held: local?.held ?? false };
    }
    /** How much of somebody's picture this device wants. */
    layer(call, publisher, source, layer) {
        const { conversation } = this.known(call);
        this.port.signal({ type: "call_layer", conversation, call, epoch: this.rooms.get(call)?.epoch ?? 1, publisher, source, layer });
    }
    /** New connections for every call: the network has changed. A browser's `online` is heard by itself. */
    reconnect() {
        for (const call of this.rooms.keys())
            this.apply(this.core?.restart(call, this.port.now()) ?? []);
    }
    // ---- from the client
    welcomed(user) {
        if (this.core?.user !== user) {
            this.close();
            this.core = new CallCore(user, this.port.device, this.rules);
            this.listen(true);
        }
        this.apply(this.core.welcomed(this.port.now()));
    }
    heard(frame) {
        const { core } = this;
        if (core === null)
            return;
        if (frame.type !== "call_candidate_came")
            this.apply(core.frame(frame, this.port.now()));
        if (frame.type === "call_described" || frame.type === "call_candidate_came")
            this.rooms.get(frame.call)?.heard(frame);
        if (frame.type === "call_limits")
            this.rooms.get(frame.call)?.limit(frame.bitrate_kbps, frame.height);
    }
    /** The conversation has the entry of a call that is over: who was not in it hears so by this alone. */
    noted(call) {
        this.apply(this.core?.noted(call) ?? []);
    }
    close() {
        clearTimeout(this.timer);
        this.listen(false);
        for (const room of this.rooms.values())
            room.close();
        this.rooms.clear();
        this.core = null;
    }
    // ---- going in and out
    async enter(asked, camera, frame) {
        const { core } = this;
        if (core === null)
            throw new ClientClosed();
        const room = this.rooms.get(asked.call) ?? this.makeRoom(asked);
        void room.start(camera);
        this.apply(core.asks(asked, this.port.now()));
        try {
            const { call = asked.call } = await this.port.command(frame);
            this.moveRoom(asked.call, call);
            if (core === this.core)
                this.apply(core.granted(asked.call, call, this.port.now()));
            return call;
        }
        catch (error) {
            if (core === this.core)
                this.apply(core.refused(asked.call));
            throw error;
        }
    }
    /** Over here at once: nobody waits for a microphone to be let go of. */
    async goOut(call, frame) {
        const for_all = frame.type === "call_hang_up" && frame.for_all === true;
        this.apply(this.core?.gone(call, for_all) ?? []);
        try {
            await this.port.command(frame);
        }
        catch (error) {
            if (!(error instanceof CallRejected))
                throw error; // it was over already
        }
    }
    makeRoom({ call, conversation }) {
        const { port } = this;
        // the call may become another one, by glare
        const at = { call, conversation };
        const room = new CallRoom((changed) => new LocalMedia(this.mediaPort(), this.chosen, this.media_rules, changed, (trouble) => this.emitter.emit("trouble", { call: at.call, trouble })), this.options.peer ?? ((configuration) => new RTCPeerConnection(configuration)), {
            signal: (epoch, signal) => port.signal({ ...signal, ...at, epoch }),
            tracks: (epoch, tracks) => port.signal({ type: "call_tracks", ...at, epoch, tracks }),
            flow: (link, flow) => this.apply(this.core?.linked(at.call, link, flow, port.now()) ?? []),
            media: () => this.emitter.emit("media", { call: at.call }),
            speaking: (speakers) => this.apply(this.core?.speaking(at.call, speakers) ?? []),
            quality: (quality, grade) => this.emitter.emit("quality", { call: at.call, quality, grade }),
            failed: (why) => this.emitter.emit("trouble", { call: at.call, trouble: { source: "connection", why } }),
        }, port.now);
        this.places.set(room, at);
        this.rooms.set(call, room);
        return room;
    }
    moveRoom(from, to) {
        const room = this.rooms.get(from);
        if (room === undefined || from === to)
            return;
        this.rooms.delete(from);
        this.rooms.set(to, room);
        const at = this.places.get(room);
        if (at !== undefined)
            at.call = to;
    }
    shut(call) {
        this.rooms.get(call)?.close();
        this.rooms.delete(call);
    }
    known(call) {
        const live = this.get(call);
        if (live === undefined)
            throw new WarblerError("unknown_call", "there is no such call here");
        return live;
    }
    made(call, frame) {
        return { ...frame, conversation: this.known(call).conversation, call };
    }
    qualityOf(call) {
        const quality = this.rooms.get(call)?.quality() ?? null;
        return quality === null ? {} : { quality };
    }
    mediaPort() {
        const port = this.options.devices ?? globalThis.navigator?.mediaDevices;
        if (port === undefined)
            throw new WarblerError("no_media", "give options.calls.devices: this runtime, or this address without https, has none");
        return port;
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
            case "command":
                return void this.port.command(effect.frame).catch((error) => this.ownFailed(effect.frame.type, effect.frame.call, error));
            case "ticket_wanted": {
                const { conversation, call, epoch, generation } = effect;
                return this.port.signal({ type: "call_ticket_wanted", conversation, call, epoch, generation });
            }
            case "open":
                if (effect.ticket.url !== "")
                    return this.needsClient(effect.call);
                return this.rooms.get(effect.call)?.open(effect.link, effect.ticket);
            case "shut":
                return this.shut(effect.call);
            case "ring":
                return this.emitter.emit("ring", effect.call);
            case "stop":
                return this.emitter.emit("stop", effect);
            case "changed":
                if (CAME.has(effect.what))
                    this.rooms.get(effect.call.call)?.sayTracks();
                return this.emitter.emit("changed", effect);
            case "over":
                return this.emitter.emit("over", effect);
        }
    }
    /** An engine that devices speak to themselves. */
    needsClient(call) {
        this.emitter.emit("trouble", { call, trouble: { source: "connection", why: "this engine has a client of its own, which is not here" } });
    }
    /** What the core asked for by itself: most of it is late when it is refused, and that is no trouble. */
    ownFailed(type, call, error) {
        if (!(error instanceof WarblerError))
            throw error;
        if (type === "call_switch")
            this.emitter.emit("trouble", { call, trouble: { source: "connection", why: error.detail } });
    }
    arm() {
        const { core } = this;
        clearTimeout(this.timer);
        const next_ms = core?.nextMs() ?? Infinity;
        if (core === null || next_ms === Infinity)
            return;
        const tick = () => {
            if (this.core === core)
                this.apply(core.tick(this.port.now()));
        };
        this.timer = setTimeout(tick, Math.max(0, next_ms - this.port.now()) + 1);
    }
    listen(on) {
        if (typeof globalThis.addEventListener !== "function")
            return;
        if (on)
            globalThis.addEventListener("online", this.onOnline);
        else
            globalThis.removeEventListener("online", this.onOnline);
    }
    onOnline = () => this.reconnect();
}
/** Somebody is new in the call. */
const CAME = new Set(["call_accepted", "participant_joined", "granted"]);
