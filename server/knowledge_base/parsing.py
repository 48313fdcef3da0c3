"""Parses files in processes that can be killed. Does not know formats, nor what a text is for.

A file that hangs, takes too much memory or crashes a library costs its parser and nothing else.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from server.datatypes import Document
from server.errors import Cancelled, ParserUnavailable
from server.knowledge_base.parser import (
    TICK_S,
    ParseLimits,
    Parser,
    ParserGone,
    tell_nobody,
)
from server.knowledge_base.rendering import Picture

__all__ = ["ParseLimits", "ParserPool", "tell_nobody"]

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")

ATTEMPTS = 2  # an idle parser may die just when it is taken
IDLE_S = 30.0  # a parser takes 20 to 60 MiB and a tenth of a second to start


def never() -> bool:
    """Tell that nobody cancelled."""
    return False


class ParserPool:
    """Up to ``count`` parsers, started when needed and kept warm; safe to use from many threads.

    A parser that has done nothing for ``idle_s`` is ended.
    """

    def __init__(self, limits: ParseLimits, *, count: int, idle_s: float = IDLE_S) -> None:
        self.limits = limits
        self.count = count
        self.idle_s = idle_s
        self.condition = threading.Condition()
        self.idle: list[Parser] = []  # the longest idle one first
        self.busy: set[Parser] = set()
        self.closed = threading.Event()
        self.janitor: threading.Thread | None = None  # there as long as a parser is

    def parse(
        self,
        path: Path,
        name: str,
        *,
        is_cancelled: Callable[[], bool] = never,
        on_page: Callable[[int, int], None] = tell_nobody,
    ) -> Document:
        """Read a file in a parser of its own, once one is free.

        ``is_cancelled`` is asked about ten times a second; ``on_page`` gets the number of a page
        whose picture was read and of how many, as that takes long.

        Raises:
            UnsupportedFormat, EmptyDocument, TooLarge: the loader says so.
            TooLarge: the time or the memory of one file ran out.
            UnreadableDocument: the loader says so, or the parser crashed.
            Cancelled: ``is_cancelled`` said so, or the pool was closed.
            ParserUnavailable: two parsers in a row did not start.
            OSError: there is no file, or the system has no room for a process.
        """
        is_over = self._or_closed(is_cancelled)

        def read(parser: Parser) -> Document:
            return parser.parse(path, name, is_cancelled=is_over, on_page=on_page)

        return self._work(name, is_over, read)

    def render(
        self, path: Path, name: str, page: int, *, is_cancelled: Callable[[], bool] = never
    ) -> Picture:
        """Draw a page of a file, counted from 1, in a parser of its own, once one is free.

        Raises:
            NoPages, UnknownPage: there is no such page.
            UnreadableDocument: the file or its page is damaged, or the parser crashed.
            TooLarge, Cancelled, ParserUnavailable, OSError: as of ``parse``.
        """
        is_over = self._or_closed(is_cancelled)

        def draw(parser: Parser) -> Picture:
            return parser.render(path, name, page, is_cancelled=is_over)

        return self._work(name, is_over, draw)

    def _or_closed(self, is_cancelled: Callable[[], bool]) -> Callable[[], bool]:
        return lambda: self.closed.is_set() or is_cancelled()

    def _work(
        self, name: str, is_over: Callable[[], bool], work: Callable[[Parser], Answer]
    ) -> Answer:
        """Return what comes of work in a parser; another one does it if that is gone."""
        for _ in range(ATTEMPTS):
            with self._borrow(is_over) as parser:
                try:
                    return work(parser)
                except ParserGone:
                    continue
        raise ParserUnavailable(name=name)

    def close(self) -> None:
        """Kill all parsers; files that are being read, and later ones, are cancelled."""
        self.closed.set()
        with self.condition:
            busy = list(self.busy)
            self.condition.notify_all()
        for parser in busy:
            parser.kill()  # whoever uses it notices, and closes it
        self._close_idle(lambda parser: True)

    @contextmanager
    def _borrow(self, is_cancelled: Callable[[], bool]) -> Iterator[Parser]:
        parser = None
        while parser is None:
            if is_cancelled():
                raise Cancelled()
            self._close_idle(lambda parser: not parser.is_fit())
            with self.condition:
                parser = self._take()
                if parser is None:
                    self.condition.wait(TICK_S)
        try:
            yield parser
        finally:
            self._give_back(parser)

    def _take(self) -> Parser | None:
        if self.closed.is_set() or len(self.busy) >= self.count:
            return None
        self._start_janitor()
        parser = self.idle.pop() if self.idle else Parser(self.limits)
        self.busy.add(parser)
        return parser

    def _give_back(self, parser: Parser) -> None:
        is_fit = parser.is_fit()
        if not is_fit:
            parser.close()
        with self.condition:
            self.busy.discard(parser)
            if is_fit:
                parser.idle_since = time.monotonic()
                self.idle.append(parser)
            self.condition.notify()
        if self.closed.is_set():
            self._close_idle(lambda parser: True)

    def _close_idle(self, is_over: Callable[[Parser], bool]) -> None:
        """Close some idle parsers; the end of one may take long, so nobody waits for it."""
        with self.condition:
            over = [parser for parser in self.idle if is_over(parser)]
            self.idle = [parser for parser in self.idle if parser not in over]
        for parser in over:
            parser.close()

    def _start_janitor(self) -> None:
        if self.janitor is None:
            janitor = threading.Thread(target=self._end_idle, name="parser-janitor", daemon=True)
            try:
                janitor.start()
            except RuntimeError as error:  # no room for it; the next file tries again
                logger.warning("Idle parsers are not ended: %s.", error)
            else:
                self.janitor = janitor

    def _end_idle(self) -> None:
        pause_s = self.idle_s
        while not self.closed.wait(pause_s):
            self._close_idle(lambda parser: parser.idle_since + self.idle_s <= time.monotonic())
            with self.condition:
                if not self.idle and not self.busy:
                    self.janitor = None
                    return
                first = self.idle[0].idle_since if self.idle else time.monotonic()
                pause_s = first + self.idle_s - time.monotonic()
