"""A standing without its members as the bytes that a snapshot has of it, and back. Pure.

Rule 1: what is as it was at the beginning is left out, so that a conversation in which nothing was ever set costs a byte.
Rule 2: a field that comes later has a default here, and one that goes is passed over: snapshots of all versions can be read.
Rule 3: the order of entries is kept, because it decides which are forgotten first.
"""

import msgspec
from msgspec import Struct

from schemas.errors import Undecodable
from schemas.records import ConversationSnapshot
from schemas.values import GroupSettings, Role
from store.standing import Application, Invitation, Link, Rights, Standing, rehold
from store.ties import NO_TIE, Tie


class KeptStanding(Struct, frozen=True, kw_only=True):
    """The fields of `Standing` that are neither in the snapshot itself nor found again from the members."""

    dissolved: bool = False
    settings: GroupSettings = GroupSettings()
    settings_version: int = 0
    roles: dict[Role, Rights] = {}
    mutes: dict[str, int] = {}
    all_muted_until_ms: int = 0
    spoke: dict[str, int] = {}
    bans: dict[str, int] = {}
    invitations: dict[str, Invitation] = {}
    applications: dict[str, Application] = {}
    links: dict[str, Link] = {}
    tie: Tie = NO_TIE


_FIELDS = KeptStanding.__struct_fields__
_BEGINNING = {name: getattr(KeptStanding(), name) for name in _FIELDS}
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(KeptStanding).decode


def packed_standing(standing: Standing, *, with_spoke: bool = True) -> bytes:
    """The bytes of a snapshot's `standing`; who spoke when is elsewhere where the members are in parts."""
    said = {name: value for name in _FIELDS if (value := getattr(standing, name)) != _BEGINNING[name]}
    if not with_spoke:
        said.pop("spoke", None)
    return _encode(said)


def unpacked_standing(kept: ConversationSnapshot) -> Standing:
    """The snapshot's standing, with its members; it shares no mutable part with the record. Raises: Undecodable."""
    try:
        rest = _decode(kept.standing) if kept.standing else KeptStanding()
    except msgspec.DecodeError as exc:
        raise Undecodable(f"standing of {kept.conversation_id}: {exc}") from exc
    fields = {name: getattr(rest, name) for name in _FIELDS}
    standing = Standing(kept.conversation_kind, **fields, members={member.user: member for member in kept.members})
    rehold(standing)
    return standing
