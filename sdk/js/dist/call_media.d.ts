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
export type MediaTrouble = {
    readonly source: TrackSource;
    readonly why: "denied" | "missing" | "busy";
};
export type MediaPort = Pick<MediaDevices, "getUserMedia" | "getDisplayMedia" | "enumerateDevices">;
export interface MediaRules {
    readonly camera: MediaTrackConstraints;
    readonly screen: MediaTrackConstraints;
}
export declare const MEDIA_RULES: MediaRules;
export declare function devicesOf(port: MediaPort): Promise<Devices>;
export declare class LocalMedia {
    private readonly port;
    private chosen;
    private readonly rules;
    private readonly changed;
    private readonly trouble;
    muted: boolean;
    held: boolean;
    private readonly taken;
    private wants_camera;
    private closed;
    constructor(port: MediaPort, chosen: Chosen, rules: MediaRules, changed: () => void, trouble: (trouble: MediaTrouble) => void);
    track(source: TrackSource): MediaStreamTrack | null;
    get camera_on(): boolean;
    get screen_on(): boolean;
    /** Takes the microphone, and the camera if wanted: together, so that the browser asks once. What cannot be had is told, and left out. */
    start(camera: boolean): Promise<void>;
    mute(muted: boolean): void;
    /** Nothing is sent while it is held. */
    hold(held: boolean): void;
    setCamera(on: boolean): Promise<boolean>;
    setScreen(on: boolean): Promise<boolean>;
    /** Other devices, at once where theirs are in use. */
    choose(chosen: Chosen): Promise<void>;
    /** What is sent. A camera that is off keeps its place, so that it comes back without an offer. */
    outs(): OutTrack[];
    close(): void;
    private take;
    private takeScreen;
    private keepAll;
    private keep;
    private drop;
    private enable;
    private microphone;
    private camera;
}
