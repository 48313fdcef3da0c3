"""What a site wishes of programs that read it: its robots.txt. Knows no pages."""

from urllib.robotparser import RobotFileParser

import httpx

from server.errors import SourceFailed, TooLarge
from server.knowledge_base.sources.browser import AGENT, Answered, Browser, NoDocument

MAX_BYTES = 512 << 10
LONGEST_PAUSE_S = 5.0


class Robots:
    """The wishes of one site, as it told them."""

    def __init__(self, lines: list[str]) -> None:
        self._parser = RobotFileParser()
        self._parser.parse(lines)

    def allows(self, url: httpx.URL) -> bool:
        """Return whether a page may be read."""
        return self._parser.can_fetch(AGENT, str(url))

    def pause_s(self) -> float:
        """Return how long to wait between two pages."""
        wanted = self._parser.crawl_delay(AGENT)
        return min(float(wanted or 0), LONGEST_PAUSE_S)


def read_robots(browser: Browser, site: httpx.URL) -> Robots:
    """Return the wishes of the site that a page is on; none, if it tells none.

    Raises:
        SourceFailed, UnsafeAddress: it may have some, which cannot be read now (RFC 9309, 2.3.1).
    """
    url = site.copy_with(raw_path=b"/robots.txt", fragment=None)
    try:
        page = browser.get(url, max_bytes=MAX_BYTES)
    except (NoDocument, TooLarge):
        return Robots([])
    except Answered as error:
        if 400 <= int(str(error.values["status"])) < 500:
            return Robots([])
        raise
    return Robots(page.data.decode("utf-8-sig", "replace").splitlines())


def refuse(url: httpx.URL) -> SourceFailed:
    """Return the error for a page that its site does not want to be read."""
    return SourceFailed(
        address=str(url)[:300],
        reason_en="the robots.txt of the site does not allow it.",
        reason_zh="该网站的 robots.txt 不允许访问。",
    )
