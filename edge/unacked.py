"""What a session was given live and has not acknowledged, by conversation. Pure; time is an argument.

Rule 1: what a device owes of a conversation is `first_seq` to `last_seq` of its `Owed`; a conversation it owes nothing of has none.
Rule 2: the deadline runs from the first look after the writing, and anew from every progress: a slow device is not a half-open socket.
Rule 3: what is due is written again after 1, 2, 4… time-outs; one time-out after the last attempt the session is given up.
Rule 4: a watermark below what is owed is a repeat and changes nothing; one beyond it settles everything, because the device may hold
events from elsewhere (a page, another node). Whether it is beyond the head is judged before (`edge.acks`).
The hot path is `note`, once a session and delivery: it reads no clock.
"""

from dataclasses import dataclass

from msgspec import Struct

REWRITES_PER_LOOK = 16  # of one session; the other conversations' turn comes with the next look


class Owed(Struct, gc=False):
    first_seq: int
    last_seq: int
    due_mono_ms: float = 0.0  # 0: set by the next look
    attempts: int = 0


Unacked = dict[str, Owed]


@dataclass(frozen=True, slots=True)
class Policy:
    timeout_ms: int
    attempts_limit: int

    def wait_ms(self, attempts: int) -> int:
        return self.timeout_ms << attempts if attempts < self.attempts_limit else self.timeout_ms


@dataclass(frozen=True, slots=True)
class Rewrite:
    conversation: str
    from_seq: int
    to_seq: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The device acknowledges nothing: its socket is half-open, or the application behind it hangs."""


def note(unacked: Unacked, conversation: str, first_seq: int, last_seq: int) -> None:
    """Events up to `last_seq` were written. Shape: seqs of one conversation ascend from call to call."""
    owed = unacked.get(conversation)
    if owed is None:
        unacked[conversation] = Owed(first_seq, last_seq)
    else:
        owed.last_seq = last_seq


def settle(unacked: Unacked, conversation: str, up_to_seq: int) -> None:
    """The device holds everything up to `up_to_seq`."""
    owed = unacked.get(conversation)
    if owed is None or up_to_seq < owed.first_seq:
        return
    if up_to_seq >= owed.last_seq:
        del unacked[conversation]
        return
    owed.first_seq, owed.due_mono_ms, owed.attempts = up_to_seq + 1, 0.0, 0


def ask_again(unacked: Unacked, conversation: str, from_seq: int, head_seq: int) -> Rewrite:
    """Somebody else misses the acknowledgement of `from_seq`: what to write again at once. It is owed from now on."""
    owed = unacked.setdefault(conversation, Owed(from_seq, max(from_seq, head_seq)))
    owed.due_mono_ms = 0.0
    return Rewrite(conversation, max(from_seq, owed.first_seq), owed.last_seq)


def left_of(unacked: Unacked, rewrite: Rewrite) -> Rewrite | None:
    """What of this rewriting is owed still: marks may have come while it waited for its turn and for the store."""
    owed = unacked.get(rewrite.conversation)
    if owed is None or owed.first_seq > rewrite.to_seq:
        return None
    return Rewrite(rewrite.conversation, max(rewrite.from_seq, owed.first_seq), rewrite.to_seq)


def look(unacked: Unacked, now_mono_ms: float, policy: Policy, *, drained: bool) -> list[Rewrite] | GiveUp:
    """What is to be written again now.

    `drained` False: bytes for the device still lie here. Writing more behind them would tell nothing; the outbox's age judges that socket.
    """
    rewrites: list[Rewrite] = []
    for conversation, owed in unacked.items():
        if owed.due_mono_ms == 0.0 or not drained:
            owed.due_mono_ms = now_mono_ms + policy.wait_ms(owed.attempts)
        elif owed.due_mono_ms <= now_mono_ms:
            if owed.attempts >= policy.attempts_limit:
                return GiveUp()
            if len(rewrites) < REWRITES_PER_LOOK:
                owed.attempts += 1
                owed.due_mono_ms = now_mono_ms + policy.wait_ms(owed.attempts)
                rewrites.append(Rewrite(conversation, owed.first_seq, owed.last_seq))
    return rewrites


def put_off(unacked: Unacked, conversation: str) -> None:
    """The rewriting failed through no fault of the device: the attempt does not count."""
    owed = unacked.get(conversation)
    if owed is not None:
        owed.due_mono_ms, owed.attempts = 0.0, max(0, owed.attempts - 1)
