"""A web server that nobody may ask: it stands for the world beyond the product."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Canary:
    """Where it listens, and what it was asked."""

    url: str
    asked: list[str] = field(default_factory=list)


@contextmanager
def canary() -> Iterator[Canary]:
    """Serve on a free port of this machine and note every request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            noted.asked.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        noted = Canary(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield noted
        server.shutdown()
