"""Headers and footers of pages: which of them say something. Knows no document format."""

import re

from server.knowledge_base.loaders.prose import fold

# Numbers of pages and what stands around them.
PAGE_NUMBER = re.compile(
    r"(?:[\W\d_]|\b(?:pages?|of|seite|von|sur)\b|[第页頁共总])*", re.IGNORECASE
)


class RunningHeads:
    """Remembers the headers and footers of one document."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def is_news(self, text: str) -> bool:
        """Tell whether a header or footer says more than a page number, and says it first."""
        text = fold(text)
        if PAGE_NUMBER.fullmatch(text) or text in self.seen:
            return False
        self.seen.add(text)
        return True
