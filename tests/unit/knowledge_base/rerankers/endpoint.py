"""A rerank endpoint as a real HTTP server: both formats, over words in common."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class RerankEndpoint:
    """How the server behaves, and what it was asked."""

    status: int = 200
    body: bytes | None = None  # sent as it is, whatever is asked
    gives_odds: bool = False  # raw logits, as llama.cpp sends them
    is_silent: bool = False  # it never answers
    most_texts: int = 1000  # of one request
    requests: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    url: str = ""  # without a path


class Handler(BaseHTTPRequestHandler):
    """Answers as the endpoint of its server says."""

    @property
    def endpoint(self) -> RerankEndpoint:
        found: RerankEndpoint = self.server.endpoint  # type: ignore[attr-defined]
        return found

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.endpoint.requests.append(asked)
        self.endpoint.paths.append(self.path)
        self.endpoint.keys.append(self.headers["authorization"])
        if self.endpoint.is_silent:
            self.endpoint.released.wait(60)
        elif self.endpoint.body is not None or self.endpoint.status != 200:
            self.reply(self.endpoint.status, self.endpoint.body or b'{"error": "out of memory"}')
        elif self.path not in ("/v1/rerank", "/rerank"):
            self.reply(404, b'{"detail": "Not Found"}')
        else:
            self.reply(*self.rank(asked))

    def rank(self, asked: dict[str, Any]) -> tuple[int, bytes]:
        is_tei = "texts" in asked
        texts = asked["texts" if is_tei else "documents"]
        if len(texts) > self.endpoint.most_texts:
            return 413, b'{"error": "batch size too large"}'
        name = "score" if is_tei else "relevance_score"
        ranked = [
            {"index": place, name: self.score(asked["query"], text)}
            for place, text in enumerate(texts)
        ]
        ranked.sort(key=lambda one: one[name], reverse=True)
        return 200, json.dumps(ranked if is_tei else {"results": ranked}).encode()

    def score(self, question: str, text: str) -> float:
        words = set(question.lower().strip("?？") or "-")
        share = len(words & set(text.lower())) / len(words)
        return 8 * share - 4 if self.endpoint.gives_odds else share

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serve_reranker(endpoint: RerankEndpoint) -> Iterator[RerankEndpoint]:
    """Serve on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.endpoint = endpoint  # type: ignore[attr-defined]
    endpoint.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield endpoint
    finally:
        endpoint.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
