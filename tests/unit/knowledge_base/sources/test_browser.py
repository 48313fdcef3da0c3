"""Getting a page: redirections, sizes, times, and whom the connection goes to."""

import gzip
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler

import httpcore
import httpx
import pytest

from server.errors import Cancelled, SourceFailed, TooLarge, UnsafeAddress
from server.knowledge_base.sources import FetchLimits
from server.knowledge_base.sources.browser import Answered, Browser, Gone, NoDocument, Page
from server.knowledge_base.sources.guard import Guard
from server.version import VERSION
from tests.unit.knowledge_base.sources.conftest import MakeLimits
from tests.unit.knowledge_base.sources.site import Reply, Site, moved, page, plain


@contextmanager
def browsing(limits: FetchLimits, guard: Guard | None = None) -> Iterator[Browser]:
    chosen = guard or Guard(limits.allow_private, limits.web_ports)
    with closing(Browser(chosen, limits)) as browser:
        yield browser


def get(limits: FetchLimits, url: str, **options: object) -> Page:
    with browsing(limits) as browser:
        return browser.get(httpx.URL(url), max_bytes=limits.max_bytes, **options)


def test_a_page_comes_with_its_type_and_we_say_who_we_are(site: Site, limits: MakeLimits) -> None:
    site.pages["/a"] = page("A")
    got = get(limits(), site.url("/a"))
    assert got.content_type.startswith("text/html")
    assert b"<title>A</title>" in got.data
    assert site.agents == {f"Zhiwen/{VERSION}"}
    assert site.hosts == {f"127.0.0.1:{site.port}"}


def test_redirections_are_followed_to_the_end(site: Site, limits: MakeLimits) -> None:
    site.pages |= {"/a": moved("/b", 301), "/b": moved("c#x", 307), "/c": page("C")}
    assert str(get(limits(), site.url("/a")).url) == site.url("/c")


@pytest.mark.parametrize(("status", "kind"), [(301, Gone), (308, Gone), (302, NoDocument)])
def test_only_a_permanent_way_out_is_an_end(
    site: Site, limits: MakeLimits, status: int, kind: type[NoDocument]
) -> None:
    site.pages |= {"/a": moved("/b", 301), "/b": moved("/out", status)}
    with pytest.raises(NoDocument) as caught:
        get(limits(), site.url("/a"), goes_to=lambda url: url.path != "/out")
    assert type(caught.value) is kind


@pytest.mark.parametrize(("status", "is_permanent"), [(301, True), (308, True), (307, False)])
def test_a_page_tells_whether_it_moved_for_good(
    site: Site, limits: MakeLimits, status: int, is_permanent: bool
) -> None:
    site.pages |= {"/a": moved("/b", status), "/b": moved("/c", 308), "/c": page("C")}
    assert get(limits(), site.url("/a")).is_permanent is is_permanent


def test_nothing_where_an_address_leads_for_now_is_no_end(site: Site, limits: MakeLimits) -> None:
    site.pages["/a"] = moved("/nowhere", 302)
    with pytest.raises(NoDocument) as caught:
        get(limits(), site.url("/a"))
    assert type(caught.value) is NoDocument


def test_a_circle_ends(site: Site, limits: MakeLimits) -> None:
    site.pages |= {"/a": moved("/b"), "/b": moved("/a")}
    with pytest.raises(SourceFailed, match="circles"):
        get(limits(), site.url("/a"))
    assert len(site.asked) == 6


@pytest.mark.parametrize(
    "place",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::ffff:169.254.169.254]/",
        "http://0.0.0.0/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "http://user:pw@127.0.0.1/",
        "http://127.0.0.1:22/",
        "//169.254.169.254/",
    ],
)
def test_no_redirection_gets_around_the_guard(site: Site, limits: MakeLimits, place: str) -> None:
    site.pages["/a"] = moved(place)
    with pytest.raises(UnsafeAddress):
        get(limits(), site.url("/a"))
    assert site.asked == ["/a"]


def test_a_redirection_from_the_world_to_this_machine_is_refused(
    site: Site, limits: MakeLimits
) -> None:
    """The first host counts as public here; the second is looked up and is not."""
    site.pages["/a"] = moved(site.url("/secret", host="localhost"))

    class Lenient(Guard):
        def is_allowed(self, address: str) -> bool:
            return (address == "127.0.0.1" and not seen) or Guard.is_allowed(self, address)

    seen: list[str] = []

    def look(host: str, _: int) -> list[str]:
        if host == "localhost":
            seen.append(host)
        return ["127.0.0.1"]

    chosen = limits(allow_private=False)
    guard = Lenient(False, chosen.web_ports, look)
    with browsing(chosen, guard) as browser, pytest.raises(UnsafeAddress):
        browser.get(httpx.URL(site.url("/a", host="world.example")), max_bytes=1000)
    assert site.asked == ["/a"]


def test_the_connection_goes_to_the_address_that_was_checked(
    site: Site, limits: MakeLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name is looked up once; what it would say the second time (rebinding) has no effect."""
    site.pages["/a"] = page("A")
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    lookups = []

    def look(host: str, port: int) -> list[str]:
        lookups.append(host)
        return next(answers)

    connected: list[str] = []
    connect = httpcore.SyncBackend.connect_tcp

    def spy(self: object, host: str, *rest: object, **named: object) -> object:
        connected.append(host)
        return connect(self, host, *rest, **named)

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", spy)
    chosen = limits()
    guard = Guard(True, chosen.web_ports, look)
    url = httpx.URL(site.url("/a", host="rebind.example"))
    with browsing(chosen, guard) as browser:
        assert browser.get(url, max_bytes=1000).data
        assert (lookups, connected) == (["rebind.example"], ["127.0.0.1"])
        assert site.hosts == {f"rebind.example:{site.port}"}
    with browsing(chosen, guard) as browser, pytest.raises(UnsafeAddress):
        browser.get(url, max_bytes=1000)  # it connects anew, and looks again
    assert len(lookups) == 2
    assert connected == ["127.0.0.1"]


def test_the_proxy_of_the_machine_is_not_asked(
    site: Site, limits: MakeLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.pages["/a"] = page("A")
    assert get(limits(), site.url("/a")).data


@pytest.mark.parametrize(("status", "kind"), [(404, Gone), (410, Gone), (500, Answered)])
def test_errors_of_the_server_are_told_apart(
    site: Site, limits: MakeLimits, status: int, kind: type[Exception]
) -> None:
    site.pages["/a"] = Reply(b"", status)
    with pytest.raises(kind):
        get(limits(), site.url("/a"))


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    while True:
        handler.wfile.write(b"x" * 65536)


def drip(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    while True:
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: ")
    while True:
        handler.wfile.write(b"x")
        handler.wfile.flush()
        time.sleep(0.1)


def silent(_: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


def test_an_endless_page_is_cut_off(site: Site, limits: MakeLimits) -> None:
    site.pages["/a"] = endless
    with pytest.raises(TooLarge):
        get(limits(), site.url("/a"))


@pytest.mark.parametrize("answer", [drip, drip_headers, silent])
def test_a_slow_page_ends_in_time(
    site: Site, limits: MakeLimits, answer: Callable[[BaseHTTPRequestHandler], None]
) -> None:
    site.pages["/a"] = answer
    begun = time.monotonic()
    with pytest.raises(SourceFailed, match="in time"):
        get(limits(page_timeout_s=1), site.url("/a"))
    assert time.monotonic() - begun < 2.5


def test_packed_pages_are_unpacked(site: Site, limits: MakeLimits) -> None:
    site.pages["/a"] = Reply(gzip.compress(b"Words. " * 1000), headers={"Content-Encoding": "gzip"})
    assert get(limits(), site.url("/a")).data == b"Words. " * 1000


def test_a_small_page_that_unpacks_to_a_large_one_is_cut_off(
    site: Site, limits: MakeLimits
) -> None:
    bomb = gzip.compress(bytes(200 << 20), 9)
    site.pages["/a"] = Reply(bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(TooLarge):
        get(limits(), site.url("/a"))


@pytest.mark.parametrize(("packing", "body"), [("br", b"xx"), ("gzip", b"no gzip at all")])
def test_what_cannot_be_unpacked_is_told(
    site: Site, limits: MakeLimits, packing: str, body: bytes
) -> None:
    site.pages["/a"] = Reply(body, headers={"Content-Encoding": packing})
    with pytest.raises(SourceFailed):
        get(limits(), site.url("/a"))


def test_what_nobody_wants_is_not_loaded(site: Site, limits: MakeLimits) -> None:
    site.pages["/a"] = plain(b"x" * 1000, "image/png")
    with pytest.raises(NoDocument):
        get(limits(), site.url("/a"), can_read=lambda header, _: header == "text/html")


def test_cancelling_ends_it(site: Site, limits: MakeLimits) -> None:
    with pytest.raises(Cancelled):
        get(limits(is_cancelled=lambda: True), site.url("/a"))


def test_a_server_that_does_not_speak_http_is_told(site: Site, limits: MakeLimits) -> None:
    site.pages["/a"] = lambda handler: handler.wfile.write(b"SSH-2.0-OpenSSH_9\r\n")
    with pytest.raises(SourceFailed, match="connection failed"):
        get(limits(), site.url("/a"))
