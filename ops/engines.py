"""The media engines that `warbler up` starts: as many embedded ones as asked for, and a driver for each Janus that is there already."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping, Sequence

from ops.programs import LOOPBACK, Program

ENGINE_KINDS = ("embedded", "janus")
ANY_ADDRESS = ("0.0.0.0", "")
# RTC_DRAIN_MS, in which the devices of its calls come to another engine, and what was published leaves.
ENGINE_GRACE_S = 20.0
# A documentation address (RFC 5737): a datagram socket that is pointed there says which of ours is used, and sends nothing.
ELSEWHERE = ("192.0.2.1", 9)


def engine_names(engines: int, janus: Sequence[str]) -> list[str]:
    """The processes of these engines, in the order in which `engine_programs` wants their ports."""
    counts = {"embedded": engines, "janus": len(janus)}
    return [f"{kind}-{number}" for kind in ENGINE_KINDS for number in range(1, counts[kind] + 1)]


def engine_programs(
    engines: int, janus: Sequence[str], live_ports: Sequence[int], host: str, env: Mapping[str, str], given: Mapping[str, str]
) -> list[Program]:
    """`janus`: WebSocket addresses. `host`: where edges listen; media does so too. `given`: settings of ours that have the last word."""
    names = engine_names(engines, janus)
    own = [media_address(host, given)] * engines + [{"RTC_JANUS_URL": url} for url in janus]
    return [_engine(name, port, {**env, **extra}) for name, port, extra in zip(names, live_ports, own, strict=True)]


def _engine(name: str, live_port: int, env: Mapping[str, str]) -> Program:
    own = {"WARBLER_NODE": name, "RTC_ENGINE": name.partition("-")[0], "RTC_LIVE_PORT": str(live_port)}
    url = f"http://{LOOPBACK}:{live_port}/"
    return Program(name, (sys.executable, "-m", "rtc.engine"), {**env, **own}, url, f"{url}live", stop_grace_s=ENGINE_GRACE_S)


def media_address(host: str, given: Mapping[str, str] = os.environ) -> dict[str, str]:
    """RTC_HOST and RTC_PUBLIC_ADDRESS for who listens at `host`, but for what is given."""
    if "RTC_HOST" in given:
        return {}
    if host not in ANY_ADDRESS:
        return {"RTC_HOST": socket.gethostbyname(host)}
    return {"RTC_HOST": "0.0.0.0", "RTC_PUBLIC_ADDRESS": given.get("RTC_PUBLIC_ADDRESS") or own_address()}


def own_address() -> str:
    """The address by which this machine speaks to others; the loopback one where it does not."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
        except OSError:
            return LOOPBACK
        return str(probe.getsockname()[0])
