"""Which push channels there are and with which credentials: the YAML file STREAMS_PUSH_CONFIG (docs/push.md), and what is made of it.

A section names a push channel and holds one app's fields, or `apps` with those of several; `off` turns it off.
"""

import importlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import msgspec
import yaml
from msgspec import Meta, Struct

from schemas.errors import WarblerError
from store.pushing import CHANNELS
from streams.push.channels.answers import BadTable, Row, Table, table_of
from streams.push.channels.port import BadCredentials, PushChannel, Traits

SECRET_BYTES_LIMIT = 64 * 1024
APP = re.compile(r"^[A-Za-z0-9._:/-]{1,128}$")
# A channel that is a second face of another's module: APNs' VoIP tokens go through the same connections and credentials.
MODULES = {channel: f"streams.push.channels.{channel}" for channel in CHANNELS} | {"apns_voip": "streams.push.channels.apns"}
Form = TypeVar("Form", bound="Common")


class BadPushConfig(WarblerError):
    """The file cannot be used; the message names file, section and field."""


class Common(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fields of every section; each push channel adds its own in a subclass. Zero and empty: the push channel's own default.

    `url`: another address of the vendor. `answers`: rows that go before the error table's. `proxy`: of the way out, http://host:port.
    """

    url: str = ""
    timeout_ms: Annotated[int, Meta(ge=100, le=60_000)] = 10_000
    in_flight_limit: Annotated[int, Meta(ge=0, le=10_000)] = 0
    per_second: Annotated[float, Meta(ge=0)] = 0
    proxy: str = ""
    answers: tuple[Row, ...] = ()

    def traits(self, own: Traits) -> Traits:
        """The push channel's own, with what the section changes of them."""
        return replace(own, in_flight_limit=self.in_flight_limit or own.in_flight_limit, per_second=self.per_second or own.per_second)


@dataclass(frozen=True, slots=True)
class Secret:
    """Where a credential stands: the path of a file, or env:NAME. Its value is never kept here, so it is never printed."""

    place: str
    env: Mapping[str, str] = field(repr=False)
    folder: Path = Path()

    def read(self) -> str:
        """Raises: BadCredentials."""
        found = self.env.get(self.place[4:], "") if self.place.startswith("env:") else self._file()
        if not found.strip():
            raise BadCredentials(f"{self.place or 'a credential'}: nothing there")
        return found.strip()

    def _file(self) -> str:
        try:
            with (self.folder / self.place).open("rb") as file:
                raw = file.read(SECRET_BYTES_LIMIT + 1)
            if len(raw) > SECRET_BYTES_LIMIT:
                raise BadCredentials(f"{self.place}: longer than {SECRET_BYTES_LIMIT} bytes")
            return raw.decode()
        except (OSError, ValueError) as failed:  # ValueError: no UTF-8, or a NUL in the path
            raise BadCredentials(f"{self.place}: {failed}") from None


@dataclass(frozen=True, slots=True)
class Section:
    """One app of one push channel, as it stands in the file. `app` empty: the only one."""

    channel: str
    app: str
    fields: Mapping[str, Any] = field(repr=False)
    env: Mapping[str, str] = field(repr=False)
    file: Path = Path("push.yaml")

    def read(self, form: type[Form]) -> Form:
        """Its fields. Raises: BadPushConfig that names section and field."""
        try:
            found = msgspec.convert(dict(self.fields), form)
        except msgspec.ValidationError as bad:
            raise self.bad(str(bad)) from None
        for name, url in (("url", found.url), ("proxy", found.proxy)):
            if url and not is_safe(url) and not (name == "proxy" and url.startswith("http://")):
                raise self.bad(f"`{name}` must be https (or http on loopback): {url}")
        return found

    def secret(self, place: str) -> Secret:
        return Secret(place, self.env, self.file.parent)

    def table(self, form: Common) -> Table:
        """The push channel's error table with the section's rows before it. Raises: BadPushConfig."""
        try:
            return table_of(self.channel).with_rows(form.answers)
        except BadTable as bad:
            raise self.bad(f"`answers`: {bad}") from None

    def bad(self, what: str) -> BadPushConfig:
        app = f" app {self.app!r}" if self.app else ""
        return BadPushConfig(f"{self.file}: {self.channel}{app}: {what}")


@dataclass(frozen=True, slots=True)
class PushConfig:
    sections: tuple[Section, ...]


def config_file(chosen: str, data: Path) -> Path:
    """`chosen`: STREAMS_PUSH_CONFIG. Empty: `push.yaml` in the data folder."""
    return Path(chosen) if chosen else data / "push.yaml"


def load_config(file: Path, env: Mapping[str, str]) -> PushConfig:
    """What the file says; without one, Web Push alone where WARBLER_VAPID_KEY is set.

    Raises: BadPushConfig, also where STREAMS_PUSH_CONFIG names a file that is not there: a slip of the pen must not turn all vendors off.
    """
    if not file.exists():
        if env.get("STREAMS_PUSH_CONFIG"):
            raise BadPushConfig(f"STREAMS_PUSH_CONFIG={file}: there is no such file")
        return parse_config({}, env, file)
    try:
        found = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as bad:
        raise BadPushConfig(f"{file}: {bad}") from None
    return parse_config({} if found is None else found, env, file)


def parse_config(found: object, env: Mapping[str, str], file: Path = Path("push.yaml")) -> PushConfig:
    """Raises: BadPushConfig."""
    if not isinstance(found, dict):
        raise BadPushConfig(f"{file}: sections by push channel are needed")
    if unknown := [name for name in found if name not in CHANNELS]:
        raise BadPushConfig(f"{file}: {unknown[0]!r} is no push channel; there are {', '.join(CHANNELS)}")
    if "webpush" not in found and env.get("WARBLER_VAPID_KEY"):
        found = {**found, "webpush": {}}
    return PushConfig(tuple(section for name, fields in found.items() for section in _sections(name, fields, env, file)))


def _sections(channel: str, fields: object, env: Mapping[str, str], file: Path) -> Iterator[Section]:
    if fields is False:
        return
    whole = Section(channel, "", fields if isinstance(fields, dict) else {}, env, file)
    if fields is not None and not isinstance(fields, dict):
        raise whole.bad("fields are needed, or `off`")
    if "apps" not in whole.fields:
        yield whole
        return
    apps = whole.fields["apps"]
    if not isinstance(apps, dict) or not apps:
        raise whole.bad("`apps` needs apps, each with its fields")
    shared = {name: value for name, value in whole.fields.items() if name != "apps"}
    for app, own in apps.items():
        if not isinstance(app, str) or not APP.match(app) or not isinstance(own, dict | None):
            raise whole.bad(f"`apps`: {app!r} is no app with its fields")
        yield Section(channel, app, {**shared, **(own or {})}, env, file)


class ChannelModule(Protocol):
    """What every module of `streams.push.channels` that is a push channel has."""

    def from_section(self, section: Section) -> PushChannel:
        """Not started, no I/O. Raises: BadPushConfig."""
        ...


def make_channels(config: PushConfig) -> dict[tuple[str, str], PushChannel]:
    """By (push channel, app). Raises: BadPushConfig. None is started: a missing credential turns one off, a bad file all."""
    return {(section.channel, section.app): module_of(section.channel).from_section(section) for section in config.sections}


def module_of(channel: str) -> ChannelModule:
    """Loaded when it is configured: nobody pays for the vendors' libraries that he does not use."""
    module: Any = importlib.import_module(MODULES[channel])
    return module  # type: ignore[no-any-return]


def channel_for(channels: Mapping[tuple[str, str], PushChannel], channel: str, app: str) -> PushChannel | None:
    """Of the token's app; where one app is configured without a name, that one for all. None: not configured here."""
    return channels.get((channel, app)) or channels.get((channel, ""))


def is_safe(url: str) -> bool:
    """Nobody between here and there can read or change it."""
    return url.startswith("https://") or re.match(r"http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?(/|$)", url) is not None
