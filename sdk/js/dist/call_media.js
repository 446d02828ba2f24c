// Microphone, camera and screen of one call: what is taken of them, and what of it is sent. Shell.
export const MEDIA_RULES = {
    camera: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 24, max: 30 } },
    screen: { frameRate: { ideal: 10, max: 30 } },
};
const MICROPHONE = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
export async function devicesOf(port) {
    const all = await port.enumerateDevices();
    const of = (kind) => all.filter((device) => device.kind === kind);
    return { microphones: of("audioinput"), cameras: of("videoinput"), speakers: of("audiooutput") };
}
export class LocalMedia {
    port;
    chosen;
    rules;
    changed;
    trouble;
    muted = false;
    held = false;
    taken = new Map();
    wants_camera = false;
    closed = false;
    constructor(port, chosen, rules, changed, trouble) {
        this.port = port;
        this.chosen = chosen;
        this.rules = rules;
        this.changed = changed;
        this.trouble = trouble;
    }
    track(source) {
        return this.taken.get(source) ?? null;
    }
    get camera_on() {
        return this.taken.has("camera");
    }
    get screen_on() {
        return this.taken.has("screen");
    }
    /** Takes the microphone, and the camera if wanted: together, so that the browser asks once. What cannot be had is told, and left out. */
    async start(camera) {
        this.wants_camera = camera;
        try {
            this.keepAll(await this.port.getUserMedia({ audio: this.microphone(), ...(camera ? { video: this.camera() } : {}) }), false);
        }
        catch {
            await this.take("microphone"); // one of the two is missing: the other alone, and each says what is wrong with it
            if (camera)
                await this.take("camera");
        }
        this.changed();
    }
    mute(muted) {
        this.muted = muted;
        this.enable();
        this.changed();
    }
    /** Nothing is sent while it is held. */
    hold(held) {
        this.held = held;
        this.enable();
        this.changed();
    }
    async setCamera(on) {
        this.wants_camera = on || this.wants_camera;
        if (on && !this.camera_on)
            await this.take("camera");
        if (!on)
            this.drop("camera");
        this.changed();
        return this.camera_on === on;
    }
    async setScreen(on) {
        if (on && !this.screen_on)
            await this.takeScreen();
        if (!on)
            for (const source of ["screen", "screen_audio"])
                this.drop(source);
        this.changed();
        return this.screen_on === on;
    }
    /** Other devices, at once where theirs are in use. */
    async choose(chosen) {
        this.chosen = { ...this.chosen, ...chosen };
        if (chosen.microphone !== undefined && this.taken.has("microphone"))
            await this.take("microphone");
        if (chosen.camera !== undefined && this.camera_on)
            await this.take("camera");
        this.changed();
    }
    /** What is sent. A camera that is off keeps its place, so that it comes back without an offer. */
    outs() {
        const outs = [{ source: "microphone", track: this.track("microphone"), muted: this.muted || this.held || !this.taken.has("microphone") }];
        if (this.wants_camera)
            outs.push({ source: "camera", track: this.track("camera"), muted: this.held || !this.camera_on });
        for (const source of ["screen", "screen_audio"])
            if (this.taken.has(source))
                outs.push({ source, track: this.track(source), muted: this.held });
        return outs;
    }
    close() {
        this.closed = true;
        for (const source of [...this.taken.keys()])
            this.drop(source);
    }
    async take(source) {
        try {
            this.keepAll(await this.port.getUserMedia(source === "microphone" ? { audio: this.microphone() } : { video: this.camera() }), false);
        }
        catch (error) {
            this.trouble({ source, why: whyOf(error) });
        }
    }
    async takeScreen() {
        try {
            this.keepAll(await this.port.getDisplayMedia({ video: this.rules.screen, audio: true }), true);
        }
        catch (error) {
            this.trouble({ source: "screen", why: whyOf(error) });
        }
    }
    keepAll(stream, screen) {
        for (const track of stream.getTracks()) {
            const source = track.kind === "audio" ? (screen ? "screen_audio" : "microphone") : screen ? "screen" : "camera";
            if (this.closed)
                track.stop(); // the call was over before the user had answered the browser
            else
                this.keep(source, track);
        }
    }
    keep(source, track) {
        this.drop(source);
        this.taken.set(source, track);
        if (source === "screen")
            track.contentHint = "detail";
        // unplugged, or "stop sharing" in the browser's own bar
        track.onended = () => {
            if (this.taken.get(source) !== track)
                return;
            this.drop(source);
            if (source === "screen")
                this.drop("screen_audio");
            this.changed();
        };
        this.enable();
    }
    drop(source) {
        const track = this.taken.get(source);
        this.taken.delete(source);
        if (track === undefined)
            return;
        track.onended = null;
        track.stop();
    }
    enable() {
        for (const [source, track] of this.taken)
            track.enabled = !this.held && !(source === "microphone" && this.muted);
    }
    microphone() {
        return { ...MICROPHONE, ...(this.chosen.microphone === undefined ? {} : { deviceId: { exact: this.chosen.microphone } }) };
    }
    camera() {
        return { ...this.rules.camera, ...(this.chosen.camera === undefined ? {} : { deviceId: { exact: this.chosen.camera } }) };
    }
}
function whyOf(error) {
    const name = error instanceof Error ? error.name : "";
    if (name === "NotAllowedError" || name === "SecurityError")
        return "denied";
    return name === "NotFoundError" || name === "OverconstrainedError" || name === "TypeError" ? "missing" : "busy";
}
