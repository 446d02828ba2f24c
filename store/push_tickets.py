"""Tickets: with one a device says that it received a push, without being signed in. Made by the push worker, read by the edge. Pure.

A ticket is signed, not hidden: it holds nothing that its device does not know. It stands in the push itself, so it is short.
"""

import base64
import binascii
import hmac
from typing import get_args

import msgspec
from msgspec import Struct

from schemas.errors import WarblerError
from schemas.notices import PushPurpose
from store.sealing import Sealer

TICKET_CHARACTERS_LIMIT = 300
TICKET_KEY = "push ticket"
SIGNATURE_BYTES = 16


class BadTicket(WarblerError):
    """It was not made here, or was changed."""


class ExpiredTicket(WarblerError):
    """It was good until a while ago."""


class Ticket(Struct, frozen=True, array_like=True):
    """Of one send to one device. `send_key`: 32 hex digits; `ref`: of a call or a campaign."""

    send_key: str
    user: str
    device: str
    channel: str
    push_id: str
    purpose: PushPurpose
    ref: str
    conversation: str
    to_seq: int
    until_ms: int


PURPOSES: tuple[PushPurpose, ...] = get_args(PushPurpose)


class _Packed(Struct, frozen=True, array_like=True):
    key: bytes
    user: str
    device: str
    channel: str
    purpose: int
    ref: str
    conversation: str
    to_seq: int
    attempt: str  # what the push id ends with, where it begins as that of a message does
    push_id: str
    until_s: int


def make_ticket(ticket: Ticket, sealer: Sealer) -> str:
    """Its text; empty where its ids are too long for one: then the device cannot answer this push."""
    begin = f"{ticket.user}:{ticket.conversation}:{ticket.to_seq}:"
    is_usual = ticket.push_id.startswith(begin)
    packed = _Packed(
        bytes.fromhex(ticket.send_key),
        *(ticket.user, ticket.device, ticket.channel, PURPOSES.index(ticket.purpose), ticket.ref, ticket.conversation, ticket.to_seq),
        *((ticket.push_id.removeprefix(begin), "") if is_usual else ("", ticket.push_id)),
        -(-ticket.until_ms // 1000),
    )
    body = msgspec.msgpack.encode(packed)
    text = base64.urlsafe_b64encode(body + _signature(sealer.hash_key(TICKET_KEY), body)).rstrip(b"=").decode()
    return text if len(text) <= TICKET_CHARACTERS_LIMIT else ""


def open_ticket(text: str, sealer: Sealer, now_ms: int) -> Ticket:
    """Raises: BadTicket, ExpiredTicket."""
    if len(text) > TICKET_CHARACTERS_LIMIT:
        raise BadTicket("longer than any ticket")
    try:
        whole = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (UnicodeEncodeError, binascii.Error, ValueError):
        raise BadTicket("no ticket") from None
    body, signature = whole[:-SIGNATURE_BYTES], whole[-SIGNATURE_BYTES:]
    keys = sealer.hash_keys(TICKET_KEY)
    if not any(hmac.compare_digest(signature, _signature(key, body)) for key in keys):
        raise BadTicket("not made here")
    ticket = _unpacked(body)
    if ticket.until_ms <= now_ms:
        raise ExpiredTicket("this ticket has expired")
    return ticket


def _unpacked(body: bytes) -> Ticket:
    try:
        packed = msgspec.msgpack.decode(body, type=_Packed)
    except msgspec.MsgspecError:  # of another release
        raise BadTicket("a ticket of another kind") from None
    push_id = packed.push_id or f"{packed.user}:{packed.conversation}:{packed.to_seq}:{packed.attempt}"
    return Ticket(
        *(packed.key.hex(), packed.user, packed.device, packed.channel, push_id),
        *(PURPOSES[packed.purpose], packed.ref, packed.conversation, packed.to_seq, packed.until_s * 1000),
    )


def _signature(key: bytes, body: bytes) -> bytes:
    return hmac.new(key, body, "sha256").digest()[:SIGNATURE_BYTES]
