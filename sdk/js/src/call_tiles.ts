// Who is to be seen and heard in a call: one picture a participant, a shared screen in front. Pure.

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

const IN_CALL: ReadonlySet<string> = new Set(["accepted", "joined"]);
const SPEAKING_LEVEL = 1;

/** `links`: what comes in over each generation of connections, the newest first. */
export function sceneOf(live: LiveCall, links: readonly (readonly InTrack[])[], own: OwnMedia, user: string, device: string): Scene {
  const parties = (live.shown?.parties ?? []).filter((party) => IN_CALL.has(party.state));
  const others = parties.filter((party) => party.user !== user);
  const mine = parties.find((party) => party.user === user);
  const tiles = others.map((party) => tileOf(live, links, party));
  return { tiles: [...tiles, ownTile(live, own, mine, user, device)], screen: screenOf(live, links, others, own, user) };
}

function tileOf(live: LiveCall, links: readonly (readonly InTrack[])[], party: CallParty): Tile {
  const { user, held = false, hand = false, flow = "waiting" } = party;
  const device = party.device ?? "";
  const camera = isMuted(live, user, device, "camera") ? null : best(links, user, "camera");
  return {
    ...{ user, device, own: false, held, hand, flow, camera, microphone: best(links, user, "microphone") },
    muted: party.muted === true || isMuted(live, user, device, "microphone"),
    speaking: speaks(live, user),
  };
}

function ownTile(live: LiveCall, own: OwnMedia, party: CallParty | undefined, user: string, device: string): Tile {
  const muted = own.muted || party?.muted === true;
  const shared = { user, device, own: true, camera: own.camera, microphone: null, muted };
  return { ...shared, held: own.held, hand: party?.hand === true, speaking: !muted && speaks(live, user), flow: party?.flow ?? "waiting" };
}

function screenOf(live: LiveCall, links: readonly (readonly InTrack[])[], others: readonly CallParty[], own: OwnMedia, user: string): Screen | null {
  for (const party of others) {
    const track = isMuted(live, party.user, party.device ?? "", "screen") ? null : best(links, party.user, "screen");
    if (track !== null) return { user: party.user, own: false, track, sound: best(links, party.user, "screen_audio") };
  }
  return own.screen === null ? null : { user, own: true, track: own.screen, sound: null };
}

const speaks = (live: LiveCall, user: string): boolean => live.speakers.some((speaker) => speaker.user === user && speaker.level >= SPEAKING_LEVEL);

/** Shape: of the newest connections that carry it already; else of the newest that have it at all. */
function best(links: readonly (readonly InTrack[])[], user: string, source: InTrack["source"]): MediaStreamTrack | null {
  const found = links.flatMap((tracks) => tracks.filter((track) => track.user === user && track.source === source && track.track.readyState === "live"));
  return (found.find(({ track }) => !track.muted) ?? found[0])?.track ?? null;
}

function isMuted(live: LiveCall, user: string, device: string, source: InTrack["source"]): boolean {
  const own_words = live.tracks.get(`${user}/${device}`);
  return own_words?.some((track) => track.source === source && track.muted === true) ?? false;
}
