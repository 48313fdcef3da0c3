"""Walking through a section of a site."""

from collections.abc import Mapping

import httpx
import pytest

from server.errors import InvalidRequest, SourceFailed, UnsafeAddress
from server.knowledge_base.names import check_file_name
from server.knowledge_base.sources import Fetched, FetchLimits, Found, Missed, Skipped
from server.knowledge_base.sources.site import Names, Section, hrefs
from server.knowledge_base.sources.web import WebPages
from tests.unit.knowledge_base.sources.conftest import MakeLimits
from tests.unit.knowledge_base.sources.site import Reply, Site, moved, page, plain


def walk(
    limits: FetchLimits, url: str, known: Mapping[str, str] | None = None, **options: int
) -> list[Found]:
    wanted = {"url": url, "depth": 3, "max_pages": 100, **options}
    return list(WebPages().fetch(wanted, limits, known or {}))


def names(found: list[Found]) -> list[str]:
    return [each.name for each in found if isinstance(each, Fetched)]


@pytest.fixture
def docs(site: Site) -> Site:
    site.pages |= {
        "/docs/": page("Start", "a.html", "/docs/b", "/other/", "http://example.com/", "sub/#x"),
        "/docs/a.html": page("A", "./", "a.html?x=1"),
        "/docs/a.html?x=1": page("A with x"),
        "/docs/b": page("B", "sub/deep.html"),
        "/docs/sub/": page("Sub", "deep.html", "manual.pdf", "logo.png", "notes.md", "gone"),
        "/docs/sub/deep.html": page("Deep", "deeper.html"),
        "/docs/sub/deeper.html": page("Deeper", "deepest.html"),
        "/docs/sub/deepest.html": page("Deepest"),
        "/docs/sub/manual.pdf": plain(b"%PDF-1.7", "application/pdf"),
        "/docs/sub/logo.png": plain(b"\x89PNG", "image/png"),
        "/docs/sub/notes.md": plain(b"# Notes", "text/plain"),
        "/other/": page("Other"),
    }
    return site


def test_one_page_is_one_document(docs: Site, limits: MakeLimits) -> None:
    (found,) = walk(limits(), docs.url("/docs/"), depth=0)
    assert isinstance(found, Fetched)
    assert (found.name, found.origin) == ("index.html", docs.url("/docs/"))
    assert b"<title>Start</title>" in found.data


def test_links_are_followed_within_the_section_to_a_depth(docs: Site, limits: MakeLimits) -> None:
    found = names(walk(limits(), docs.url("/docs/"), depth=2))
    assert len(found) == len({*found})
    assert {name for name in found if not name.startswith("a.html-")} == {
        *("index.html", "a.html", "b.html", "sub/index.html", "sub/deep.html"),
        *("sub/manual.pdf", "sub/notes.md"),
    }
    assert len(found) == 8  # a.html?x=1 has a name of its own
    assert "/other/" not in docs.asked
    assert len(docs.asked) == len({*docs.asked})


def test_what_is_no_document_is_skipped(docs: Site, limits: MakeLimits) -> None:
    found = walk(limits(), docs.url("/docs/"), depth=2)
    skipped = {each.address for each in found if isinstance(each, Skipped)}
    assert skipped == {docs.url("/docs/sub/logo.png"), docs.url("/docs/sub/gone")}
    assert not [each for each in found if isinstance(each, Missed)]


def test_too_many_pages_are_told(docs: Site, limits: MakeLimits) -> None:
    found = walk(limits(), docs.url("/docs/"), max_pages=3)
    assert names(found) == ["index.html", "a.html", "b.html"]
    assert isinstance(found[-1], Missed)
    assert "max_pages" in str(found[-1].error)


def test_a_page_that_fails_is_missed_and_stops_no_other(docs: Site, limits: MakeLimits) -> None:
    docs.pages["/docs/a.html"] = Reply(b"", 500)
    found = walk(limits(), docs.url("/docs/"), depth=1)
    (missed,) = [each for each in found if isinstance(each, Missed)]
    assert "answered 500" in str(missed.error)
    assert names(found) == ["index.html", "b.html", "sub/index.html"]


@pytest.mark.parametrize("reply", [Reply(b"", 404), Reply(b"", 503), plain(b"x", "image/png")])
def test_without_the_first_page_there_is_nothing(
    docs: Site, limits: MakeLimits, reply: Reply
) -> None:
    docs.pages["/docs/"] = reply
    with pytest.raises(SourceFailed):
        walk(limits(), docs.url("/docs/"))


def test_the_first_page_must_not_lead_away(docs: Site, limits: MakeLimits) -> None:
    docs.pages["/docs/"] = moved("/other/")
    with pytest.raises(SourceFailed, match="/other/"):
        walk(limits(), docs.url("/docs/"))
    assert "/other/" not in docs.asked


def test_a_page_that_leads_away_is_skipped_unasked(docs: Site, limits: MakeLimits) -> None:
    docs.pages["/docs/a.html"] = moved("http://169.254.169.254/latest/")
    docs.pages["/docs/b"] = moved("/docs/sub/")  # which is there twice then
    found = walk(limits(), docs.url("/docs/"), depth=1)
    assert names(found) == ["index.html", "sub/index.html"]
    assert [each for each in found if isinstance(each, Skipped)] == [
        Skipped("http://169.254.169.254/latest/")
    ]


def test_robots_are_obeyed(docs: Site, limits: MakeLimits) -> None:
    docs.pages["/robots.txt"] = plain(
        b"User-agent: *\nDisallow: /docs/b\n\nUser-agent: Zhiwen\nDisallow: /docs/sub/\n",
        "text/plain",
    )
    found = names(walk(limits(), docs.url("/docs/")))
    assert "b.html" in found
    assert not [name for name in found if name.startswith("sub/")]
    docs.pages["/robots.txt"] = plain(b"User-agent: *\nDisallow: /", "text/plain")
    with pytest.raises(SourceFailed, match=r"robots\.txt"):
        walk(limits(), docs.url("/docs/"))


@pytest.mark.parametrize(("status", "may"), [(404, True), (403, True), (500, False)])
def test_robots_that_cannot_be_read(docs: Site, limits: MakeLimits, status: int, may: bool) -> None:
    docs.pages["/robots.txt"] = Reply(b"", status)
    if may:
        assert walk(limits(), docs.url("/docs/"), depth=0)
    else:
        with pytest.raises(SourceFailed):
            walk(limits(), docs.url("/docs/"), depth=0)


def test_the_character_set_of_the_header_is_kept(site: Site, limits: MakeLimits) -> None:
    text = "<title>手册</title><p>汉字</p>".encode("gb18030")
    site.pages["/a"] = plain(text, "text/html; charset=gb18030")
    (found,) = walk(limits(), site.url("/a"), depth=0)
    assert isinstance(found, Fetched)
    assert "手册" in found.data.decode("utf-8-sig")


def test_private_addresses_are_not_asked_by_default(docs: Site, limits: MakeLimits) -> None:
    with pytest.raises(UnsafeAddress, match="allow_private"):
        walk(limits(allow_private=False), docs.url("/docs/"))
    with pytest.raises(UnsafeAddress, match="port"):
        walk(limits(web_ports=()), docs.url("/docs/"))
    assert docs.asked == []


@pytest.mark.parametrize("url", ["", "no address", "http://", "ftp://a.example/", "http://[::1"])
def test_what_is_no_address_is_refused(limits: MakeLimits, url: str) -> None:
    with pytest.raises((InvalidRequest, UnsafeAddress)):
        WebPages().check({"url": url}, limits())


@pytest.mark.parametrize(
    ("start", "inside", "outside"),
    [
        ("/docs/", ["/docs/", "/docs/a"], ["/", "/docs", "/docsx", "/docs/../x", "/x/docs/"]),
        ("/docs", ["/docs", "/docs/a"], ["/", "/docsx", "/x"]),
        ("/docs/index.html", ["/docs/index.html", "/docs/b", "/docs/"], ["/", "/x"]),
        ("/", ["/", "/x", "/x/y?z"], []),
    ],
)
def test_a_section_is_what_is_below_the_path(
    start: str, inside: list[str], outside: list[str]
) -> None:
    section = Section(httpx.URL(f"https://a.example{start}"))
    assert all(section.contains(httpx.URL(f"https://a.example{path}")) for path in inside)
    assert all(section.contains(httpx.URL(f"http://a.example{path}")) for path in inside)
    assert not any(section.contains(httpx.URL(f"https://a.example{path}")) for path in outside)
    for other in ("https://b.example", "https://a.example:8443", "ftp://a.example"):
        assert not section.contains(httpx.URL(f"{other}{start}"))
    assert not section.contains(httpx.URL(f"https://user@a.example{start}"))


AWKWARD = [
    *("/", "/a", "/a/", "/a.html", "/a.htm", "/a.php?x=1", "/a.php?x=2", "/%E6%89%8B%E5%86%8C"),
    *("/%2e%2e/%2e%2e/etc/passwd", "/a%2fb", "/a%5cb", "/con", "/.hidden", "/a%00b", "/~$x"),
    *("/" + "x" * 300, "/" + "%E6%89%8B" * 120, "/a..html/", "/a%252fb", "/ a", "/a:b", "/a//b"),
    "/%EF%BC%8F%EF%BC%8Ex",
]


def test_every_page_gets_a_name_that_a_file_can_have() -> None:
    given = Names(Section(httpx.URL("https://a.example/")), {})
    made = [given.name(httpx.URL(f"https://a.example{path}"), ".html") for path in AWKWARD]
    assert [check_file_name(f"source/{name}") for name in made] == [f"source/{n}" for n in made]
    assert len({*made}) == len(made)
    assert made[:5] == ["index.html", "a.html", "a/index.html", made[3], "a.htm"]
    assert all(len(name) <= 180 and name.endswith((".html", ".htm")) for name in made)


def test_a_page_keeps_its_name() -> None:
    section = Section(httpx.URL("https://a.example/"))
    one, two = httpx.URL("https://a.example/a"), httpx.URL("https://a.example/a.html")
    first = Names(section, {})
    known = {str(url): first.name(url, ".html") for url in (one, two)}
    later = Names(section, known)
    assert {str(url): later.name(url, ".html") for url in (two, one)} == known
    assert later.name(one, ".pdf") == "a.pdf"


def test_links_are_found_in_any_html() -> None:
    html = b"""<base href="/x/"><A HREF='a?b=1&amp;c=2#d'>1</A><a title=">" href=b>2</a>
    <!-- <a href="no"> --><a href="javascript:alert(1)">3</a><a>4</a><a href="mailto:x@y">5</a>
    <area href="c"><a rel="nofollow" href="no2">6</a><a href="http://a:b/">7</a><a href="d"""
    found = [str(url) for url in hrefs(html, httpx.URL("http://h.example/y"))]
    assert [url for url in found if url.startswith("http")] == [
        "http://h.example/x/a?b=1&c=2",
        "http://h.example/x/b",
        "http://h.example/x/c",
    ]


@pytest.mark.parametrize(
    "html", [b"", b"\x00\xff", b"<a " * 50_000, b"<!--" * 50_000, b"<div>" * 50_000, b"<![CDATA["]
)
def test_no_html_breaks_the_search_for_links(html: bytes) -> None:
    assert list(hrefs(html, httpx.URL("http://h.example/"))) == []


TROUBLE = [
    *(moved("/login", 302), moved("/login", 303), moved("/login", 307), moved("b", 302)),
    *(moved("http://other.example/", 302), moved("nowhere", 307)),
    *(plain(b"x", "image/png"), plain(b"{}", "application/json"), plain(b" \n", "text/html")),
    *(plain(b"", "text/html; charset=gb18030"), Reply(b"", 401), Reply(b"", 403)),
    *(Reply(b"", 429), Reply(b"", 500)),
]
ENDS = [
    *(Reply(b"", 404), Reply(b"", 410), moved("/other/", 301), moved("/other/", 308)),
    *(moved("http://other.example/", 301), moved("b", 301)),
]


@pytest.fixture
def known(docs: Site) -> dict[str, str]:
    return {docs.url("/docs/"): "index.html", docs.url("/docs/a.html"): "a.html"}


@pytest.mark.parametrize("reply", TROUBLE)
def test_trouble_with_a_page_that_has_a_file_is_named(
    docs: Site, limits: MakeLimits, known: dict[str, str], reply: Reply
) -> None:
    docs.pages["/docs/a.html"] = reply
    found = walk(limits(), docs.url("/docs/"), known, depth=1)
    (missed,) = [each for each in found if isinstance(each, Missed)]
    assert missed.name == "a.html"
    assert "/docs/a.html" in str(missed.error)
    assert names(found) == ["index.html", "b.html", "sub/index.html"]


@pytest.mark.parametrize("reply", ENDS)
def test_a_definite_end_is_not_missed(
    docs: Site, limits: MakeLimits, known: dict[str, str], reply: Reply
) -> None:
    docs.pages["/docs/a.html"] = reply
    found = walk(limits(), docs.url("/docs/"), known, depth=1)
    assert not [each for each in found if isinstance(each, Missed)]
    assert names(found) == ["index.html", "b.html", "sub/index.html"]


def test_robots_that_forbid_a_page_now_are_an_end(
    docs: Site, limits: MakeLimits, known: dict[str, str]
) -> None:
    docs.pages["/robots.txt"] = plain(b"User-agent: *\nDisallow: /docs/a", "text/plain")
    found = walk(limits(), docs.url("/docs/"), known, depth=1)
    assert "a.html" not in names(found)
    assert not [each for each in found if isinstance(each, Missed)]


@pytest.mark.parametrize(
    ("reply", "is_there", "misses"),
    [(page("A"), True, 0), (Reply(b"", 404), False, 0), (Reply(b"", 503), False, 1)],
)
def test_a_page_that_nothing_leads_to_any_more_is_asked(
    docs: Site,
    limits: MakeLimits,
    known: dict[str, str],
    reply: Reply,
    is_there: bool,
    misses: int,
) -> None:
    docs.pages["/docs/"] = page("Under repair")
    docs.pages["/docs/a.html"] = reply
    found = walk(limits(), docs.url("/docs/"), known, depth=1)
    assert ("a.html" in names(found)) is is_there
    assert sum(isinstance(each, Missed) for each in found) == misses


def test_a_first_page_that_leads_elsewhere_for_now_is_named(
    docs: Site, limits: MakeLimits, known: dict[str, str]
) -> None:
    docs.pages["/docs/"] = moved("/docs/login", 302)
    docs.pages["/docs/login"] = page("Log in")
    found = walk(limits(), docs.url("/docs/"), known, depth=1)
    assert [each.name for each in found if isinstance(each, Missed)] == ["index.html"]
    assert names(found) == ["a.html"]


def test_a_page_keeps_its_name_with_https() -> None:
    section = Section(httpx.URL("http://a.example/"))
    later = Names(section, {"http://a.example/x": "x-of-old.html"})
    assert later.name(httpx.URL("https://a.example/x"), ".html") == "x-of-old.html"
