"""One test push through one push channel: what the vendor said to it, and what is left to see with real credentials."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ops.errors import OpsError
from store.pushing import CHANNELS
from streams.push.alert import Alert
from streams.push.channels.answers import table_of
from streams.push.channels.port import Accepted, BadCredentials, Outcome, PushChannel
from streams.push.config import channel_for, load_config, make_channels

EXIT_REFUSED = 1
TTL_MS = 600_000
TOKEN_BYTES_LIMIT = 16_384
MEANS = {
    "retry": "the worker would try it again later",
    "remove_token": "the worker would remove this token",
    "give_up": "the worker would give this push up",
    "misconfigured": "the push channel would be off until the settings or credentials are mended",
}


class NotConfigured(OpsError):
    """The push channel, or this app of it, is not in the file."""


class BadTestToken(OpsError):
    """The token cannot be read."""


@dataclass(frozen=True, slots=True)
class Checked:
    """`token_problem`, `credentials_problem`: empty where there is none. `outcome` None: nothing was sent."""

    channel: str
    app: str
    token_problem: str
    credentials_problem: str
    outcome: Outcome | None
    latency_ms: int
    verify: tuple[str, ...]
    dry: bool

    @property
    def good(self) -> bool:
        problems = self.token_problem or self.credentials_problem
        return not problems and (self.dry or isinstance(self.outcome, Accepted))


async def check_push(file: Path, env: Mapping[str, str], channel: str, app: str, token: str, dry: bool) -> Checked:
    """Raises: BadPushConfig, BadTable, NotConfigured."""
    found = channel_of(file, env, channel, app)
    token_problem = found.check_token(token) or ""
    credentials_problem, outcome, latency_ms = "", None, 0
    try:
        await found.start()
        if not dry and not token_problem:
            begun = time.monotonic()
            outcome = await found.send(token, sample_alert(now_ms()), now_ms())
            latency_ms = int((time.monotonic() - begun) * 1000)
    except BadCredentials as bad:
        credentials_problem = str(bad)
    finally:
        await found.close()
    return Checked(channel, app, token_problem, credentials_problem, outcome, latency_ms, table_of(channel).verify, dry)


def channel_of(file: Path, env: Mapping[str, str], channel: str, app: str) -> PushChannel:
    """Raises: BadPushConfig, NotConfigured."""
    if channel not in CHANNELS:
        raise NotConfigured(f"{channel!r} is no push channel; there are {', '.join(CHANNELS)}")
    channels = make_channels(load_config(file, env))
    found = channel_for(channels, channel, app)
    if found is None:
        apps = sorted(one for name, one in channels if name == channel)
        other = f"; --app is one of {', '.join(apps)}" if apps else ""
        key = " and WARBLER_VAPID_KEY names no key" if channel == "webpush" else ""
        raise NotConfigured(f"{channel}{f' app {app!r}' if app else ''} is not in {file}{key}{other}")
    return found


def push_env(data: Path, env: Mapping[str, str]) -> dict[str, str]:
    """The environment as the workers of `warbler up` have it: with the VAPID key that lies in the data folder."""
    vapid = data / "secrets" / "vapid.pem"
    return {**({"WARBLER_VAPID_KEY": str(vapid)} if vapid.exists() else {}), **env}


def read_token(token: str, stdin: BinaryIO) -> str:
    """Raises: BadTestToken."""
    try:
        if token == "-":
            raw = stdin.read(TOKEN_BYTES_LIMIT + 1)
        elif token.startswith("@"):
            with Path(token[1:]).open("rb") as file:
                raw = file.read(TOKEN_BYTES_LIMIT + 1)
        else:
            return token
        if len(raw) > TOKEN_BYTES_LIMIT:
            raise BadTestToken(f"the token is longer than {TOKEN_BYTES_LIMIT} bytes")
        return raw.decode().strip()
    except (OSError, ValueError) as bad:
        raise BadTestToken(f"the token cannot be read: {bad}") from None


def sample_alert(at_ms: int) -> Alert:
    return Alert(
        kind="alert",
        send_key=secrets.token_hex(16),
        collapse_key="warbler-push-check",
        title="Warbler",
        body="This is a test push. Nothing has to be done.",
        badge=None,
        at_ms=at_ms,
        deadline_ms=at_ms + TTL_MS,
        ticket="",
        data={"purpose": "check"},
    )


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def lines_of(checked: Checked, file: Path) -> list[str]:
    """For a person to read."""
    lines = [f"Push channel {checked.channel}{f', app {checked.app}' if checked.app else ''}, configured in {file}"]
    lines.append(f"Token: {checked.token_problem or 'its form is good'}")
    lines.append(f"Credentials: {checked.credentials_problem or 'good, as far as can be seen without sending'}")
    lines += outcome_lines(checked)
    return [*lines, "", "To verify with real credentials:", *(f"- {each}" for each in checked.verify)]


def outcome_lines(checked: Checked) -> list[str]:
    outcome = checked.outcome
    if outcome is None:
        return ["Nothing was sent."]
    if isinstance(outcome, Accepted):
        name = f", as {outcome.vendor_id}" if outcome.vendor_id else ""
        return [f"Accepted with status {outcome.status}{name}, after {checked.latency_ms} ms. Now look at the device."]
    status = f"status {outcome.status}" if outcome.status else "no answer"
    lines = [f"Not accepted: {status}, {outcome.code}, after {checked.latency_ms} ms: {MEANS[outcome.verdict]}."]
    lines += [f"The vendor asks to wait {outcome.retry_after_ms / 1000:g} s."] if outcome.retry_after_ms else []
    return lines + ([f"Its words: {outcome.detail}"] if outcome.detail else [])
