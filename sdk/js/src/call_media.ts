// Microphone, camera and screen of one call: what is taken of them, and what of it is sent. Shell.

import type { OutTrack } from "./call_link.js";

export type TrackSource = "microphone" | "camera" | "screen" | "screen_audio";
export interface Devices {
  readonly microphones: readonly MediaDeviceInfo[];
  readonly cameras: readonly MediaDeviceInfo[];
  readonly speakers: readonly MediaDeviceInfo[];
}
export interface Chosen {
  readonly microphone?: string;
  readonly camera?: string;
}
/** Why something could not be taken: `denied` by the user or the browser, `missing`, or `busy` in another program. */
export type MediaTrouble = { readonly source: TrackSource; readonly why: "denied" | "missing" | "busy" };
export type MediaPort = Pick<MediaDevices, "getUserMedia" | "getDisplayMedia" | "enumerateDevices">;

export interface MediaRules {
  readonly camera: MediaTrackConstraints;
  readonly screen: MediaTrackConstraints;
}
export const MEDIA_RULES: MediaRules = {
  camera: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 24, max: 30 } },
  screen: { frameRate: { ideal: 10, max: 30 } },
};
const MICROPHONE: MediaTrackConstraints = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

export async function devicesOf(port: MediaPort): Promise<Devices> {
  const all = await port.enumerateDevices();
  const of = (kind: MediaDeviceKind): MediaDeviceInfo[] => all.filter((device) => device.kind === kind);
  return { microphones: of("audioinput"), cameras: of("videoinput"), speakers: of("audiooutput") };
}

export class LocalMedia {
  muted = false;
  held = false;
  private readonly taken = new Map<TrackSource, MediaStreamTrack>();
  private wants_camera = false;
  private closed = false;

  constructor(
    private readonly port: MediaPort,
    private chosen: Chosen,
    private readonly rules: MediaRules,
    private readonly changed: () => void,
    private readonly trouble: (trouble: MediaTrouble) => void,
  ) {}

  track(source: TrackSource): MediaStreamTrack | null {
    return this.taken.get(source) ?? null;
  }

  get camera_on(): boolean {
    return this.taken.has("camera");
  }

  get screen_on(): boolean {
    return this.taken.has("screen");
  }

  /** Takes the microphone, and the camera if wanted: together, so that the browser asks once. What cannot be had is told, and left out. */
  async start(camera: boolean): Promise<void> {
    this.wants_camera = camera;
    try {
      this.keepAll(await this.port.getUserMedia({ audio: this.microphone(), ...(camera ? { video: this.camera() } : {}) }), false);
    } catch {
      await this.take("microphone"); // one of the two is missing: the other alone, and each says what is wrong with it
      if (camera) await this.take("camera");
    }
    this.changed();
  }

  mute(muted: boolean): void {
    this.muted = muted;
    this.enable();
    this.changed();
  }

  /** Nothing is sent while it is held. */
  hold(held: boolean): void {
    this.held = held;
    this.enable();
    this.changed();
  }

  async setCamera(on: boolean): Promise<boolean> {
    this.wants_camera = on || this.wants_camera;
    if (on && !this.camera_on) await this.take("camera");
    if (!on) this.drop("camera");
    this.changed();
    return this.camera_on === on;
  }

  async setScreen(on: boolean): Promise<boolean> {
    if (on && !this.screen_on) await this.takeScreen();
    if (!on) for (const source of ["screen", "screen_audio"] as const) this.drop(source);
    this.changed();
    return this.screen_on === on;
  }

  /** Other devices, at once where theirs are in use. */
  async choose(chosen: Chosen): Promise<void> {
    this.chosen = { ...this.chosen, ...chosen };
    if (chosen.microphone !== undefined && this.taken.has("microphone")) await this.take("microphone");
    if (chosen.camera !== undefined && this.camera_on) await this.take("camera");
    this.changed();
  }

  /** What is sent. A camera that is off keeps its place, so that it comes back without an offer. */
  outs(): OutTrack[] {
    const outs: OutTrack[] = [{ source: "microphone", track: this.track("microphone"), muted: this.muted || this.held || !this.taken.has("microphone") }];
    if (this.wants_camera) outs.push({ source: "camera", track: this.track("camera"), muted: this.held || !this.camera_on });
    for (const source of ["screen", "screen_audio"] as const) if (this.taken.has(source)) outs.push({ source, track: this.track(source), muted: this.held });
    return outs;
  }

  close(): void {
    this.closed = true;
    for (const source of [...this.taken.keys()]) this.drop(source);
  }

  private async take(source: "microphone" | "camera"): Promise<void> {
    try {
      this.keepAll(await this.port.getUserMedia(source === "microphone" ? { audio: this.microphone() } : { video: this.camera() }), false);
    } catch (error) {
      this.trouble({ source, why: whyOf(error) });
    }
  }

  private async takeScreen(): Promise<void> {
    try {
      this.keepAll(await this.port.getDisplayMedia({ video: this.rules.screen, audio: true }), true);
    } catch (error) {
      this.trouble({ source: "screen", why: whyOf(error) });
    }
  }

  private keepAll(stream: MediaStream, screen: boolean): void {
    for (const track of stream.getTracks()) {
      const source: TrackSource = track.kind === "audio" ? (screen ? "screen_audio" : "microphone") : screen ? "screen" : "camera";
      if (this.closed) track.stop(); // the call was over before the user had answered the browser
      else this.keep(source, track);
    }
  }

  private keep(source: TrackSource, track: MediaStreamTrack): void {
    this.drop(source);
    this.taken.set(source, track);
    if (source === "screen") track.contentHint = "detail";
    // unplugged, or "stop sharing" in the browser's own bar
    track.onended = () => {
      if (this.taken.get(source) !== track) return;
      this.drop(source);
      if (source === "screen") this.drop("screen_audio");
      this.changed();
    };
    this.enable();
  }

  private drop(source: TrackSource): void {
    const track = this.taken.get(source);
    this.taken.delete(source);
    if (track === undefined) return;
    track.onended = null;
    track.stop();
  }

  private enable(): void {
    for (const [source, track] of this.taken) track.enabled = !this.held && !(source === "microphone" && this.muted);
  }

  private microphone(): MediaTrackConstraints {
    return { ...MICROPHONE, ...(this.chosen.microphone === undefined ? {} : { deviceId: { exact: this.chosen.microphone } }) };
  }

  private camera(): MediaTrackConstraints {
    return { ...this.rules.camera, ...(this.chosen.camera === undefined ? {} : { deviceId: { exact: this.chosen.camera } }) };
  }
}

function whyOf(error: unknown): MediaTrouble["why"] {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  return name === "NotFoundError" || name === "OverconstrainedError" || name === "TypeError" ? "missing" : "busy";
}
