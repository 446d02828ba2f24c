// One generation of a call's media: a connection that this device publishes on and one that it gets the others on. Shell.
//
// Everything that touches a connection waits for what came before it, so descriptions and candidates never overtake each other. The client
// alone offers on what it publishes, and only who serves it on what it subscribes to: offers cannot meet.
import { Ordered } from "./call_order.js";
const DISCONNECTED_MS = 3_000; // a radio's short gap heals by itself
const ORDER = ["microphone", "camera", "screen", "screen_audio"];
export class Link {
    id;
    ticket;
    peer;
    told;
    flow = "connecting";
    up_ms = 0;
    publish;
    subscribe = null;
    senders = new Map();
    order = new Ordered();
    waiting = [];
    outs = [];
    ins = [];
    work = Promise.resolve();
    seq = 0;
    offered = false;
    dirty = false;
    closed = false;
    limit_kbps = 0;
    limit_height = 0;
    lost_timer;
    gap_timer;
    constructor(id, ticket, peer, told) {
        this.id = id;
        this.ticket = ticket;
        this.peer = peer;
        this.told = told;
        this.publish = this.make("publish");
    }
    /** What is sent from now on. Offers anew where another kind of track comes or goes. */
    send(outs) {
        this.outs = outs;
        this.do(async () => {
            if (await this.arrange())
                await this.offer();
        });
    }
    /** What the other side says, in whichever order it comes. */
    heard(frame) {
        this.use(this.order.offer(frame.seq, frame, Date.now()));
    }
    /** At most so much, as the other side asks; 0: no limit. */
    limit(bitrate_kbps, height) {
        this.limit_kbps = bitrate_kbps;
        this.limit_height = height;
        this.do(() => this.applyLimit());
    }
    /** What comes in now, by whom it is. */
    tracks() {
        const by_mid = new Map((this.subscribe?.getTransceivers() ?? []).map((transceiver) => [transceiver.mid, transceiver]));
        return this.ins.flatMap(({ mid, user = "", device = "", source }) => {
            const transceiver = by_mid.get(mid);
            return transceiver === undefined ? [] : [{ user, device, source, track: transceiver.receiver.track }];
        });
    }
    async stats() {
        const reports = [this.publish, this.subscribe].map((pc) => (pc === null ? null : pc.getStats()));
        return (await Promise.all(reports)).filter((report) => report !== null);
    }
    close() {
        this.closed = true;
        clearTimeout(this.lost_timer);
        clearTimeout(this.gap_timer);
        for (const pc of [this.publish, this.subscribe]) {
            if (pc === null)
                continue;
            pc.onicecandidate = pc.onconnectionstatechange = pc.ontrack = null;
            pc.close();
        }
    }
    // ---- publishing
    /** Lays the tracks into the media sections. Whether these changed, so that an offer is needed. */
    async arrange() {
        let changed = !this.offered;
        for (const source of ORDER) {
            const out = this.outs.find((each) => each.source === source);
            const transceiver = this.senders.get(source);
            if (transceiver === undefined)
                changed = this.addSender(source, out) || changed;
            else
                changed = (await setSender(transceiver, out)) || changed;
        }
        return changed;
    }
    addSender(source, out) {
        if (out === undefined && source !== "microphone")
            return false; // an offer has at least one media section
        const kind = source === "microphone" || source === "screen_audio" ? "audio" : "video";
        this.senders.set(source, this.publish.addTransceiver(out?.track ?? kind, { direction: "sendonly" }));
        return true;
    }
    async offer() {
        if (this.publish.signalingState !== "stable") {
            this.dirty = true;
            return;
        }
        this.dirty = false;
        await this.publish.setLocalDescription(await this.publish.createOffer());
        const ticket = this.offered ? "" : this.ticket.ticket;
        this.offered = true;
        this.describe("publish", "offer", this.publish, this.labels(), ticket);
        await this.applyLimit();
    }
    /** What each media section is that something is sent in. */
    labels() {
        return this.outs.flatMap(({ source, muted }) => {
            const mid = this.senders.get(source)?.mid ?? null;
            return mid === null ? [] : [{ mid, source, muted }];
        });
    }
    async applyLimit() {
        const sender = this.senders.get("camera")?.sender;
        const parameters = sender?.getParameters();
        const encoding = parameters?.encodings[0];
        if (sender === undefined || parameters === undefined || encoding === undefined)
            return;
        if (this.limit_kbps > 0)
            encoding.maxBitrate = this.limit_kbps * 1_000;
        else
            delete encoding.maxBitrate;
        const height = sender.track?.getSettings().height ?? 0;
        encoding.scaleResolutionDownBy = this.limit_height > 0 && height > this.limit_height ? height / this.limit_height : 1;
        await sender.setParameters(parameters);
    }
    // ---- hearing
    use(frames) {
        for (const frame of frames)
            this.do(() => (frame.type === "call_described" ? this.describedBy(frame) : this.candidate(frame)));
        clearTimeout(this.gap_timer);
        const wait_ms = this.order.nextMs() - Date.now();
        if (Number.isFinite(wait_ms))
            this.gap_timer = setTimeout(() => this.use(this.order.take(Date.now())), Math.max(0, wait_ms) + 1);
    }
    async describedBy(frame) {
        if (frame.pc === "publish") {
            if (this.publish.signalingState !== "have-local-offer")
                return; // an answer that came twice
            await this.publish.setRemoteDescription({ type: "answer", sdp: frame.sdp });
            await this.flushCandidates();
            if (this.dirty && (await this.arrange()))
                await this.offer();
            else if (this.dirty)
                await this.offer();
            return;
        }
        this.subscribe ??= this.make("subscribe");
        const pc = this.subscribe;
        await pc.setRemoteDescription({ type: "offer", sdp: frame.sdp });
        await this.flushCandidates();
        await pc.setLocalDescription(await pc.createAnswer());
        this.ins = frame.tracks ?? [];
        this.describe("subscribe", "answer", pc, [], "");
        for (const { track } of this.tracks())
            track.onmute = track.onunmute = track.onended = () => this.told.changed();
        this.told.changed();
    }
    async candidate(frame) {
        const pc = frame.pc === "publish" ? this.publish : this.subscribe;
        if (pc === null || pc.remoteDescription === null)
            this.waiting.push(frame);
        else
            await addCandidate(pc, frame);
    }
    async flushCandidates() {
        for (const frame of this.waiting.splice(0))
            await this.candidate(frame);
    }
    // ---- the connections
    make(pc) {
        const iceServers = this.ticket.ice_servers.map(({ urls, username, credential }) => ({ urls: [...urls], ...(username ? { username, credential: credential ?? "" } : {}) }));
        const made = this.peer({ iceServers, bundlePolicy: "max-bundle" });
        made.onicecandidate = ({ candidate }) => this.do(async () => this.number({ type: "call_candidate", pc, candidate: candidate?.candidate ?? "", mid: candidate?.sdpMid ?? "" }));
        made.onconnectionstatechange = () => this.look();
        return made;
    }
    describe(pc, sdp_type, from, tracks, ticket) {
        this.number({ type: "call_description", pc, sdp_type, sdp: from.localDescription?.sdp ?? "", tracks, ticket });
    }
    number(signal) {
        this.seq += 1;
        this.told.signal({ ...signal, generation: this.id.generation, seq: this.seq });
    }
    look() {
        const states = [this.publish.connectionState, ...(this.subscribe === null ? [] : [this.subscribe.connectionState])];
        clearTimeout(this.lost_timer);
        if (states.includes("failed"))
            this.become("lost");
        else if (states.includes("disconnected"))
            this.lost_timer = setTimeout(() => this.become("lost"), DISCONNECTED_MS);
        else if (states.every((state) => state === "connected"))
            this.become("up");
    }
    become(flow) {
        if (this.closed || flow === this.flow)
            return;
        this.flow = flow;
        if (flow === "up")
            this.up_ms = Date.now();
        this.told.flow(flow);
    }
    /** After what is under way. A failure is told and does not keep what follows from being done. */
    do(work) {
        this.work = this.work.then(async () => {
            if (this.closed)
                return;
            try {
                await work();
            }
            catch (error) {
                if (!this.closed)
                    this.told.failed(error instanceof Error ? error : new Error(String(error)));
            }
        });
    }
}
async function setSender(transceiver, out) {
    const direction = out === undefined ? "inactive" : "sendonly";
    if (transceiver.sender.track !== (out?.track ?? null))
        await transceiver.sender.replaceTrack(out?.track ?? null);
    if (transceiver.direction === direction)
        return false;
    transceiver.direction = direction;
    return true;
}
async function addCandidate(pc, { candidate, mid }) {
    try {
        await pc.addIceCandidate(candidate === "" ? undefined : { candidate, ...(mid === undefined || mid === "" ? { sdpMLineIndex: 0 } : { sdpMid: mid }) });
    }
    catch (error) {
        // of a media section that a later description took away, or a kind that this browser does not know: others remain
        if (!(error instanceof DOMException))
            throw error;
    }
}
