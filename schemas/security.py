"""How a process comes in where a server asks who it is: TLS, a name and a password, a certificate. Shared by the settings of both servers.

Called by `log.security` and `store.security`. Pure but for the files that settings name.
"""

import dataclasses
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from schemas.errors import WarblerError
from schemas.variables import values_of

PLAINTEXT, SSL = "PLAINTEXT", "SSL"


class BadSecurity(WarblerError, ValueError):
    """Settings of security that do not fit together, or name a file that does not do. `setting`: the variable."""

    prefix = ""

    def __init__(self, setting: str, reason: str) -> None:
        self.setting = f"{self.prefix}{setting.upper()}"
        super().__init__(f"{self.setting} {reason}")


@dataclass(frozen=True, slots=True)
class ServerSecurity:
    """Files are PEM; the password is in no text that this class makes. Who inherits checks what is its own, and calls `check_files`."""

    bad: ClassVar[type[BadSecurity]] = BadSecurity
    with_tls: ClassVar[str] = SSL  # the ways that have TLS, in words

    security: str = PLAINTEXT
    user: str = ""
    password: str = dataclasses.field(default="", repr=False)
    password_file: str = ""
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""

    @property
    def over_tls(self) -> bool:
        return self.security.endswith(SSL)

    def check_files(self) -> None:
        """Raises: what `bad` says."""
        prefix = self.bad.prefix
        if self.password and self.password_file:
            raise self.bad("password_file", f"is set, and so is {prefix}PASSWORD: one of them")
        for name in ("ca_file", "certificate_file", "key_file"):
            if getattr(self, name) and not self.over_tls:
                raise self.bad(name, f"is set, but {prefix}SECURITY={self.security} is without TLS; {self.with_tls}")
        if self.key_file and not self.certificate_file:
            raise self.bad("key_file", f"is set, but {prefix}CERTIFICATE_FILE is not")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        """The settings of this environment, with the password of its file; their files were looked at. Raises: what `bad` says."""
        settings = cls(**values_of(cls, cls.bad.prefix, env))
        if settings.password_file:
            settings = dataclasses.replace(settings, password=settings._secret(), password_file="")
        settings.tls_context()
        return settings

    def _secret(self) -> str:
        try:
            password = Path(self.password_file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as failed:
            raise self.bad("password_file", f"{self.password_file}: {_reason(failed)}") from None
        if not password:
            raise self.bad("password_file", f"{self.password_file}: is empty")
        return password

    def tls_context(self) -> ssl.SSLContext | None:
        """What TLS is spoken with, from the files as they are now; None without TLS. A server's name is checked.

        Raises: what `bad` says, for a file that does not do.
        """
        if not self.over_tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca_file or None)
        except OSError as failed:
            raise self.bad("ca_file", f"{self.ca_file}: {_reason(failed)}") from None
        if self.certificate_file:
            try:  # the password: else an encrypted key is asked for on the terminal
                context.load_cert_chain(self.certificate_file, self.key_file or None, password=lambda: "")
            except OSError as failed:
                files = " and ".join(filter(None, [self.certificate_file, self.key_file]))
                raise self.bad("certificate_file", f"{files}: {_reason(failed)}") from None
        return context


def _reason(failed: Exception) -> str:
    if isinstance(failed, ssl.SSLError):
        return f"not the PEM that is needed here, without a password of its own ({failed.reason or failed})"
    return (failed.strerror if isinstance(failed, OSError) else None) or str(failed)
