"""A Janus of our own as a child process on loopback, from a folder made for it: for tests, benchmarks and `warbler up`.

Needs the program and its plugins (Debian's package `janus`), not its service, and no root.
"""

import asyncio
import secrets
import shutil
import socket
from pathlib import Path

import psutil

from rtc.engines.janus.config import OwnJanus, files
from schemas.errors import WarblerError

PROGRAM = "janus"
READY_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
LIBRARIES = ("/usr/lib/*/janus", "/usr/lib/janus", "/usr/local/lib/janus", "/opt/janus/lib/janus")


class JanusMissing(WarblerError):
    """The program, or its folder of plugins, is not on this machine."""


class JanusDied(WarblerError):
    """It ended, or did not open its port, while it was to start."""


def library() -> str:
    """The folder with Janus' plugins and transports. Raises: JanusMissing."""
    found = [path for pattern in LIBRARIES for path in Path("/").glob(pattern.lstrip("/")) if (path / "plugins").is_dir()]
    if shutil.which(PROGRAM) is None or not found:
        raise JanusMissing("janus is not installed; Debian's package has it: apt-get install janus")
    return str(found[0])


def write(own: OwnJanus) -> None:
    """The folder's files, for `janus --configs-folder`."""
    folder = Path(own.folder)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)  # the files hold secrets
    (folder / "none").mkdir(exist_ok=True)
    for name, text in files(own, _names(own, "plugins"), _names(own, "transports")).items():
        (folder / name).write_text(text)


def _names(own: OwnJanus, kind: str) -> tuple[str, ...]:
    return tuple(sorted(path.name for path in (Path(own.library) / kind).glob("*.so")))


def command(own: OwnJanus) -> tuple[str, ...]:
    return (PROGRAM, "--configs-folder", own.folder, "--disable-colors")


def prepared(folder: Path, port: int, admin_port: int) -> tuple[tuple[str, ...], dict[str, str]]:
    """The command that starts a Janus of our own, and the variables by which an engine's process finds it.

    Everything is in `folder`; its secrets are made once and kept. Raises: JanusMissing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    key, admin_secret = (_kept_secret(folder / name) for name in ("room-key", "admin-secret"))
    own = OwnJanus(library(), str(folder / "conf"), port, admin_port, admin_secret, key, media_address())
    write(own)
    env = {
        "RTC_JANUS_URL": f"ws://127.0.0.1:{port}",
        "RTC_JANUS_ADMIN_URL": f"ws://127.0.0.1:{admin_port}",
        "RTC_JANUS_ADMIN_SECRET_FILE": str(folder / "admin-secret"),
        "RTC_JANUS_KEY_FILE": str(folder / "room-key"),
        "RTC_JANUS_RECORD_DIR": str(folder / "recordings"),
    }
    return command(own), env


def _kept_secret(path: Path) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16))
    return path.read_text()


class JanusProcess:
    """One child; `start` after `stop` or `kill` starts the same again, on the same ports."""

    def __init__(self, folder: Path) -> None:
        self._port, admin_port = free_ports(2)
        self._command, self.env = prepared(folder, self._port, admin_port)
        self._log = folder / "janus.log"
        self._child: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None  # asked for between start and stop
        return self._child.pid

    async def start(self) -> None:
        """Raises: JanusDied. Blocks: until its port is open, at most READY_TIMEOUT_S."""
        with self._log.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(*self._command, stdout=log, stderr=log, stdin=asyncio.subprocess.DEVNULL)
        try:
            await asyncio.wait_for(self._opened(self._child), READY_TIMEOUT_S)
        except TimeoutError:
            await self.kill()
            raise JanusDied(f"no port within {READY_TIMEOUT_S} s: {self._last_words()}") from None

    async def _opened(self, child: asyncio.subprocess.Process) -> None:
        while True:
            if child.returncode is not None:
                raise JanusDied(f"exit code {child.returncode}: {self._last_words()}")
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._port)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return

    def _last_words(self) -> str:
        return self._log.read_text(errors="replace")[-1000:]

    async def stop(self) -> None:
        if self._child is not None and self._child.returncode is None:
            self._child.terminate()
            try:
                await asyncio.wait_for(self._child.wait(), STOP_TIMEOUT_S)
            except TimeoutError:
                await self.kill()

    async def kill(self) -> None:
        """As a crash would end it."""
        if self._child is not None and self._child.returncode is None:
            self._child.kill()
            await self._child.wait()


def media_address() -> str:
    """An IPv4 address of this machine that is not loopback, which Janus leaves out. Raises: JanusMissing if there is none."""
    up = {name for name, state in psutil.net_if_stats().items() if state.isup}
    for name, addresses in sorted(psutil.net_if_addrs().items()):
        for address in addresses:
            if name in up and address.family == socket.AF_INET and not address.address.startswith("127."):
                return address.address
    raise JanusMissing("janus uses no loopback for media, and this machine has no other IPv4 address")


def free_ports(count: int) -> list[int]:
    """TCP ports of loopback that nobody has now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
