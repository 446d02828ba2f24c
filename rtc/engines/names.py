"""A leg's name at an engine that knows only names: to be read back, and unambiguous whatever ids are made of. Pure."""

import msgspec

from rtc.engines.port import Leg


def leg_name(leg: Leg) -> str:
    return msgspec.json.encode([leg.user, leg.device, leg.generation]).decode()


def named_leg(text: str) -> Leg | None:
    """None: it is none of ours."""
    try:
        user, device, generation = msgspec.json.decode(text, type=tuple[str, str, int])
    except msgspec.DecodeError:
        return None
    return Leg(user, device, generation)
