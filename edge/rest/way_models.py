"""Bodies of the ways in: codes, providers, passkeys, second factors."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from edge.rest.models import DeviceInfo

CodeKind = Literal["email", "phone"]
FactorKind = Literal["totp", "passkey", "recovery_codes"]
Credential = dict[str, Any]

_to = Field(min_length=1, max_length=254, examples=["ana@example.org"])
_code = Field(min_length=1, max_length=64, examples=["123456"])
_challenge = Field(min_length=1, max_length=128)
_credential = Field(description="The browser's answer as JSON (PublicKeyCredential.toJSON)", max_length=32)
_name = Field(default="", max_length=64)


class OpenProvider(BaseModel):
    id: str
    name: str


class Methods(BaseModel):
    """The ways in that are open here."""

    password: bool
    email: bool
    phone: bool
    passkey: bool
    providers: list[OpenProvider]


class CodeWanted(BaseModel):
    kind: CodeKind
    to: str = _to


class CodeSent(BaseModel):
    """Whether a code was sent, only its receiver knows."""

    expires_at_ms: int
    retry_after_ms: int


class CodeShown(CodeWanted):
    code: str = _code


class CodeSignIn(CodeShown):
    device: DeviceInfo | None = None


class LinkSignIn(BaseModel):
    token: str = Field(min_length=1, max_length=256)
    device: DeviceInfo | None = None


class HandoffShown(BaseModel):
    handoff: str = Field(min_length=1, max_length=256)


class HandoffSignIn(HandoffShown):
    device: DeviceInfo | None = None


class PasskeyOptions(BaseModel):
    """`options`: for navigator.credentials, binary fields in base64url; `challenge`: comes back with the answer."""

    challenge: str
    options: dict[str, Any]


class PasskeyShown(BaseModel):
    challenge: str = _challenge
    credential: Credential = _credential


class PasskeySignIn(PasskeyShown):
    device: DeviceInfo | None = None


class NewPasskey(PasskeyShown):
    name: str = _name


class FactorChallenge(BaseModel):
    challenge: str = _challenge


class FactorShown(BaseModel):
    """`challenge`: of the sign-in that waits. A passkey comes with the challenge of its options as `passkey_challenge`.

    `enrolled`: the factor that was added on the way, because the policy wants one.
    """

    challenge: str = _challenge
    kind: Literal["totp", "passkey", "recovery_codes", "enrolled"]
    code: str | None = Field(default=None, min_length=1, max_length=64)
    passkey_challenge: str | None = Field(default=None, min_length=1, max_length=128)
    credential: Credential | None = Field(default=None, max_length=32)
    remember: bool = False


class StepUpShown(BaseModel):
    """`password` where the user has no second factor; else one of those."""

    kind: Literal["password", "totp", "passkey", "recovery_codes"]
    code: str | None = Field(default=None, min_length=1, max_length=64)
    password: str | None = Field(default=None, min_length=1, max_length=256)
    challenge: str | None = Field(default=None, min_length=1, max_length=128)
    credential: Credential | None = Field(default=None, max_length=32)


class FactorItem(BaseModel):
    factor: str
    kind: FactorKind
    name: str
    added_at_ms: int
    used_at_ms: int


class FactorList(BaseModel):
    factors: list[FactorItem]
    recovery_codes_left: int


class TotpWanted(BaseModel):
    name: str = _name


class TotpBegun(BaseModel):
    """It counts once a code of it was confirmed. `qr_svg`: `uri` as a picture."""

    factor: str
    secret: str
    uri: str
    qr_svg: str


class TotpCode(BaseModel):
    code: str = _code


class Confirmed(BaseModel):
    """`recovery_codes`: shown this once; null if there were some before."""

    recovery_codes: list[str] | None


class Added(BaseModel):
    """As `Confirmed`."""

    factor: str
    recovery_codes: list[str] | None = None


class RecoveryCodes(BaseModel):
    codes: list[str]


class IdentifierAdded(BaseModel):
    identifier: str


class Forgotten(BaseModel):
    forgotten: int
