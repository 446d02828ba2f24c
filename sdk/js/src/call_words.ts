// The frames of calls that the modules of calls speak of, by one import; and types taken out of them.

import type { CallOver } from "./frames.js";

export type {
  CallCandidateCame,
  CallChanged,
  CallDescribed,
  CallLimits,
  CallOver,
  CallParty,
  CallRefusal,
  CallRing,
  CallShown,
  CallSignalRefusal,
  CallSpeaking,
  CallStop,
  CallTicket,
  CallTracksChanged,
  FrameIceServer,
  FrameQuality,
  FrameSpeaker,
  FrameTrack,
} from "./frames.js";

export type EndReasonOf = NonNullable<CallOver["reason"]>;
export type LeaveReasonOf = NonNullable<CallOver["left"]>;
