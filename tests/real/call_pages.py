"""People who call each other in Chromium windows with fake cameras, for the tests of calls on the page.

What a window's media does is read from its own connections: an init script keeps every RTCPeerConnection and AudioContext that the page
makes, and nothing of the page is changed for that.
"""

from __future__ import annotations

import math
import re
import secrets
import struct
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.real.people import ARGS, CHROMIUM, PASSWORD, PATIENCE_MS, Person

MEDIA_ARGS = [
    "--use-fake-device-for-media-stream=fps=5",  # six windows that encode and decode thirty a second leave two cores nothing
    "--use-fake-ui-for-media-stream",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--autoplay-policy=no-user-gesture-required",
    "--auto-select-desktop-capture-source=Entire screen",
]
GAP_LIMIT_MS = 10_000
CLOCK = re.compile(r"^\d+:\d\d$")
# Six windows that each decode five voices and six pictures share two cores with everything else: small pictures, few of them, and the sound
# of a telephone, in large packets. Sound at its usual quality takes most of a core by itself.
KEEP_CONNECTIONS = """
  const Real = RTCPeerConnection;
  window.connections = [];
  window.RTCPeerConnection = class extends Real {
    constructor(...given) { super(...given); window.connections.push(this); }
    setRemoteDescription(said) {
      const opus = /a=rtpmap:(\\d+) opus/.exec(said.sdp)?.[1];
      const cheap = said.sdp.replaceAll(`a=fmtp:${opus} `, `a=ptime:60\\r\\na=fmtp:${opus} maxplaybackrate=8000;maxaveragebitrate=8000;`);
      return super.setRemoteDescription({type: said.type, sdp: said.type === "answer" ? cheap : said.sdp});
    }
    close() {
      const carries = (pc) => pc.connectionState === "connected" &&
        pc.getReceivers().some(({track}) => track.kind === "video" && track.readyState === "live" && !track.muted);
      if (carries(this) && !window.connections.some((pc) => pc !== this && carries(pc))) window.closed_early += 1;
      super.close();
    }
  };
  const Sound = AudioContext;
  window.tones = [];
  window.AudioContext = class extends Sound {
    constructor(...given) { super(...given); window.tones.push(this); }
  };
  const take = navigator.mediaDevices?.getUserMedia.bind(navigator.mediaDevices);
  if (take) navigator.mediaDevices.getUserMedia = (wanted) =>
    take({
      ...(wanted.audio ? {audio: {echoCancellation: false, noiseSuppression: false, autoGainControl: false}} : {}),
      ...(wanted.video ? {video: {width: 160, height: 120, frameRate: 3}} : {}),
    });
  const share = navigator.mediaDevices?.getDisplayMedia.bind(navigator.mediaDevices);
  if (share) navigator.mediaDevices.getDisplayMedia = () => share({video: {width: 320, height: 240, frameRate: 3}});
"""
# Takes no sound out of what comes in.
HEAR_NOTHING = """Object.defineProperty(HTMLAudioElement.prototype, "srcObject", {set() {}, get: () => null})"""
# Per incoming video that carries something: decoded pictures since it began.
DECODED = """async () => {
  const found = {};
  for (const [index, pc] of window.connections.entries())
    for (const stat of pc.connectionState === "connected" ? (await pc.getStats()).values() : [])
      if (stat.type === "inbound-rtp" && stat.kind === "video") found[`${index} ${stat.mid}`] = stat.framesDecoded;
  return found;
}"""
STATES = """() => window.connections.map((pc) => [pc.connectionState, ...pc.getTransceivers().map((each) => each.currentDirection)])"""
# From now on: the longest time in which no picture of anybody was shown (old and new connections feed the same element or another one), and
# how often the last connection that brought pictures was closed.
WATCH_GAPS = """() => {
  let last = performance.now();
  window.longest_gap_ms = window.closed_early = 0;
  const seen = new WeakSet();
  const note = () => {
    const now = performance.now();
    window.longest_gap_ms = Math.max(window.longest_gap_ms, now - last);
    last = now;
  };
  const follow = (video) => video.requestVideoFrameCallback(() => { note(); follow(video); });
  const look = () => {
    for (const video of document.querySelectorAll(".call-tile:not(.own) video")) if (!seen.has(video)) { seen.add(video); follow(video); }
  };
  window.gap_watch = setInterval(look, 30);
  look();
}"""


@dataclass(slots=True)
class Caller(Person):
    """Somebody with a camera. `sockets`: how many this window has opened."""

    sockets: int = 0

    def log_in(self, address: str) -> None:
        self.page.goto(address)
        self.page.get_by_role("button", name="Log in", exact=True).click()
        self.page.get_by_label("Name", exact=True).fill(self.name)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        expect(self.page.locator("#me-state")).to_have_text("Online")

    def call(self, kind: str = "Video call", engine: str = "", ring_s: int = 60) -> None:
        """In the open conversation."""
        self.page.evaluate("query => history.replaceState(null, '', query + location.hash)", f"?engine={engine}&ring={ring_s}")
        self.page.locator(".pane-head").get_by_role("button", name=kind, exact=True).click()

    @property
    def ring(self) -> Locator:
        return self.page.get_by_role("alertdialog")

    def answer(self, how: str = "With video") -> None:
        self.ring.get_by_role("button", name=how, exact=True).click()

    def press(self, name: str) -> None:
        self.page.get_by_role("toolbar").get_by_role("button", name=name, exact=True).click()

    def hang_up(self) -> None:
        """If there is a call: the other may hang up in the same moment."""
        self.page.evaluate(
            """() => document.querySelector("#call-hang-up").checkVisibility() && document.querySelector("#call-hang-up").click()"""
        )

    @property
    def state(self) -> Locator:
        return self.page.locator("#call-state")

    def connected(self) -> None:
        """Waits until media flows, as the edge says."""
        expect(self.state).to_have_text(CLOCK)

    def tile(self, name: str) -> Locator:
        return self.page.locator(".call-tile").filter(has=self.page.locator(".call-name", has_text=name))

    def decoded(self) -> dict[str, int]:
        found: dict[str, int] = self.page.evaluate(DECODED)
        return found

    def sees(self, videos: int) -> None:
        """Waits until pictures of so many videos have come in from now on."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        first = now = self.decoded()
        while sum(count > first.get(track, 0) for track, count in now.items()) < videos:
            assert time.monotonic() < deadline, f"{self.name} never had {videos} videos: {now}, {self.page.evaluate(STATES)}"
            self.page.wait_for_timeout(300)
            now = self.decoded()

    def stands(self) -> str:
        """How this window's call is, in a line, for whoever reads of a failure."""
        return f"{self.name}: {self.state.text_content()!r} {self.page.evaluate(STATES)}"

    def back(self, sockets: int) -> None:
        """Waits until the window has opened more sockets than so many, and is online by the last one."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while self.sockets <= sockets:
            assert time.monotonic() < deadline, f"{self.name} has not come back"
            self.page.wait_for_timeout(100)
        expect(self.page.locator("#me-state")).to_have_text("Online")

    def has_closed(self, connections: int) -> None:
        """Waits until so many connections are closed. By hand, as the page's policy lets no text be run as a condition."""
        deadline = time.monotonic() + PATIENCE_MS / 1000
        while self.page.evaluate("window.connections.filter(pc => pc.connectionState === 'closed').length") < connections:
            assert time.monotonic() < deadline, f"{self.name} keeps its old connections"
            self.page.wait_for_timeout(100)

    def saw_all_along(self) -> None:
        """Since WATCH_GAPS: pictures went on, and no connection was given up before another brought them.

        How short the gap is says a quiet machine (2 s at most); on one that does much else it says nothing, but that the call was not lost.
        """
        gap_ms, closed_early = self.page.evaluate("[window.longest_gap_ms, window.closed_early]")
        assert closed_early == 0, f"{self.name} gave up what it saw others by, and nothing for {gap_ms} ms"
        assert gap_ms < GAP_LIMIT_MS

    def tones(self) -> list[str]:
        """In what state each sound of a ring is that this window has made: one that is not closed renders silence for ever."""
        states: list[str] = self.page.evaluate("window.tones.map((tone) => tone.state)")
        return states

    def fits(self) -> None:
        """Nothing of the page is wider than the window."""
        assert self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def voice(path: Path) -> Path:
    """Two seconds that a microphone plays again and again: a tone that swells four times a second, like syllables."""
    rate, loudness = 16_000, 20_000
    samples = [
        round(loudness * math.sin(2 * math.pi * 4 * t / rate) ** 2 * math.sin(2 * math.pi * 220 * t / rate)) for t in range(2 * rate)
    ]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return path


@contextmanager
def media_browser(folder: Path) -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE_MS)
    args = [*ARGS, *MEDIA_ARGS, f"--use-file-for-fake-audio-capture={voice(folder / 'voice.wav')}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        try:
            yield browser
        finally:
            browser.close()


def caller(browser: Browser, name: str, *, phone: bool = False, small: bool = False) -> Caller:
    """`small`: a window that nobody looks at or listens to, as painting and mixing cost more than decoding here."""
    size = {"width": 390, "height": 844} if phone else {"width": 390, "height": 480} if small else {"width": 1000, "height": 700}
    context = browser.new_context(viewport=size, has_touch=phone, is_mobile=phone, permissions=["camera", "microphone"])  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(KEEP_CONNECTIONS)
    if small:
        context.add_init_script(HEAR_NOTHING)
    person = Caller(f"{name}-{secrets.token_hex(3)}", context.new_page())
    listen(person, person.page)
    return person


def listen(person: Caller, page: Page) -> None:
    def opened(_: object) -> None:
        person.sockets += 1

    page.on("websocket", opened)
    page.on("pageerror", lambda error: person.complaints.append(str(error)))
    page.on("console", lambda said: person.complaints.append(said.text) if "Content Security Policy" in said.text else None)
