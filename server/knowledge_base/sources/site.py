"""A section of a web site: which pages belong to it, where they lead, how their files are called.

Knows no network.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

import httpx
from lxml import etree

from server.errors import InvalidName
from server.knowledge_base.names import check_file_name
from server.knowledge_base.sources.guard import DEFAULT_PORTS

LINK_BYTES = 4 << 20  # of a page in which links are looked for
MAX_URL = 2000  # characters
MAX_NAME = 180  # characters, so that the name of the source has room before it
SAME = {".htm": ".html", ".markdown": ".md"}


class Section:
    """The pages below the path of an address, on the same host."""

    def __init__(self, start: httpx.URL) -> None:
        self.start = start
        path = start.path
        is_file = "." in path.rpartition("/")[2]
        self.folder = path if path.endswith("/") else path.rpartition("/")[0] + "/"
        self.prefix = self.folder if is_file or path.endswith("/") else path

    def contains(self, url: httpx.URL) -> bool:
        """Return whether a page belongs to the section."""
        if url.scheme not in DEFAULT_PORTS or url.userinfo or url.host != self.start.host:
            return False
        is_usual = is_default_port(url) and is_default_port(self.start)
        if not is_usual and (url.scheme, url.port) != (self.start.scheme, self.start.port):
            return False
        if ".." in url.path.split("/"):
            return False
        inside = self.prefix if self.prefix.endswith("/") else f"{self.prefix}/"
        return url.path.startswith(inside) or url.path == self.start.path

    def links(self, page: bytes, base: httpx.URL) -> Iterator[httpx.URL]:
        """Yield where a page leads to within the section, in order."""
        for place in hrefs(page[:LINK_BYTES], base):
            if self.contains(place) and len(str(place)) <= MAX_URL:
                yield place


def read_url(text: str) -> httpx.URL:
    """Return an address as it is asked for.

    Raises:
        httpx.InvalidURL: it is none.
    """
    url = httpx.URL(text.strip())
    return url.copy_with(fragment=None, path=url.path or "/")


def is_default_port(url: httpx.URL) -> bool:
    """Return whether a URL has the usual port of its scheme."""
    return url.port in (None, DEFAULT_PORTS.get(url.scheme))


def identity(url: httpx.URL) -> str:
    """Return what two addresses of one page have in common, be it with http or https."""
    port = "" if is_default_port(url) else f":{url.port}"
    return f"{url.host}{port}{url.raw_path.decode('ascii')}"


def hrefs(page: bytes, base: httpx.URL) -> Iterator[httpx.URL]:
    """Yield where the links of a page lead to, without their fragments."""
    parser = etree.HTMLParser(no_network=True, recover=True, huge_tree=False)
    try:
        root = etree.fromstring(page, parser)
    except etree.XMLSyntaxError:  # too deep, or nothing at all
        return
    if root is None:
        return
    for element in root.iter("base", "a", "area"):
        place = join(base, element.get("href", ""))
        if place is None:
            continue
        if element.tag == "base":
            base = place
        elif "nofollow" not in element.get("rel", "").lower().split():
            yield place


def join(base: httpx.URL, href: str) -> httpx.URL | None:
    """Return where a link leads to, None if it is no address."""
    try:
        return base.join(href.strip()).copy_with(fragment=None) if href.strip() else None
    except (httpx.InvalidURL, UnicodeError):
        return None


class Names:
    """Gives each page a file name, which it keeps, be it with http or https."""

    def __init__(self, section: Section, known: Mapping[str, str]) -> None:
        """Take the names of files by their addresses."""
        self.section = section
        self.known = [httpx.URL(origin) for origin in known]
        self._kept = {identity(httpx.URL(origin)): name for origin, name in known.items()}
        self._taken = {name: page for page, name in self._kept.items()}

    def kept(self, url: httpx.URL) -> str | None:
        """Return the name of the file that a page has already, None if it has none."""
        return self._kept.get(identity(url))

    def name(self, url: httpx.URL, extension: str) -> str:
        """Return the name of the file of a page."""
        kept = self.kept(url)
        if kept is not None and is_named(kept, extension):
            return kept
        page = identity(url)
        plain = readable(url, self.section.folder, extension)
        for name in (plain, f"page-{digest(str(url), 16)}{extension}"):
            if self._taken.get(name, page) == page and is_usable(name):
                break
        self._taken[name] = page
        return name


def readable(url: httpx.URL, folder: str, extension: str) -> str:
    """Return a name that is like the address of a page."""
    path = url.path.removeprefix(folder).strip("/")
    if url.path.endswith("/"):
        path = f"{path}/index" if path else "index"
    if url.query:
        path = f"{path}-{digest(url.query.decode('ascii', 'replace'), 8)}"
    path = "".join("_" if letter in '%\\:*?"<>|' else letter for letter in path)
    return path if is_named(path, extension) else path + extension


def is_named(name: str, extension: str) -> bool:
    """Return whether a name ends like those of a format."""
    suffix = PurePosixPath(name).suffix.lower()
    return SAME.get(suffix, suffix) == extension


def is_usable(name: str) -> bool:
    """Return whether a file can have a name."""
    try:
        return len(name) <= MAX_NAME and check_file_name(name) == name
    except InvalidName:
        return False


def digest(text: str, length: int) -> str:
    """Return letters and digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:length]
