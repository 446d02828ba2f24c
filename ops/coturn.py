"""coturn as a child of `warbler up --turn`: its configuration, and whether it answers. The secret is a file, never an argument."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from ops.doctor import COTURN_COMMAND
from ops.embedded.process import Child
from ops.engines import media_address
from ops.errors import OpsError
from ops.keys import replace_secret
from ops.programs import LOOPBACK
from ops.supervision import Answered, Gone, Observation, Policy, Silent

NAME = "turn-1"
COMMAND = "turnserver"

FOLDERS = ("/usr/sbin", "/usr/local/sbin")  # where packages put servers, not on everybody's PATH
RELAY_PORTS = (49_152, 49_999)
ANSWER_S = 1.0
STOP_GRACE_S = 5.0
STUN_BINDING = b"\x00\x01\x00\x00\x21\x12\xa4\x42"  # a binding request without attributes, RFC 8489 5
STUN_ANSWER = b"\x01\x01"


def turnserver_path() -> str:
    """Where coturn's server is. Raises: OpsError that says how to get it."""
    found = shutil.which(COMMAND) or shutil.which(COMMAND, path=os.pathsep.join(FOLDERS))
    if found is None:
        sudo = "" if os.geteuid() == 0 else "sudo "
        raise OpsError(f"--turn needs coturn, which is missing here. Install it with: {sudo}{COTURN_COMMAND}")
    return found


def configuration(host: str, public: str, port: int, secret: str, run: Path, relay_ports: tuple[int, int] = RELAY_PORTS) -> str:
    """turnserver.conf. `public`: what devices are told where `host` is every address of this machine.

    Shape: relays to this machine itself only where it listens on nothing else; never to the addresses by which clouds tell machines
    their secrets.
    """
    lines = [
        *("use-auth-secret", f"static-auth-secret={secret}", "realm=warbler", "fingerprint", "stale-nonce=600"),
        *(f"listening-port={port}", f"min-port={relay_ports[0]}", f"max-port={relay_ports[1]}"),
        *("no-cli", "no-tls", "no-dtls", "no-multicast-peers", "no-software-attribute", "user-quota=16"),
        *("log-file=stdout", "simple-log", f"pidfile={run / 'turnserver.pid'}", f"userdb={run / 'turnserver.sqlite'}"),
        *("denied-peer-ip=0.0.0.0-0.255.255.255", "denied-peer-ip=169.254.0.0-169.254.255.255"),
    ]
    if host == "0.0.0.0":
        lines += [f"relay-ip={public}", f"external-ip={public}"]
    else:
        lines += [f"listening-ip={host}", f"relay-ip={host}"]
    if host.startswith("127."):
        lines.append("allow-loopback-peers")
    return "\n".join(lines) + "\n"


def turn_env(address: str, port: int, secret_file: Path) -> dict[str, str]:
    """What edges and engines need to make tickets with credentials for it."""
    urls = f"stun:{address}:{port},turn:{address}:{port}?transport=udp,turn:{address}:{port}?transport=tcp"
    return {"RTC_TURN_URLS": urls, "RTC_TURN_SECRET_FILE": str(secret_file)}


class TurnCharge:
    """Raises, from `__init__`: OpsError where coturn is missing."""

    is_server = False
    policy = Policy()

    def __init__(self, home: Path, host: str, port: int, secret_file: Path, given: Mapping[str, str] = os.environ) -> None:
        self._command = turnserver_path()
        where = media_address(host, given)
        self._host = where.get("RTC_HOST") or given["RTC_HOST"]
        self.public = where.get("RTC_PUBLIC_ADDRESS") or given.get("RTC_PUBLIC_ADDRESS") or self._host
        self._port, self._secret_file = port, secret_file
        self.child = Child(NAME, home)
        self.address = f"turn:{self.public}:{port}"
        self.env = turn_env(self.public, port, secret_file)
        self._answers = 0

    def spawn(self) -> None:
        run = self.child.home / "run"
        path = run / "turnserver.conf"
        secret = self._secret_file.read_text().strip()
        replace_secret(path, configuration(self._host, self.public, self._port, secret, run).encode())
        self.child.spawn([self._command, "-c", str(path)])

    async def observe(self) -> Observation:
        """A STUN request; each answered one is progress."""
        if not self.child.running:
            return Gone()
        host = LOOPBACK if self._host == "0.0.0.0" else self._host
        if not await asyncio.to_thread(answers_stun, host, self._port):
            return Silent() if self.child.running else Gone()
        self._answers += 1
        return Answered(ok=True, progress=self._answers, idle=False)

    async def stop(self) -> None:
        await self.child.stop(STOP_GRACE_S)


def answers_stun(host: str, port: int) -> bool:
    """Whether a STUN server answers there. Blocks: for at most ANSWER_S, on loopback for some 100 microseconds."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(ANSWER_S)
        try:
            probe.connect((host, port))
            probe.send(STUN_BINDING + secrets.token_bytes(12))
            return probe.recv(1_500).startswith(STUN_ANSWER)
        except OSError:
            return False
