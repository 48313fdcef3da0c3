"""Parses files in processes that can be killed. Does not know formats, nor what a text is for.

A file that hangs, takes too much memory or crashes a library costs its parser and nothing else.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from server.datatypes import Document
from server.errors import Cancelled
from server.knowledge_base.parser import TICK_S, ParseLimits, Parser, ParserGone

__all__ = ["ParseLimits", "ParserPool"]

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

    def parse(self, path: Path, name: str, *, is_cancelled: Callable[[], bool] = never) -> Document:
        """Read a file in a parser of its own, once one is free.

        ``is_cancelled`` is asked about ten times a second.

        Raises:
            UnsupportedFormat, EmptyDocument, TooLarge: the loader says so.
            TooLarge: the time or the memory of one file ran out.
            UnreadableDocument: the loader says so, or the parser crashed.
            Cancelled: ``is_cancelled`` said so, or the pool was closed.
            OSError: there is no file, or no process can be started.
        """

        def is_over() -> bool:
            return self.closed.is_set() or is_cancelled()

        while True:
            with self._borrow(is_over) as parser:
                try:
                    return parser.parse(path, name, is_cancelled=is_over)
                except ParserGone:
                    continue

    def close(self) -> None:
        """Kill all parsers; files that are being read, and later ones, are cancelled."""
        self.closed.set()
        with self.condition:
            for parser in self.busy:
                parser.kill()  # whoever uses it notices, and closes it
            while self.idle:
                self.idle.pop().close()
            self.condition.notify_all()

    @contextmanager
    def _borrow(self, is_cancelled: Callable[[], bool]) -> Iterator[Parser]:
        parser = None
        while parser is None:
            if is_cancelled():
                raise Cancelled()
            with self.condition:
                parser = self._take()
                if parser is None:
                    self.condition.wait(TICK_S)
        try:
            yield parser
        finally:
            with self.condition:
                self._give_back(parser)

    def _take(self) -> Parser | None:
        if self.closed.is_set() or len(self.busy) >= self.count:
            return None
        while self.idle:
            parser = self.idle.pop()
            if parser.is_fit():
                break
            parser.close()
        else:
            parser = Parser(self.limits)
            self._start_janitor()
        self.busy.add(parser)
        return parser

    def _give_back(self, parser: Parser) -> None:
        self.busy.discard(parser)
        if parser.is_fit() and not self.closed.is_set():
            parser.idle_since = time.monotonic()
            self.idle.append(parser)
        else:
            parser.close()
        self.condition.notify()

    def _start_janitor(self) -> None:
        if self.janitor is None:
            self.janitor = threading.Thread(
                target=self._end_idle, name="parser-janitor", daemon=True
            )
            self.janitor.start()

    def _end_idle(self) -> None:
        pause_s = self.idle_s
        while not self.closed.wait(pause_s):
            with self.condition:
                now = time.monotonic()
                while self.idle and self.idle[0].idle_since + self.idle_s <= now:
                    self.idle.pop(0).close()
                if not self.idle and not self.busy:
                    self.janitor = None
                    return
                pause_s = self.idle[0].idle_since + self.idle_s - now if self.idle else self.idle_s
