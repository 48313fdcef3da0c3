"""Web pages: one, or those of a section of a site that lead to each other."""

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing
from typing import Any

import httpx

from server.errors import InvalidRequest, SourceFailed, TooLarge, UnsafeAddress, ZhiwenError
from server.knowledge_base.sources import Fetched, FetchLimits, Found, Missed, Skipped
from server.knowledge_base.sources.browser import Browser, Gone, NoDocument, Page, failed
from server.knowledge_base.sources.guard import Guard
from server.knowledge_base.sources.media import extension_of, read_type, to_utf8
from server.knowledge_base.sources.robots import Robots, read_robots, refuse
from server.knowledge_base.sources.site import Names, Section, identity, is_named, read_url
from server.schemas.sources import WebOptions


class WebPages:
    """Reads pages breadth first, so that what is near the start comes first."""

    def check(self, options: Mapping[str, Any], limits: FetchLimits) -> None:
        """Refuse an address that must not be asked, as far as it tells by itself."""
        url = options["url"]
        try:
            parsed = read_url(url)
        except httpx.InvalidURL as error:
            raise InvalidRequest(
                param="options.url",
                problem_en=f"options.url is no address of a page: {url!r}",
                problem_zh=f"options.url 不是网页地址：{url!r}",
            ) from error
        make_guard(limits).check_url(parsed)

    def shown(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options: there is no password in them."""
        return dict(options)

    def fetch(
        self, options: Mapping[str, Any], limits: FetchLimits, known: Mapping[str, str]
    ) -> Iterator[Found]:
        """Yield the pages; the extensions of their names are those of what the server sent."""
        self.check(options, limits)
        with closing(Browser(make_guard(limits), limits)) as browser:
            yield from Walk(browser, WebOptions.model_validate(dict(options)), limits, known).run()


def make_guard(limits: FetchLimits) -> Guard:
    """Return what decides on addresses."""
    return Guard(limits.allow_private, limits.web_ports)


class Walk:
    """One walk through a section."""

    def __init__(
        self,
        browser: Browser,
        options: WebOptions,
        limits: FetchLimits,
        known: Mapping[str, str],
    ) -> None:
        self.browser = browser
        self.options = options
        self.limits = limits
        self.section = Section(read_url(options.url))
        self.names = Names(self.section, known)
        self._seen: set[str] = set()  # identities of what was asked for, or found
        self._ahead: deque[tuple[httpx.URL, int]] = deque()

    def run(self) -> Iterator[Found]:
        """Yield what is found from the start on.

        Raises:
            SourceFailed, UnsafeAddress, TooLarge: the first page cannot be read.
        """
        robots = read_robots(self.browser, self.section.start)
        pages = 1
        found = self._place(self.section.start, self._read_first(robots), 0, robots)
        if found is not None:
            yield found
        while self._ahead or self._add_unlinked():
            if pages >= self.options.max_pages:
                yield Missed(self._cut())
                return
            time.sleep(robots.pause_s())
            url, depth = self._ahead.popleft()
            found = self._read(url, depth, robots)
            pages += isinstance(found, Fetched)
            if found is not None:
                yield found

    def _add_unlinked(self) -> bool:
        """Note the pages that have a file and that nothing leads to; return whether there are any.

        A page without its links may be one of an hour, so that only each page itself tells.
        """
        for url in self.names.known:
            if self.section.contains(url) and identity(url) not in self._seen:
                self._seen.add(identity(url))
                self._ahead.append((url, self.options.depth))
        return bool(self._ahead)

    def _read_first(self, robots: Robots) -> Page:
        start = self.section.start
        if not robots.allows(start):
            raise refuse(start)
        self._seen.add(identity(start))
        try:
            return self._get(start)
        except NoDocument as error:
            raise SourceFailed(
                address=str(start)[:300],
                reason_en=f"there is nothing that can be read, or it is elsewhere: {error}",
                reason_zh=f"没有可读取的内容，或内容位于其他地址：{error}",
            ) from error

    def _read(self, url: httpx.URL, depth: int, robots: Robots) -> Found | None:
        """Return what is at an address; None if it was found before."""
        if not robots.allows(url):
            return Skipped(str(url))
        kept = self.names.kept(url)
        try:
            page = self._get(url)
        except Gone as error:
            return Skipped(str(error))
        except NoDocument as error:
            place = str(error)
            if kept is None:
                return Skipped(place)
            return unreadable(url, kept) if place == str(url) else elsewhere(url, place, kept)
        except (SourceFailed, UnsafeAddress, TooLarge) as error:
            return Missed(error, kept)
        return self._place(url, page, depth, robots)

    def _place(self, url: httpx.URL, page: Page, depth: int, robots: Robots) -> Found | None:
        """Return the page that an address led to; None if it was found before."""
        if identity(page.url) != identity(url):
            kept = self.names.kept(url)
            if kept is not None and not page.is_permanent:
                return elsewhere(url, str(page.url), kept)
            if identity(page.url) in self._seen:
                return None
            if not robots.allows(page.url):
                return Skipped(str(page.url))
        return self._take(page, depth)

    def _get(self, url: httpx.URL) -> Page:
        return self.browser.get(
            url,
            max_bytes=self.limits.max_bytes,
            goes_to=self.section.contains,
            can_read=lambda header, at: extension_of(read_type(header)[0], at.path) is not None,
        )

    def _take(self, page: Page, depth: int) -> Found:
        """Return a page as a document, and note where it leads to."""
        self._seen.add(identity(page.url))
        media_type, charset = read_type(page.content_type)
        extension = extension_of(media_type, page.url.path) or ""
        kept, is_empty = self.names.kept(page.url), not page.data.strip()
        if kept is not None and (is_empty or not is_named(kept, extension)):
            return unreadable(page.url, kept)
        if is_empty:
            return Skipped(str(page.url))
        data = to_utf8(page.data, media_type, charset)
        if extension == ".html" and depth < self.options.depth:
            for url in self.section.links(data, page.url):
                if identity(url) not in self._seen:
                    self._seen.add(identity(url))
                    self._ahead.append((url, depth + 1))
        return Fetched(self.names.name(page.url, extension), data, str(page.url))

    def _cut(self) -> ZhiwenError:
        limit = self.options.max_pages
        return failed(
            self.section.start,
            f"there are more pages than max_pages, {limit}; nothing was deleted.",
            f"页面数超过 max_pages（{limit}），因此未删除任何文件。",
        )


def elsewhere(url: httpx.URL, place: str, kept: str) -> Missed:
    """Return that a page which has a file leads elsewhere now, which need not be for good."""
    error = failed(
        url,
        f"it leads to {place[:300]} for the time being. Its file was kept.",
        f"目前临时重定向到 {place[:300]}，已保留其文件。",
    )
    return Missed(error, kept)


def unreadable(url: httpx.URL, kept: str) -> Missed:
    """Return that a page which has a file is empty now, or something of another format."""
    error = failed(
        url,
        "it is empty now, or of another format. Its file was kept; delete it to get what is there.",
        "目前内容为空或格式已变，已保留其文件；如需获取现有内容，请删除该文件。",
    )
    return Missed(error, kept)
