"""A small service with ``/v1/embeddings`` in the documented format, on a port of this machine."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from embeddings.hashing import HashingEmbedder

VECTORS = HashingEmbedder(cache=Path(), batch_size=8, threads=1)
LENGTH = 3  # of its vectors, which need not be 1


@dataclass
class VectorService:
    """What it was asked, and what it answers before it gives vectors."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    troubles: list[tuple[int, dict[str, str], str]] = field(default_factory=list)  # used up in turn
    answer: dict[str, Any] | None = None  # instead of vectors
    speaks: threading.Event = field(default_factory=threading.Event)  # else it answers nothing

    def answer_to(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the vectors of texts, the last one first."""
        rows = LENGTH * VECTORS.embed_documents(body["input"])
        data = [
            {"object": "embedding", "index": place, "embedding": row.tolist()}
            for place, row in enumerate(rows)
        ]
        return {"object": "list", "data": data[::-1], "model": body["model"]}


@contextmanager
def serving() -> Iterator[VectorService]:
    """Serve until the block is left."""
    service = VectorService()
    service.speaks.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name is http.server's
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service.requests.append(body)
            service.headers.append(dict(self.headers))
            service.speaks.wait()
            if self.path != "/v1/embeddings":
                self.reply(404, {}, json.dumps({"error": {"message": "no such path"}}))
            elif service.troubles:
                self.reply(*service.troubles.pop(0))
            else:
                answer = service.answer or service.answer_to(body)
                self.reply(200, {}, json.dumps(answer))

        def reply(self, status: int, headers: dict[str, str], text: str) -> None:
            content = text.encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            with suppress(ConnectionError):  # who asked may be gone by now
                self.end_headers()
                self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        service.url = f"http://127.0.0.1:{server.server_port}/v1"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield service
        service.speaks.set()
        server.shutdown()
        thread.join()
