"""A tiny service for the tests of the supervisor: slow, stubborn or short-lived on demand."""
# ruff: noqa: T201  # its output is what the tests look at

import argparse
import http.server
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    ready_at = 0.0
    is_stuck = False
    has_failed = False
    lost: Path | None = None  # while it is there, the service is not ready

    def do_GET(self) -> None:
        is_lost = self.lost is not None and self.lost.exists()
        is_ready = time.monotonic() >= self.ready_at and not is_lost
        progress = 0 if self.is_stuck else int(time.monotonic() * 100)
        doing = "no database" if self.has_failed else "warming up"
        body = json.dumps(
            {"ready": is_ready, "failed": self.has_failed, "progress": progress, "doing": doing}
        )
        self.send_response(200 if is_ready else 503)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        return


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-after", type=float, default=0.0)
    parser.add_argument("--dies-after", type=float)
    parser.add_argument("--exit-code", type=int, default=3)
    parser.add_argument("--is-stuck", action="store_true")
    parser.add_argument("--has-failed", action="store_true")
    parser.add_argument("--lost", type=Path)
    parser.add_argument("--ignores-sigterm", action="store_true")
    parser.add_argument("--with-grandchild", action="store_true")
    parser.add_argument("--watches-parent", action="store_true")
    flags = parser.parse_args()
    if flags.watches_parent:
        from server.parent import watch_parent

        watch_parent()
    if flags.ignores_sigterm:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if flags.with_grandchild:
        grandchild = subprocess.Popen(["sleep", "600"])
        print("grandchild", grandchild.pid)
    print("你好 from the stand-in")
    Handler.ready_at = time.monotonic() + flags.ready_after
    Handler.is_stuck = flags.is_stuck
    Handler.has_failed = flags.has_failed
    Handler.lost = flags.lost
    server = http.server.ThreadingHTTPServer(("127.0.0.1", flags.port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("port", server.server_port)
    time.sleep(600 if flags.dies_after is None else flags.dies_after)
    print("dying")
    sys.exit(flags.exit_code)


if __name__ == "__main__":
    main()
