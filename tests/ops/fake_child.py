"""A child for the supervisor's tests: answers /live; behaves as FAKE_MODE says.

Modes: well (progress on each answer), stalled (progress stands still), mute (never answers), crash (ends after its first answer),
stubborn (well, but ignores SIGTERM).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

MODE = os.environ.get("FAKE_MODE", "well")


class Handler(BaseHTTPRequestHandler):
    answers_count = 0

    def do_GET(self) -> None:
        Handler.answers_count += 1
        progress = 1 if MODE == "stalled" else Handler.answers_count
        body = json.dumps({"ok": True, "progress": progress, "detail": {}}).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(body)
        if MODE == "crash":
            print("the fake crashes on purpose", flush=True)
            threading.Timer(0.05, os._exit, [3]).start()

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> None:
    print(f"fake child {os.environ['WARBLER_NODE']} in mode {MODE}", flush=True)
    if MODE == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if MODE == "mute":
        signal.pause()
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
