// Made by sdk/js/generate.py from edge/frames.py, edge/call_frames.py, schemas/events.py and edge/closing.py: change those, then run it again.
// The frames of `warbler.v1+json` as two closed unions; the field `type` names the frame.
export const SUBPROTOCOL_JSON = "warbler.v1+json";
export const CLOSE_CODES = [
    { code: 1000, reason: "closed by the device", reconnect: "never" },
    { code: 4000, reason: "this node is stopping", reconnect: "backoff" },
    { code: 4001, reason: "nothing was heard for two heartbeats", reconnect: "backoff" },
    { code: 4002, reason: "the log or the store cannot be reached", reconnect: "backoff" },
    { code: 4008, reason: "the device reads too slowly; it resumes by position", reconnect: "backoff" },
    { code: 4009, reason: "the device acknowledges nothing; it resumes by position", reconnect: "backoff" },
    { code: 4010, reason: "too many devices come at once; the error before says when to come back", reconnect: "backoff" },
    { code: 4011, reason: "a fault of ours", reconnect: "backoff" },
    { code: 4500, reason: "a frame could not be understood", reconnect: "never" },
    { code: 4003, reason: "no hello in time", reconnect: "backoff" },
    { code: 4502, reason: "the token is not one of ours", reconnect: "new_token" },
    { code: 4503, reason: "the token has expired", reconnect: "new_token" },
    { code: 4504, reason: "the token or its sign-in was revoked", reconnect: "never" },
    { code: 4505, reason: "the user has too many sessions", reconnect: "never" },
    { code: 1002, reason: "not the WebSocket protocol (or a compressed frame, which was not agreed)", reconnect: "never" },
    { code: 1009, reason: "a frame was longer than EDGE_FRAME_BYTES_LIMIT", reconnect: "never" },
    { code: 4507, reason: "offer warbler.v1+json or warbler.v1+msgpack", reconnect: "never" },
    { code: 1007, reason: "a text frame was not UTF-8", reconnect: "never" },
    { code: 4509, reason: "the first frame must be hello, and only the first", reconnect: "never" },
    { code: 4510, reason: "hello has more positions than EDGE_POSITIONS_LIMIT", reconnect: "never" },
    { code: 4511, reason: "signed in on another device, and the tenant allows no more of this platform", reconnect: "never" },
    { code: 4512, reason: "an administrator froze the account", reconnect: "never" },
];
