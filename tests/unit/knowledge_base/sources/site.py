"""A real web site for tests, on a free port of this machine."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Reply:
    """What a path answers."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


def page(title: str, *links: str, text: str = "Some words.") -> Reply:
    """Return a page with links."""
    anchors = "".join(f'<a href="{link}">{link}</a> ' for link in links)
    html = f"<html><head><title>{title}</title></head><body><p>{text}</p>{anchors}</body></html>"
    return Reply(html.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


def plain(body: bytes, content_type: str) -> Reply:
    return Reply(body, headers={"Content-Type": content_type})


def moved(place: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": place})


@dataclass
class Site:
    """Its pages by path, with what was asked for."""

    port: int
    pages: dict[str, Reply | Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    hosts: set[str] = field(default_factory=set)

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@contextmanager
def serving() -> Iterator[Site]:
    """Serve a site."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.asked.append(self.path)
            site.agents.add(self.headers["User-Agent"])
            site.hosts.add(self.headers["Host"])
            reply = site.pages.get(self.path, Reply(b"no", 404))
            if not isinstance(reply, Reply):
                reply(self)
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            pass  # a client that hangs up is what some tests are about

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
