// One call's media on this device: what is taken of the devices, and the connections, of which a newer pair replaces an older one once it
// carries what that one carried. Shell; driven by `calls.ts`.
import { Link } from "./call_link.js";
import { QualityMeter, countedIn, gradeOf } from "./call_stats.js";
import { sceneOf } from "./call_tiles.js";
const STATS_MS = 2_000;
const LISTEN_MS = 200;
const LOUD = 0.01; // of 1; a quiet room's noise is below
const OVERLAP_MS = 6_000; // an engine keeps a room for 10 s after a switch
const EARLY_LIMIT = 256; // signals of connections that are not open yet
export class CallRoom {
    peer;
    told;
    now;
    local;
    links = []; // the newest last
    early = [];
    meter = new QualityMeter();
    stats_timer;
    listen_timer;
    heard_users = "";
    told_tracks = "";
    started = null;
    closed = false;
    constructor(local, peer, told, now) {
        this.peer = peer;
        this.told = told;
        this.now = now;
        this.local = local(() => this.onLocal());
    }
    get epoch() {
        return this.newest?.id.epoch ?? 1;
    }
    /** Takes the devices; what was opened before they were there sends what there is. */
    start(camera) {
        this.started ??= this.local.start(camera);
        return this.started;
    }
    /** Makes new connections beside those there are. */
    open(id, ticket) {
        // what came to nothing would go on encoding beside what is tried next
        const [kept, vain] = parted(this.links, (each) => each.flow === "up" || carries(each).size > 0);
        for (const each of vain)
            each.close();
        const link = new Link(id, ticket, this.peer, this.toldBy(id));
        this.links = [...kept, link];
        this.meter.renew();
        const early = this.early;
        this.early = [];
        for (const frame of early)
            this.heard(frame);
        void this.offerOn(link);
        this.stats_timer ??= setInterval(() => void this.look(), STATS_MS);
        if (ticket.engine_kind === "p2p")
            this.listen_timer ??= setInterval(() => this.listen(), LISTEN_MS);
        else
            this.deaf();
    }
    heard(frame) {
        const link = this.links.find(({ id }) => id.epoch === frame.epoch && id.generation === frame.generation);
        if (link !== undefined)
            link.heard(frame);
        else if (newerThan(frame, this.newest?.id) && this.early.length < EARLY_LIMIT)
            this.early.push(frame);
    }
    limit(bitrate_kbps, height) {
        this.newest?.limit(bitrate_kbps, height);
    }
    /** Says again what is muted: somebody came who has not heard it. */
    sayTracks() {
        this.told_tracks = "";
        this.sayChanged();
    }
    scene(live, user, device) {
        const { local } = this;
        const own = { camera: local.track("camera"), screen: local.track("screen"), muted: local.muted || local.track("microphone") === null, held: local.held };
        const links = this.links.map((link) => link.tracks()).reverse();
        return sceneOf(live, links, own, user, device);
    }
    quality() {
        return this.meter.total();
    }
    close() {
        this.closed = true;
        clearInterval(this.stats_timer);
        this.deaf();
        for (const link of this.links)
            link.close();
        this.links = [];
        this.local.close();
    }
    // ---- helpers
    get newest() {
        return this.links.at(-1);
    }
    toldBy(id) {
        return {
            signal: (signal) => this.told.signal(id.epoch, signal),
            flow: (flow) => {
                if (flow === "up")
                    setTimeout(() => this.retire(), OVERLAP_MS);
                if (flow === "up")
                    this.sayTracks();
                this.told.flow(id, flow);
                this.retire();
            },
            changed: () => {
                this.retire();
                this.told.media();
            },
            failed: (error) => this.told.failed(error.message),
        };
    }
    /** The first offer has everything in it: one that comes before the camera would be followed by another. */
    async offerOn(link) {
        await this.started;
        if (this.links.includes(link))
            link.send(this.local.outs());
    }
    onLocal() {
        if (this.closed)
            return;
        for (const link of this.links)
            link.send(this.local.outs());
        this.sayChanged();
        this.told.media();
    }
    sayChanged() {
        const labels = this.local.outs().map(({ source, muted }) => ({ mid: "", source, muted }));
        const said = JSON.stringify(labels);
        // who serves the connections knows this device once they are up; until then the offer says it
        if (this.closed || said === this.told_tracks || this.newest?.flow !== "up")
            return;
        this.told_tracks = said;
        const tracks = this.newest.labels();
        this.told.tracks(this.newest.id.epoch, tracks.length > 0 ? tracks : labels);
    }
    /** Breaks what a newer pair of connections has made needless: it is up, and what came over the older one comes over it. */
    retire() {
        const { newest } = this;
        if (this.closed || newest === undefined || newest.flow !== "up" || this.links.length < 2)
            return;
        const carried = carries(newest);
        const late = Date.now() - newest.up_ms >= OVERLAP_MS;
        const [kept, needless] = parted(this.links, (link) => link === newest || (!late && [...carries(link)].some((what) => !carried.has(what))));
        for (const link of needless)
            link.close();
        if (needless.length === 0)
            return;
        this.links = kept;
        this.told.media();
    }
    async look() {
        const { newest } = this;
        if (newest === undefined)
            return;
        const reports = (await newest.stats());
        if (this.closed || reports.length === 0)
            return;
        const quality = this.meter.note(countedIn(reports), this.now());
        this.told.quality(quality, gradeOf(quality));
    }
    /** Who speaks, where no engine says so. */
    listen() {
        const { newest } = this;
        const inputs = newest?.tracks().filter((track) => track.source === "microphone") ?? [];
        const receivers = newest?.subscribe?.getReceivers() ?? [];
        const speakers = inputs.flatMap(({ user, track }) => {
            const level = receivers.find((receiver) => receiver.track === track)?.getSynchronizationSources()[0]?.audioLevel ?? 0;
            return level >= LOUD ? [{ user, level: Math.max(1, Math.round(level * 100)) }] : [];
        });
        const users = speakers.map((speaker) => speaker.user).join(" ");
        if (users === this.heard_users)
            return;
        this.heard_users = users;
        this.told.speaking(speakers);
    }
    deaf() {
        clearInterval(this.listen_timer);
        this.listen_timer = undefined;
        this.heard_users = "";
    }
}
/** Whose what comes in over it now. */
const carries = (link) => new Set(link.tracks().flatMap(({ user, source, track }) => (!track.muted && track.readyState === "live" ? [`${user} ${source}`] : [])));
/** Those of which it holds, and the others. */
function parted(all, holds) {
    return [all.filter((each) => holds(each)), all.filter((each) => !holds(each))];
}
const newerThan = (frame, id) => id === undefined || frame.epoch > id.epoch || (frame.epoch === id.epoch && frame.generation > id.generation);
