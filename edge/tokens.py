"""Access tokens: JWT signed with Ed25519, minutes long. Pure but for the key; time is an argument.

Source: RFC 7519, RFC 8037, RFC 9864 (Ed25519 by its own name). Refresh tokens are opaque and live in the store.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from edge.errors import BadToken, ExpiredToken

ALGORITHM = "Ed25519"
HEADER = {"typ": "JWT", "alg": ALGORITHM}
HEADER_PART = urlsafe_b64encode(json.dumps(HEADER, separators=(",", ":")).encode()).rstrip(b"=").decode()
ISSUER = "warbler"
ADMIN_LOGIN = "admin"  # the login of tokens an administrator minted: they end by themselves and cannot be revoked
TOKEN_BYTES_LIMIT = 4096


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token allows. `login` names the sign-in it came from; `bulk` lifts the command rate (administrators mint those)."""

    user: str
    login: str
    expires_at_ms: int
    bulk: bool = False


class TokenKey:
    """Signs and checks tokens with one Ed25519 key."""

    def __init__(self, pem: bytes) -> None:
        self._key = OKPKey.import_key(pem)
        self._refresh_key = hashlib.sha256(b"warbler refresh tokens" + pem).digest()

    def mint(self, grant: Grant, now_ms: int) -> str:
        claims = {
            "iss": ISSUER,
            "sub": grant.user,
            "sid": grant.login,
            "iat": now_ms // 1000,
            "exp": -(-grant.expires_at_ms // 1000),
            "bulk": grant.bulk,
        }
        return jwt.encode(dict(HEADER), claims, self._key, algorithms=[ALGORITHM])

    def mint_refresh(self, login: str, secret: str) -> str:
        """`login.secret.mac`: the code shows that it is ours before the store is asked, so a guess cannot pass for a reuse."""
        return f"{login}.{secret}.{self._mac(login, secret)}"

    def check_refresh(self, token: str) -> str:
        """The login of a refresh token that was made here. Raises: BadToken."""
        login, _, rest = token.partition(".")
        secret, _, mac = rest.partition(".")
        if len(token) > TOKEN_BYTES_LIMIT or not hmac.compare_digest(self._mac(login, secret).encode(), mac.encode()):
            raise BadToken("not a refresh token of ours")
        return login

    def _mac(self, login: str, secret: str) -> str:
        return hmac.new(self._refresh_key, f"{login}.{secret}".encode(), "sha256").hexdigest()

    def check(self, token: str, now_ms: int) -> Grant:
        """Raises: BadToken for anything that is not ours, ExpiredToken when it is over."""
        if len(token) > TOKEN_BYTES_LIMIT:
            raise BadToken("longer than any of ours")
        if token.partition(".")[0] != HEADER_PART:  # nobody else's header is parsed: joserfc raises anything on a hostile one
            raise BadToken("not our header")
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError) as exc:
            raise BadToken(f"not a token of ours: {type(exc).__name__}") from exc
        match claims:
            case {"iss": str(issuer), "sub": str(user), "sid": str(login), "exp": int(expires_s)} if issuer == ISSUER:
                grant = Grant(user, login, expires_s * 1000, claims.get("bulk") is True)
            case _:
                raise BadToken("a claim is missing")
        if now_ms >= grant.expires_at_ms:
            raise ExpiredToken("the token has expired")
        return grant


def refresh_hash(refresh_token: str) -> str:
    """How a refresh token is stored: it holds 256 random bits, so a plain hash cannot be searched."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()
