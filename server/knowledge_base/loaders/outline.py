"""Collects the blocks of a document under their headings. Knows no file format."""

from collections.abc import Iterable
from pathlib import PurePath
from typing import Literal

from server.datatypes import Block, Coverage, Document, Gap, GapKind, GapReason
from server.knowledge_base.loaders.limits import (
    BLOCK_CHARS,
    MAX_GAPS,
    MAX_HEADING_CHARS,
    too_large,
)
from server.knowledge_base.loaders.prose import fold


class Outline:
    """A document being built; refuses text beyond ``max_chars`` before it piles up in memory."""

    def __init__(self, name: str, *, max_chars: int) -> None:
        self.name = name
        self.max_chars = max_chars
        self.blocks: list[Block] = []
        self.path: list[tuple[int, str]] = []  # level and text of the headings in force
        self.top_heading = ""  # the first one of the highest level
        self.chars = 0
        self.pages = self.pages_ocr = self.pages_blank = 0
        self.gaps: list[Gap] = []

    def heading(self, level: int, text: str, *, page: int | None = None) -> None:
        """Add a heading and put what follows under it; a smaller ``level`` is further out.

        One that is blank or too long for a heading still ends those before it.
        """
        text = fold(text)
        self.end_headings(level)
        if not text or len(text) > MAX_HEADING_CHARS:
            self.add(text, page=page)
            return
        self.add(text, "heading", page=page)
        self.path.append((level, text))
        if level <= 1 and not self.top_heading:
            self.top_heading = text

    def end_headings(self, level: int = 0) -> None:
        """Put what follows under no heading of this level or one further in."""
        while self.path and self.path[-1][0] >= level:
            self.path.pop()

    def add(
        self,
        text: str,
        kind: Literal["text", "heading", "list", "table"] = "text",
        *,
        page: int | None = None,
    ) -> None:
        """Add a block under the headings in force; blank text adds nothing."""
        if text.strip():
            self.spend(len(text) + BLOCK_CHARS)
            self.blocks.append(Block(text, kind, page, tuple(text for _, text in self.path)))

    def table(
        self,
        lines: Iterable[str],
        *,
        caption: str = "",
        page: int | None = None,
        is_continued: bool = False,
    ) -> None:
        """Add a table of one line per row; its caption counts as a heading of the rows only.

        One that ``is_continued`` has shown its caption before.
        """
        if not is_continued:
            self.add(caption, page=page)
        kept = []
        for line in lines:
            self.spend(len(line) + 1)
            kept.append(line)
        if kept:
            self.spend(BLOCK_CHARS)
            headings = (*(text for _, text in self.path), *filter(None, [caption]))
            self.blocks.append(Block("\n".join(kept), "table", page, headings))

    def miss(self, kind: GapKind, reason: GapReason, name: str = "") -> None:
        """Note a part of the file that cannot be read."""
        if len(self.gaps) < MAX_GAPS:
            self.gaps.append(Gap(kind, reason, fold(name)[:MAX_HEADING_CHARS]))

    def include(self, document: Document) -> None:
        """Add another document under the headings in force; its pages are not those of this one."""
        self.gaps += document.coverage.gaps[: MAX_GAPS - len(self.gaps)]
        path = tuple(text for _, text in self.path)
        for block in document.blocks:
            self.spend(len(block.text) + BLOCK_CHARS)
            self.blocks.append(Block(block.text, block.kind, None, (*path, *block.headings)))

    def spend(self, chars: int) -> None:
        """Count characters against the limit."""
        self.chars += chars
        if self.chars > self.max_chars + BLOCK_CHARS:
            raise too_large(self.name, self.max_chars)

    @property
    def stem(self) -> str:
        """The name of the file without its extension."""
        return PurePath(self.name).stem

    def document(self, title: str = "") -> Document:
        """Return what was collected, titled by ``title``, the top heading or the file name."""
        title = fold(title) or self.top_heading or self.stem
        coverage = Coverage(
            pages=self.pages,
            pages_ocr=self.pages_ocr,
            pages_blank=self.pages_blank,
            gaps=tuple(self.gaps),
        )
        return Document(title, tuple(self.blocks), coverage)
