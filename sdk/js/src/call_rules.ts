// How long a device waits for what in a call. Pure.

export interface CallRules {
  /** How often this device says that it is still there, where no engine does; the lease is three times as long. */
  readonly renew_ms: number;
  /** A `call_ticket_wanted` may be lost. */
  readonly ticket_wait_ms: number;
  /** So long the first two connections in a row may take until others are tried; each further one twice as long as the one before. */
  readonly connect_ms: number;
  /** So often new connections are tried in a row before the call is left to its deadlines. */
  readonly restarts_limit: number;
  /** False: a call between two without an engine is moved to one before any media flows. */
  readonly p2p: boolean;
}

export const CALL_RULES: CallRules = { renew_ms: 25_000, ticket_wait_ms: 4_000, connect_ms: 8_000, restarts_limit: 8, p2p: true };
