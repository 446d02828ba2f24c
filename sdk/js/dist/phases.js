// The phases of the connection, as a table. Nothing else decides what follows what.
/**
 * `connecting`: the socket is being opened; `greeting`: hello was sent; `waiting`: for the next attempt; `ended`: only the
 * application can go on (sign in again, close another session).
 */
export const NEXT = {
    stopped: { start: "connecting", stop: "stopped" },
    connecting: { opened: "greeting", lost: "waiting", end: "ended", stop: "stopped" },
    greeting: { welcomed: "online", lost: "waiting", end: "ended", stop: "stopped" },
    online: { lost: "waiting", end: "ended", stop: "stopped" },
    waiting: { retry: "connecting", end: "ended", stop: "stopped" },
    ended: { start: "connecting", stop: "stopped" },
};
