"""An OpenAI-style endpoint as a real HTTP server: it answers what a test tells it to."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from server.llm.client import NONCE, PROOF
from server.model_workers.shared_secret import prove


@dataclass
class Endpoint:
    """How the server behaves, and what it was asked."""

    pieces: list[str] = field(default_factory=lambda: ["The answer ", "is 42 [1]."])
    status: int = 200
    breaks_after: int | None = None  # pieces after which the connection is cut
    is_cut_cleanly: bool = False  # as a killed server does: an end like any other
    pause_s: float = 0.0  # between two pieces
    models: list[str] = field(default_factory=lambda: ["tiny-model"])
    list_status: int = 200
    secret: str = ""  # proves that it knows it, as our own endpoint does
    sent: int = 0  # pieces that a client took
    raw_lines: list[str] = field(default_factory=list)  # sent instead of pieces
    requests: list[dict[str, Any]] = field(default_factory=list)
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    """Answers as the endpoint of its server says."""

    protocol_version = "HTTP/1.0"

    @property
    def endpoint(self) -> Endpoint:
        found: Endpoint = self.server.endpoint  # type: ignore[attr-defined]
        return found

    def do_GET(self) -> None:
        cards = [{"id": name} for name in self.endpoint.models]
        self.reply(self.endpoint.list_status, {"data": cards})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.endpoint.requests.append(body | {"auth": self.headers["authorization"]})
        if self.endpoint.status != 200:
            self.reply(self.endpoint.status, {"error": {"message": "out of memory"}})
        else:
            self.stream()

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        if self.endpoint.breaks_after is not None and not self.endpoint.is_cut_cleanly:
            self.send_header("content-length", "1000000")
        self.end_headers()
        for number, piece in enumerate(self.endpoint.pieces):
            if number == self.endpoint.breaks_after:
                return
            time.sleep(self.endpoint.pause_s)
            self.send_line(f"data: {json.dumps({'choices': [{'delta': {'content': piece}}]})}")
            self.endpoint.sent += 1
        for line in self.endpoint.raw_lines:
            self.send_line(line)
        self.send_line("data: [DONE]")

    def send_line(self, line: str) -> None:
        self.wfile.write(f"{line}\n\n".encode())
        self.wfile.flush()

    def reply(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        if self.endpoint.secret:
            nonce = self.headers.get(NONCE, "")
            self.send_header(PROOF, prove(self.endpoint.secret, nonce))
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serve(endpoint: Endpoint) -> Iterator[Endpoint]:
    """Serve on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.endpoint = endpoint  # type: ignore[attr-defined]
    endpoint.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield endpoint
    server.shutdown()
    server.server_close()
    thread.join()
