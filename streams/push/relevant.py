"""Whether a request still has anything to say to its user, and what: the reasons that hold for all devices. Pure.

Called by `streams.push.decide`. The order of the checks is the order in which reasons are given; see docs/decisions/0023.
"""

from collections.abc import Callable
from dataclasses import dataclass

from schemas.accounts import PushMode
from store.views import MessageView
from streams.push.quiet import is_quiet
from streams.push.reasons import Withheld
from streams.push.situation import Mode, Situation


@dataclass(frozen=True, slots=True)
class Relevant:
    """What is to be told. `views`: the messages, oldest first; None: not known, or it is no message. `count`: how many, at least 1."""

    at_ms: int
    deadline_ms: int
    views: tuple[MessageView, ...] | None = None
    count: int = 1


def relevant(situation: Situation, now_ms: int) -> Relevant | Withheld:
    """What is to be told, or why nothing is."""
    request = situation.request
    if request.deadline_ms and now_ms >= request.deadline_ms:
        return "expired"
    if not situation.tokens and situation.only is None:
        return "no_device"
    if situation.user_state != "active":
        return "user_inactive"
    match request.purpose:
        case "message":
            return _messages(situation, now_ms)
        case "call":
            return _call(situation, now_ms)
        case "campaign":
            return _campaign(situation, now_ms)


def mode_of(conversations: Mode | None, everywhere: Mode | None, now_ms: int) -> tuple[PushMode, bool]:
    """The mode that holds, and whether it was chosen for this conversation: that choice goes before the one for everywhere."""
    if conversations is not None and _in_force(conversations, now_ms):
        return conversations.mode, True
    if everywhere is not None and _in_force(everywhere, now_ms):
        return everywhere.mode, False
    return "all", False


def _in_force(mode: Mode, now_ms: int) -> bool:
    return mode.until_ms == 0 or now_ms < mode.until_ms


# ---- messages


def _messages(situation: Situation, now_ms: int) -> Relevant | Withheld:
    request = situation.request
    if not situation.member:
        return "not_member"
    if situation.delivered_seq >= request.to_seq:
        return "delivered"
    if situation.messages is None:
        return _unknown(situation, now_ms)
    views = [view for view in situation.messages if request.from_seq <= view.seq <= request.to_seq]
    for reason, keeps in _checks(situation, now_ms):
        views = [view for view in views if keeps(view)]
        if not views:
            return reason
    newest = views[-1]
    return Relevant(newest.at_ms, _deadline_ms(situation, newest.at_ms), tuple(views), len(views))


def _checks(situation: Situation, now_ms: int) -> list[tuple[Withheld, Callable[[MessageView], bool]]]:
    """What a message has to pass to be told, in order, and the reason where none does."""
    user = situation.request.user
    checks: list[tuple[Withheld, Callable[[MessageView], bool]]] = [
        ("recalled", lambda view: not view.recalled and view.content is not None),
        ("delivered", lambda view: view.seq > situation.delivered_seq),
        ("own_message", lambda view: view.user != user),
        ("expired", lambda view: now_ms < _deadline_ms(situation, view.at_ms)),
    ]
    mode, _ = mode_of(situation.mode, situation.mode_everywhere, now_ms)
    if mode == "none":
        checks.append(("muted", lambda view: False))
    if mode == "mentions" and not _all_are_to_user(situation, now_ms):
        checks.append(("not_mentioned", lambda view: user in view.mentions))
    if _quiet(situation, now_ms):
        lets = "mentions" in situation.settings.quiet_lets
        checks.append(("quiet_hours", lambda view: lets and user in view.mentions))
    return checks


def _all_are_to_user(situation: Situation, now_ms: int) -> bool:
    """Under mode mentions for everywhere, a direct conversation's messages are all to the user; its own mode means what it says."""
    _, chosen_here = mode_of(situation.mode, situation.mode_everywhere, now_ms)
    return situation.request.conversation_kind == "direct" and not chosen_here


def _unknown(situation: Situation, now_ms: int) -> Relevant | Withheld:
    """Nothing is known of the messages: whoever wants only some of them is not told of these."""
    at_ms = situation.request.at_ms
    deadline_ms = _deadline_ms(situation, at_ms)
    mode, _ = mode_of(situation.mode, situation.mode_everywhere, now_ms)
    if now_ms >= deadline_ms:
        return "expired"
    if mode == "none":
        return "muted"
    if mode == "mentions" and not _all_are_to_user(situation, now_ms):
        return "content_unknown"
    if _quiet(situation, now_ms):
        return "quiet_hours"
    return Relevant(at_ms, deadline_ms)


def _deadline_ms(situation: Situation, at_ms: int) -> int:
    return situation.request.deadline_ms or at_ms + situation.times.ttl_ms


def _quiet(situation: Situation, now_ms: int) -> bool:
    settings = situation.settings
    return is_quiet(now_ms, settings.time_zone, settings.quiet_from_min, settings.quiet_until_min)


# ---- calls and campaigns


def _call(situation: Situation, now_ms: int) -> Relevant | Withheld:
    """Calls pass every mode: who calls wants an answer now. Quiet hours they pass where the user lets them.

    Whether the user may be called was asked before it was rung; a third that is called into a call between two is no member.
    """
    request = situation.request
    lasts_ms = situation.times.ttl_ms if request.missed else situation.times.ring_ms
    deadline_ms = request.deadline_ms or request.at_ms + lasts_ms
    if situation.call is not None and situation.call.state == "ended":
        return "delivered"
    if now_ms >= deadline_ms:
        return "expired"
    if _quiet(situation, now_ms) and "calls" not in situation.settings.quiet_lets:
        return "quiet_hours"
    return Relevant(request.at_ms, deadline_ms)


def _campaign(situation: Situation, now_ms: int) -> Relevant | Withheld:
    """A campaign is to nobody in particular: of the modes only `none` everywhere stops it, and nothing lets it through quiet hours."""
    request, text = situation.request, situation.campaign
    deadline_ms = _deadline_ms(situation, request.at_ms)
    if text is None:
        return "content_unknown"
    if text.cancelled:
        return "campaign_cancelled"
    if now_ms >= deadline_ms:
        return "expired"
    if mode_of(None, situation.mode_everywhere, now_ms)[0] == "none":
        return "muted"
    return "quiet_hours" if _quiet(situation, now_ms) else Relevant(request.at_ms, deadline_ms)
