"""What is sent to one device, in no vendor's words yet: made by `streams.push.decide`, written down by each channel in its form. Pure."""

from dataclasses import dataclass, field
from typing import Literal

# alert: shown and heard. silent: wakes the app, nothing is shown (a badge may change). ring: a call; VoIP where the channel has it.
# withdraw: takes back what was shown under the same collapse key; never through VoIP.
AlertKind = Literal["alert", "silent", "ring", "withdraw"]


@dataclass(frozen=True, slots=True)
class Alert:
    """`send_key`: of this (event, device, channel), the same in every try; 32 hex digits, so a UUID where a vendor wants one.

    `collapse_key`: what replaces what on the device, at most 32 characters of [A-Za-z0-9_-] (the tightest vendor's: Web Push's Topic);
    one per conversation or call. `badge` None: leave it. `data`: texts for the app (conversation, seq, purpose, ref), small. `ticket`:
    with it the device says that it received the push, without a token. `deadline_ms`: after it no vendor may deliver it.
    """

    kind: AlertKind
    send_key: str
    collapse_key: str
    title: str
    body: str
    badge: int | None
    at_ms: int
    deadline_ms: int
    ticket: str
    locale: str = "en"
    data: dict[str, str] = field(default_factory=dict)
