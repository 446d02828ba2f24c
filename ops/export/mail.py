"""A mail as bytes. RFC 5322 and MIME: CRLF, lines of at most 76 characters, only ASCII; the same mail gives the same bytes. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ops.export.entries import Person
from ops.export.escapes import fold, header, mailbox

RECIPIENTS_LIMIT = 200  # a header of all members of a large group would be longer than mail programs take
_TYPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]*")
_ASCII = bytes(range(128))
_SOFT = re.compile(rb"=\r?\n")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")


@dataclass(frozen=True, slots=True)
class Attached:
    name: str
    media_type: str
    data: bytes


def mail(headers: Sequence[str], text: str, attached: Sequence[Attached], seed: str) -> bytes:
    """`headers`: whole ones, with their line ends. `seed`: of the boundary, different for different mails."""
    body = _text_part(text)
    if not attached:
        return "".join(headers).encode() + b"MIME-Version: 1.0\r\n" + body
    # "=_" cannot stand in the encodings used here (RFC 2045 6.7), so no part can hold the boundary.
    boundary = "=_w" + hashlib.sha256(seed.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    parts = [body, *map(_attachment, attached)]
    head = "".join(headers) + f'MIME-Version: 1.0\r\nContent-Type: multipart/mixed;\r\n boundary="{boundary}"\r\n\r\n'
    between = f"--{boundary}\r\n".encode()
    return head.encode() + b"".join(between + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()


def _text_part(text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    head = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
    if not text.isascii() and 3 * len(data.translate(None, _ASCII)) > len(data):
        return head + b"base64\r\n\r\n" + _base64_lines(data)
    # Line ends of the text are encoded, so that every one comes back as it was; those left are of soft breaks.
    soft = _SOFT.sub(b"=\r\n", binascii.b2a_qp(data, istext=False))
    return head + b"quoted-printable\r\n\r\n" + soft


def _attachment(attached: Attached) -> bytes:
    head = [
        f"Content-Type: {safe_type(attached.media_type)}\r\n",
        "Content-Transfer-Encoding: base64\r\n",
        f'Content-Disposition: attachment;\r\n filename="{attached.name}"\r\n\r\n',
    ]
    return "".join(head).encode() + _base64_lines(attached.data)


def _base64_lines(data: bytes) -> bytes:
    return b"".join(base64.b64encode(data[at : at + 57]) + b"\r\n" for at in range(0, len(data), 57))


def safe_type(media_type: str) -> str:
    """The media type without parameters, where it may stand before bytes in base64 and no program opens it as text or as a mail."""
    plain = media_type.partition(";")[0].strip()
    if _TYPE.fullmatch(plain) is None or len(plain) > 60 or plain.lower().startswith(("multipart/", "message/", "text/")):
        return "application/octet-stream"
    return plain


def address(user: str, domain: str) -> str:
    """An address for whoever has none: the id at a domain. Shape: RFC 5322 3.4.1, whatever the id holds."""
    if _LOCAL.fullmatch(user) and len(user) <= 64:
        return f"{user}@{domain}"
    return f"x-{hashlib.sha256(user.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}@{domain}"


def people_header(name: str, people: Sequence[Person]) -> str:
    words: list[str] = []
    for index, person in enumerate(people):
        *names, last = mailbox(person.name, person.address)
        words += [*names, last + "," if index + 1 < len(people) else last]
    return fold(name, words)


def id_header(name: str, ids: Sequence[str]) -> str:
    return fold(name, list(ids))


def plain_headers(pairs: Sequence[tuple[str, object]]) -> list[str]:
    """Of those that have a value."""
    return [header(name, str(value)) for name, value in pairs if value not in (None, "")]
