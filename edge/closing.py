"""Why an edge closes a WebSocket: one table of codes, each with what the device should do next.

4000-4499: come back, with back-off. 4500-4999 and the protocol's own 1002-1009: not before something was mended
(`reconnect` says what).
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class CloseCode:
    code: int
    reason: str  # <= 123 bytes (RFC 6455 5.5: control payload 125, minus 2 for the code)
    reconnect: Literal["backoff", "new_token", "never"]


NORMAL = CloseCode(1000, "closed by the device", "never")
GOING_AWAY = CloseCode(4000, "this node is stopping", "backoff")
HEARTBEAT_LOST = CloseCode(4001, "nothing was heard for two heartbeats", "backoff")
UNAVAILABLE = CloseCode(4002, "the log or the store cannot be reached", "backoff")
SLOW = CloseCode(4008, "the device reads too slowly; it resumes by position", "backoff")
UNACKNOWLEDGED = CloseCode(4009, "the device acknowledges nothing; it resumes by position", "backoff")
BUSY = CloseCode(4010, "too many devices come at once; the error before says when to come back", "backoff")
INTERNAL = CloseCode(4011, "a fault of ours", "backoff")
BAD_FRAME = CloseCode(4500, "a frame could not be understood", "never")
AUTH_TIMEOUT = CloseCode(4003, "no hello in time", "backoff")
BAD_TOKEN = CloseCode(4502, "the token is not one of ours", "new_token")
TOKEN_EXPIRED = CloseCode(4503, "the token has expired", "new_token")
REVOKED = CloseCode(4504, "the token or its sign-in was revoked", "never")
TOO_MANY_SESSIONS = CloseCode(4505, "the user has too many sessions", "never")
PROTOCOL_ERROR = CloseCode(1002, "not the WebSocket protocol (or a compressed frame, which was not agreed)", "never")
NOT_TEXT = CloseCode(1007, "a text frame was not UTF-8", "never")
FRAME_TOO_LONG = CloseCode(1009, "a frame was longer than EDGE_FRAME_BYTES_LIMIT", "never")
UNKNOWN_SUBPROTOCOL = CloseCode(4507, "offer warbler.v1+json or warbler.v1+msgpack", "never")
HELLO_EXPECTED = CloseCode(4509, "the first frame must be hello, and only the first", "never")
TOO_MANY_POSITIONS = CloseCode(4510, "hello has more positions than EDGE_POSITIONS_LIMIT", "never")
REPLACED = CloseCode(4511, "signed in on another device, and the tenant allows no more of this platform", "never")
FROZEN = CloseCode(4512, "an administrator froze the account", "never")

CLOSE_CODES = (
    NORMAL,
    GOING_AWAY,
    HEARTBEAT_LOST,
    UNAVAILABLE,
    SLOW,
    UNACKNOWLEDGED,
    BUSY,
    INTERNAL,
    BAD_FRAME,
    AUTH_TIMEOUT,
    BAD_TOKEN,
    TOKEN_EXPIRED,
    REVOKED,
    TOO_MANY_SESSIONS,
    PROTOCOL_ERROR,
    FRAME_TOO_LONG,
    UNKNOWN_SUBPROTOCOL,
    NOT_TEXT,
    HELLO_EXPECTED,
    TOO_MANY_POSITIONS,
    REPLACED,
    FROZEN,
)
