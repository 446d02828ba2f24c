import type { InTrack } from "./call_link.js";
import type { LiveCall } from "./call_state.js";
import type { CallParty } from "./call_words.js";
export interface Tile {
    readonly user: string;
    readonly device: string;
    readonly own: boolean;
    /** Null: off, or not here yet. */
    readonly camera: MediaStreamTrack | null;
    readonly microphone: MediaStreamTrack | null;
    /** By itself, or by a moderator. */
    readonly muted: boolean;
    readonly held: boolean;
    readonly hand: boolean;
    readonly speaking: boolean;
    readonly flow: NonNullable<CallParty["flow"]>;
}
export interface Screen {
    readonly user: string;
    readonly own: boolean;
    readonly track: MediaStreamTrack;
    readonly sound: MediaStreamTrack | null;
}
export interface Scene {
    /** Who is in the call, in the order in which they came; this device's own picture is the last one. */
    readonly tiles: readonly Tile[];
    readonly screen: Screen | null;
}
/** What this device sends itself, as far as it is seen. */
export interface OwnMedia {
    readonly camera: MediaStreamTrack | null;
    readonly screen: MediaStreamTrack | null;
    readonly muted: boolean;
    readonly held: boolean;
}
/** `links`: what comes in over each generation of connections, the newest first. */
export declare function sceneOf(live: LiveCall, links: readonly (readonly InTrack[])[], own: OwnMedia, user: string, device: string): Scene;
