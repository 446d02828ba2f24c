// How long a device waits for what in a call. Pure.
export const CALL_RULES = { renew_ms: 25_000, ticket_wait_ms: 4_000, connect_ms: 8_000, restarts_limit: 8, p2p: true };
