"""Access tokens, tickets and refresh tokens: made and checked. Pure but for the keys; time, ids and chance are arguments.

Access token: JWT signed with Ed25519, minutes long. Ticket: the same grant for one WebSocket, seconds long, used once. Refresh token:
opaque; its successor is derived from it, so that whoever asks twice gets the same one. Source: RFC 7519, RFC 8037, RFC 9864 (Ed25519 by
its own name); docs/decisions/0020-tokens-and-the-kill-path.md.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError

from edge.errors import BadToken, ExpiredToken
from edge.key_file import KeyFile, read_key_file

ALGORITHM = "Ed25519"
TOKEN_BYTES_LIMIT = 4096
TICKET_AUDIENCE = "#ticket"  # behind the audience of access tokens, so that neither passes for the other


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows. `sign_in` names what it came from (NO_SIGN_IN: an administrator minted it); `bulk` lifts the command rate.

    `methods`: how the user showed who it is (RFC 8176 calls it amr). `issued_at_ms` 0: when it is minted.
    """

    user: str
    sign_in: str
    expires_at_ms: int
    bulk: bool = False
    token_id: str = ""
    methods: tuple[str, ...] = ()
    issued_at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Ticket:
    """`grant`: of the access token that it stands for."""

    ticket_id: str
    grant: Grant
    expires_at_ms: int


class TokenKeys:
    """The newest key that may sign signs; every key that has not ended checks. `file`: what `edge.key_file` reads."""

    def __init__(self, file: bytes, issuer: str = "warbler", audience: str = "warbler") -> None:
        self.issuer, self.audience = issuer, audience
        self.replace(file)

    def replace(self, file: bytes) -> None:
        """From now on these keys. Raises: BadKeyFile, and nothing changed."""
        self._file: KeyFile = read_key_file(file)
        self._headers = {_header_part(key.key_id): key for key in self._file.keys}

    # ---- access tokens and tickets

    def mint(self, grant: Grant, now_ms: int) -> str:
        return self._sign(self._claims(grant, now_ms) | {"aud": self.audience, "exp": -(-grant.expires_at_ms // 1000)}, now_ms)

    def mint_ticket(self, ticket: Ticket, now_ms: int) -> str:
        own = {"aud": self.audience + TICKET_AUDIENCE, "exp": -(-ticket.expires_at_ms // 1000), "tkt": ticket.ticket_id}
        return self._sign(self._claims(ticket.grant, now_ms) | own | {"gxp": ticket.grant.expires_at_ms}, now_ms)

    def check(self, token: str, now_ms: int) -> Grant:
        """Raises: BadToken for anything that is not an access token of ours, ExpiredToken when it is over."""
        match self._checked(token, now_ms):
            case {"aud": str(audience), "exp": int(expires_s)} as claims if audience == self.audience:
                grant = _grant(claims, expires_s * 1000)
            case _:
                raise BadToken("a claim is missing, or it is for somebody else")
        if now_ms >= grant.expires_at_ms:
            raise ExpiredToken("the token has expired")
        return grant

    def check_ticket(self, token: str, now_ms: int) -> Ticket:
        """Raises: as `check`. That it is used once is the caller's to see to."""
        match self._checked(token, now_ms):
            case {"aud": str(audience), "exp": int(expires_s), "tkt": str(ticket_id), "gxp": int(grant_ms)} as claims if (
                audience == self.audience + TICKET_AUDIENCE
            ):
                ticket = Ticket(ticket_id, _grant(claims, grant_ms), expires_s * 1000)
            case _:
                raise BadToken("not a ticket")
        if now_ms >= ticket.expires_at_ms:
            raise ExpiredToken("the ticket has expired")
        return ticket

    def jwks(self, now_ms: int) -> dict[str, Any]:
        """The public halves of the keys that check, for others to check our tokens with. Source: RFC 7517."""
        live = [key for key in self._file.keys if key.checks_at(now_ms)]
        own = [{**dict(key.key.as_dict(private=False)), "kid": key.key_id, "use": "sig", "alg": ALGORITHM} for key in live]
        return {"keys": own}

    def _claims(self, grant: Grant, now_ms: int) -> dict[str, Any]:
        claims: dict[str, Any] = {"iss": self.issuer, "sub": grant.user, "sid": grant.sign_in, "jti": grant.token_id}
        return claims | {"iat": (grant.issued_at_ms or now_ms) // 1000, "amr": list(grant.methods), "bulk": grant.bulk}

    def _sign(self, claims: dict[str, Any], now_ms: int) -> str:
        key = self._file.signing(now_ms)
        return jwt.encode(_header(key.key_id), claims, key.key, algorithms=[ALGORITHM])

    def _checked(self, token: str, now_ms: int) -> Mapping[str, Any]:
        if len(token) > TOKEN_BYTES_LIMIT:
            raise BadToken("longer than any of ours")
        # Nobody else's header is parsed (joserfc raises anything on a hostile one): no `none`, no HS256, no key that is not ours.
        key = self._headers.get(token.partition(".")[0])
        if key is None or not key.checks_at(now_ms):
            raise BadToken("not our header, or of a key that has ended")
        try:
            claims = jwt.decode(token, key.key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError) as exc:
            raise BadToken(f"not a token of ours: {type(exc).__name__}") from exc
        if claims.get("iss") != self.issuer:
            raise BadToken("of another issuer")
        return claims

    # ---- refresh tokens

    def mint_refresh(self, sign_in: str, secret: str) -> str:
        """`sign_in.secret.mac`: the code shows that it is ours before the store is asked, so a guess cannot pass for a reuse."""
        return f"{sign_in}.{secret}.{self._mac('token', f'{sign_in}.{secret}')}"

    def successor(self, refresh_token: str) -> str:
        """The token that this one is exchanged for: always the same one. Raises: BadToken."""
        sign_in = self.check_refresh(refresh_token)
        return self.mint_refresh(sign_in, self._mac("successor", refresh_token))

    def check_refresh(self, token: str) -> str:
        """The sign-in of a refresh token that was made here. Raises: BadToken."""
        sign_in, _, rest = token.partition(".")
        secret, _, mac = rest.partition(".")
        if len(token) > TOKEN_BYTES_LIMIT or not hmac.compare_digest(self._mac("token", f"{sign_in}.{secret}").encode(), mac.encode()):
            raise BadToken("not a refresh token of ours")
        return sign_in

    def secret_for(self, purpose: str) -> bytes:
        """32 bytes that every node has and nobody else: to sign or seal what is neither a token nor kept."""
        return hmac.new(self._file.refresh_secret, b"purpose:" + purpose.encode(), "sha256").digest()

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.new(self._file.refresh_secret, f"{purpose}:{text}".encode(), "sha256").hexdigest()


def _grant(claims: Mapping[str, Any], expires_at_ms: int) -> Grant:
    match claims:
        case {"sub": str(user), "sid": str(sign_in), "jti": str(token_id), "iat": int(issued_s), "amr": list(methods)}:
            bulk = claims.get("bulk") is True
            return Grant(user, sign_in, expires_at_ms, bulk, token_id, tuple(map(str, methods)), issued_s * 1000)
        case _:
            raise BadToken("a claim is missing")


def _header(key_id: str) -> dict[str, Any]:
    return {"typ": "JWT", "alg": ALGORITHM, "kid": key_id}


def _header_part(key_id: str) -> str:
    return urlsafe_b64encode(json.dumps(_header(key_id), separators=(",", ":")).encode()).rstrip(b"=").decode()


def refresh_hash(refresh_token: str) -> str:
    """How a refresh token is stored: it holds 256 random bits, so a plain hash cannot be searched."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()
