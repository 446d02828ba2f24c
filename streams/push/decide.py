"""Whether, where and as what a push goes out: one pure function over a `Situation`. Pure.

Called by the outbox for every request, and again, with everything read anew, for every retry.
Rule 1: the same situation at the same moment gives the same decision. Rule 2: of one device at most one token is sent to; every other
has a reason. Rule 3: nothing goes out at or after its deadline, which counts from the message. Rule 4: what a device was alerted of is
never sent to it again. Rule 5: a token that takes only calls gets nothing but a call, so never a withdrawal.
"""

from dataclasses import dataclass
from hashlib import sha256

from store.pushing import PushToken
from streams.push import templates
from streams.push.alert import Alert, AlertKind
from streams.push.pick import Pick, candidates, pick
from streams.push.reasons import Withheld
from streams.push.relevant import Relevant, relevant
from streams.push.situation import CampaignText, Situation, subject_of


@dataclass(frozen=True, slots=True)
class Planned:
    """One send. The alert's `ticket` is empty: the shell, which has the key, writes it."""

    token: PushToken
    alert: Alert


@dataclass(frozen=True, slots=True)
class Held:
    """A send that waits, without counting as a try, until its push channel is well again or its deadline passes."""

    planned: Planned
    reason: Withheld


@dataclass(frozen=True, slots=True)
class Suppressed:
    """What is not sent. `device` empty: nothing of the request is."""

    reason: Withheld
    device: str = ""
    channel: str = ""
    token_id: str = ""


@dataclass(frozen=True, slots=True)
class Decision:
    """Shape: a device is in `sends` or `held` at most once in all; every token is in one of the three, or one reason stands for all."""

    sends: tuple[Planned, ...] = ()
    suppressed: tuple[Suppressed, ...] = ()
    held: tuple[Held, ...] = ()


def decide(situation: Situation, now_ms: int) -> Decision:
    """What goes out about this request, to which tokens, and why the others get nothing."""
    found = relevant(situation, now_ms)
    if not isinstance(found, Relevant):
        return Decision(suppressed=(_whole(situation, found),))
    picks = [pick(device, tokens, situation) for device, tokens in candidates(situation)]
    return _decision(situation, found, _one_device(situation, picks) if situation.settings.alert_on == "last_used" else picks)


def _whole(situation: Situation, reason: Withheld) -> Suppressed:
    only = situation.only
    return Suppressed(reason) if only is None else Suppressed(reason, only.device, only.channel)


def _one_device(situation: Situation, picks: list[Pick]) -> list[Pick]:
    """Only the device used last is left; one that was alerted of this already, before a crash, was the one then.

    A retry has one pick at most, so nothing is taken from it: which device it was, the first decision settled.
    """
    reached = [one for one in picks if one.repeated] or [one for one in picks if one.chosen is not None]
    if not reached:
        return picks
    last = max(reached, key=lambda one: _used(situation, one))
    return [one if one is last else one.turned_down("other_device") for one in picks]


def _used(situation: Situation, one: Pick) -> tuple[bool, int, int, str]:
    now = situation.devices.get(one.device)
    registered_ms = max(token.registered_at_ms for token in one.tokens)
    return (now is not None and now.live, now.online_ms if now is not None else 0, registered_ms, one.device)


def _decision(situation: Situation, found: Relevant, picks: list[Pick]) -> Decision:
    sends, held = [], []
    suppressed = [Suppressed(reason, one.device, token.channel, token.token_id) for one in picks for token, reason in one.others]
    said: dict[str, templates.Said] = {}  # by locale: what is said to two devices in one language is put together once
    for one in picks:
        if one.chosen is None:
            continue
        if (words := said.get(one.chosen.locale)) is None:
            words = said[one.chosen.locale] = words_for(one.chosen.locale, situation, found)
        planned = Planned(one.chosen, alert_for(one.chosen, situation, found, words))
        if one.waits is None:
            sends.append(planned)
        else:
            held.append(Held(planned, one.waits))
    if not picks and situation.only is not None:
        reason: Withheld = "holder_moved" if situation.only.moved else "token_gone"
        suppressed.append(Suppressed(reason, situation.only.device, situation.only.channel))
    return Decision(tuple(sends), tuple(suppressed), tuple(held))


# ---- the alert


def alert_for(token: PushToken, situation: Situation, found: Relevant, said: templates.Said) -> Alert:
    """What this device is sent."""
    request = situation.request
    return Alert(
        kind=_kind(situation),
        send_key=send_key(request.push_id, token.device, token.channel),
        collapse_key=collapse_key(request.user, subject_of(request)),
        title=said.title,
        body=said.body,
        badge=situation.unread if situation.settings.badge else None,
        at_ms=found.at_ms,
        deadline_ms=found.deadline_ms,
        ticket="",
        locale=said.locale,
        data=_data(situation),
    )


def _kind(situation: Situation) -> AlertKind:
    match situation.request.purpose:
        case "call":
            return "ring" if situation.call is None or situation.call.state == "ringing" else "alert"
        case "campaign":
            text = situation.campaign
            return "silent" if text is not None and not text.title and not text.body else "alert"
        case "message":
            return "alert"


def words_for(token_locale: str, situation: Situation, found: Relevant) -> templates.Said:
    """Title and body in the user's language, else in the device's."""
    request, settings = situation.request, situation.settings
    locale, texts = templates.choose(settings.locale, token_locale)
    wording = templates.Wording(
        texts, locale, settings.content_shown, request.user, request.conversation_kind, situation.title, situation.names
    )
    match request.purpose:
        case "call":
            return templates.ring(wording, situation.call)
        case "campaign":
            return templates.campaign(wording, situation.campaign or CampaignText("", ""))
        case "message":
            return templates.messages(wording, found.views, found.count)


def _data(situation: Situation) -> dict[str, str]:
    """What the app needs to open the right place; ids only, but for what a campaign says to the app."""
    request = situation.request
    seq = str(request.to_seq) if request.to_seq else ""
    data = {"purpose": request.purpose, "conversation": request.conversation_id, "seq": seq, "ref": request.ref}
    if request.purpose == "campaign" and situation.campaign is not None:
        data["data"] = situation.campaign.data
    if request.purpose == "call" and situation.call is not None:
        data["media"] = "video" if situation.call.video else "audio"
        data["caller"] = situation.call.caller
    return {name: text for name, text in data.items() if text}


def send_key(push_id: str, device: str, channel: str) -> str:
    """The same for every try and replay of one send; 32 hex digits."""
    return sha256("\0".join((push_id, device, channel)).encode()).hexdigest()[:32]


def collapse_key(user: str, subject: str) -> str:
    """What replaces what on a device; 32 hex digits that tell a vendor nothing."""
    return sha256("\0".join((user, subject)).encode()).hexdigest()[:32]
