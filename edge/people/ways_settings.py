"""Settings of the ways in: codes, providers, passkeys, second factors. Read once from EDGE_*, refused early with the variable's name."""

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from edge.people.codes import CodeLimits
from edge.people.throttle import Limit
from edge.settings import BadSetting, values_of

TLS_MODES = ("none", "starttls", "tls")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
MAY_BE_ZERO = frozenset({"codes_to_console"})
CODE_DIGITS_MIN, CODE_DIGITS_MAX = 6, 12  # below 6 the throttles would have to be tighter than people can bear


@dataclass(frozen=True, slots=True)
class WaysSettings:
    """One field is one variable: `code_ms` is EDGE_CODE_MS. Empty texts: that way in is not configured."""

    public_url: str = ""
    seal_key: str = ""
    code_ms: int = 10 * 60_000
    code_digits: int = 6
    code_tries: int = 5
    code_resend_ms: int = 30_000
    code_sends_per_hour: int = 5
    code_failures_per_day: int = 20
    user_code_sends_per_hour: int = 10
    address_codes_per_hour: int = 120
    address_guesses_per_hour: int = 600
    codes_sending_limit: int = 500
    codes_to_console: int = 0
    letters: str = ""
    smtp_host: str = ""
    smtp_port: int = 25
    smtp_tls: str = "none"
    smtp_user: str = ""
    smtp_password_file: str = ""
    smtp_timeout_ms: int = 15_000
    smtp_attempts: int = 3
    mail_from: str = "Warbler <no-reply@localhost>"
    sms_url: str = ""
    sms_method: str = "POST"
    sms_headers: str = '{"Content-Type": "application/json"}'
    sms_body: str = '{"to": $to, "text": $text}'
    sms_success: str = ""
    sms_timeout_ms: int = 10_000
    sms_attempts: int = 3
    providers: str = ""
    provider_timeout_ms: int = 10_000
    provider_state_ms: int = 10 * 60_000
    handoff_ms: int = 60_000
    rp_id: str = ""
    rp_name: str = "Warbler"
    origins: str = ""
    passkey_timeout_ms: int = 5 * 60_000
    challenge_ms: int = 5 * 60_000
    factor_enrol_ms: int = 10 * 60_000
    factor_failures: int = 10
    factor_failures_window_ms: int = 15 * 60_000
    factors_limit: int = 20
    remembered_devices_limit: int = 20

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int) and value < (0 if field.name in MAY_BE_ZERO else 1):
                raise BadSetting(f"EDGE_{field.name.upper()}={value}: at least {0 if field.name in MAY_BE_ZERO else 1}")
        if not CODE_DIGITS_MIN <= self.code_digits <= CODE_DIGITS_MAX:
            raise BadSetting(f"EDGE_CODE_DIGITS={self.code_digits}: {CODE_DIGITS_MIN} to {CODE_DIGITS_MAX}")
        if self.smtp_tls not in TLS_MODES:
            raise BadSetting(f"EDGE_SMTP_TLS={self.smtp_tls!r}: one of {', '.join(TLS_MODES)}")
        self._check_sms()

    def _check_sms(self) -> None:
        try:
            headers = json.loads(self.sms_headers)
            if not (isinstance(headers, dict) and all(isinstance(value, str) for value in headers.values())):
                raise ValueError("texts by name are needed")
        except ValueError as bad:
            raise BadSetting(f"EDGE_SMS_HEADERS: a JSON object of texts is needed ({bad})") from None
        try:
            re.compile(self.sms_success)
        except re.error as bad:
            raise BadSetting(f"EDGE_SMS_SUCCESS={self.sms_success!r}: not a regular expression ({bad})") from None

    @property
    def code_limits(self) -> CodeLimits:
        sends, failures = Limit(self.code_sends_per_hour, HOUR_MS), Limit(self.code_failures_per_day, DAY_MS)
        return CodeLimits(self.code_ms, self.code_tries, self.code_resend_ms, sends, failures)

    @property
    def factor_limit(self) -> Limit:
        return Limit(self.factor_failures, self.factor_failures_window_ms)

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> "WaysSettings":
        """Raises: BadSetting."""
        return cls(**values_of(cls, os.environ if env is None else env))
