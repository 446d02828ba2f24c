"""Firefox ESR for tests: pages, and the notifications that it really shows. A process of Node drives it (`firefox/driver.mjs`)."""

from __future__ import annotations

import json
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
HERE = Path(__file__).parent / "firefox"
FIREFOX = shutil.which("firefox-esr")
ANSWER_S = 90.0  # a machine that does much else starts a browser slowly


@dataclass(slots=True)
class Firefox:
    """Every call waits for what it names, and raises RuntimeError with the driver's words if it does not come."""

    process: subprocess.Popen[str]
    version: str = ""

    def ask(self, do: str, **more: object) -> Any:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"do": do, **more}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> Any:
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(ANSWER_S):
                raise TimeoutError(f"the driver of Firefox did not answer within {ANSWER_S} s")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the driver of Firefox ended")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer["value"]

    def open(self, url: str) -> Tab:
        return Tab(self, self.ask("open", url=url))

    def tabs(self) -> list[tuple[Tab, str]]:
        """Also those that the browser opened by itself, each with its address."""
        return [(Tab(self, each["id"]), each["url"]) for each in self.ask("pages")]

    def alerts(self) -> list[tuple[str, str]]:
        """Title and text of each notification that is shown now."""
        return [(each["title"], each["body"]) for each in self.ask("alerts")]

    def press_alert(self) -> None:
        self.ask("press_alert")


@dataclass(frozen=True, slots=True)
class Tab:
    firefox: Firefox
    id: int

    def run(self, code: str) -> Any:
        """What the code returns; it may await."""
        return self.firefox.ask("run", id=self.id, code=code)

    def until(self, expression: str) -> None:
        self.firefox.ask("until", id=self.id, expression=expression)

    def press(self, name: str) -> None:
        """The button of this name, as a reader hears it."""
        self.firefox.ask("press", id=self.id, name=name)

    def fill(self, selector: str, text: str) -> None:
        """By CSS: a password's field has no role that a browser agrees on."""
        self.firefox.ask("fill", id=self.id, selector=selector, text=text)

    def shoot(self, path: Path) -> None:
        self.firefox.ask("shoot", id=self.id, path=str(path))

    def close(self) -> None:
        self.firefox.ask("close", id=self.id)


@contextmanager
def firefox(push_service: str) -> Iterator[Firefox]:
    """One that takes its pushes from this service ("ws://…/")."""
    assert FIREFOX is not None
    assert (HERE / "node_modules").exists(), "run: cd tests/real/firefox && npm install --no-package-lock"
    command = ["node", "driver.mjs", FIREFOX, push_service]
    process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    browser = Firefox(process)
    try:
        browser.version = browser.answer()
        yield browser
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.terminate()  # which ends Firefox too
            process.wait(10)


def eventually(what: Callable[[], T], good: Callable[[T], bool], patience_s: float = ANSWER_S) -> T:
    """What it is once it is good. Raises: AssertionError with what it was last."""
    deadline = time.monotonic() + patience_s
    while not good(found := what()):
        assert time.monotonic() < deadline, f"still {found!r}"
        time.sleep(0.1)
    return found
