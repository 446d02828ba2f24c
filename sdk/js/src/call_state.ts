// What this device knows of one call, and what the core of calls asks of its shell. Pure; closed unions.

import type { CallLimits, CallRing, CallShown, CallStop, CallTicket, EndReasonOf, FrameSpeaker, FrameTrack, LeaveReasonOf } from "./call_words.js";

/**
 * This device's part in a call. ring: it rings here; asking: it has asked to be in it (requested, accepted, joining), and is not
 * answered; in: it takes part; outside: the call goes on without this device.
 */
export type CallPart = "ring" | "asking" | "in" | "outside";
export type CallStopReason = CallStop["why"];
export type Flow = "connecting" | "up" | "lost";

/** Why a call is over for this device. `reason`: the call has ended; `left`: only this device's user is out of it. */
export interface CallEnd {
  readonly reason: EndReasonOf | null;
  readonly left: LeaveReasonOf | null;
}

/** Of a pair of connections. */
export interface LinkId {
  readonly epoch: number;
  readonly generation: number;
}

/** How a call stands, as the application sees it. `deadline_ms`: by this device's clock; of a ring only, else 0. */
export interface LiveCall {
  readonly call: string;
  readonly conversation: string;
  readonly caller: string;
  readonly call_kind: CallRing["call_kind"];
  readonly media: CallRing["media"];
  readonly part: CallPart;
  readonly deadline_ms: number;
  readonly knock: boolean;
  /** Null until the edge has told. */
  readonly shown: CallShown | null;
  readonly engine_kind: CallRing["engine_kind"] | null;
  readonly flow: Flow;
  readonly speakers: readonly FrameSpeaker[];
  /** What others say of their tracks. Shape: "<user>/<device>" -> tracks. */
  readonly tracks: ReadonlyMap<string, readonly FrameTrack[]>;
  readonly limits: Pick<CallLimits, "bitrate_kbps" | "height" | "audio_only"> | null;
}

/** Commands that the core gives by itself, without their id. `wanted`: a refusal of it is nobody's trouble. */
export type OwnCommand =
  | { readonly type: "call_delivered" | "call_ringing" | "call_busy" | "call_renew"; readonly conversation: string; readonly call: string }
  | { readonly type: "call_media"; readonly conversation: string; readonly call: string; readonly flow: "up" | "lost" }
  | { readonly type: "call_switch"; readonly conversation: string; readonly call: string };

export type CallEffect =
  | { readonly kind: "command"; readonly frame: OwnCommand }
  | { readonly kind: "ticket_wanted"; readonly conversation: string; readonly call: string; readonly epoch: number; readonly generation: number }
  /** New connections, beside those that there are: make before break. */
  | { readonly kind: "open"; readonly call: string; readonly link: LinkId; readonly ticket: CallTicket }
  /** All connections and what is taken of microphone and camera. */
  | { readonly kind: "shut"; readonly call: string }
  | { readonly kind: "ring"; readonly call: LiveCall }
  | { readonly kind: "stop"; readonly call: string; readonly conversation: string; readonly why: CallStopReason }
  | { readonly kind: "changed"; readonly call: LiveCall; readonly what: string; readonly by: string; readonly about: string }
  | { readonly kind: "over"; readonly call: LiveCall; readonly was: CallPart; readonly end: CallEnd };
