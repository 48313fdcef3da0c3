"""What a knowledge base can be synchronised with, by kind. Does not know where files are kept.

A kind is one file here with a class, and one line in ``SOURCES``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from server.errors import Cancelled, ZhiwenError
from server.plugins import Registry


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document of a source; ``name`` stays the same from one time to the next."""

    name: str  # in the folder of the source; its extension says how it is read
    data: bytes
    origin: str  # its address on the web, or "sql:" and the id of its row, or *


@dataclass(frozen=True, slots=True)
class Missed:
    """A document that may be there, but could not be fetched."""

    error: ZhiwenError
    name: str | None = None  # of the document that it is known by, if it is


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that the source leads to, which is no document, or none any more."""

    address: str


Found = Fetched | Missed | Skipped


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What fetching may take and where it may go; ``docs/settings.md`` explains each."""

    max_bytes: int  # of one document
    allow_private: bool
    web_ports: tuple[int, ...]
    page_timeout_s: float
    sql_folders: tuple[Path, ...]
    sql_timeout_s: float
    is_cancelled: Callable[[], bool] = lambda: False

    def check_cancelled(self) -> None:
        """Do nothing unless the work is to end.

        Raises:
            Cancelled: it is.
        """
        if self.is_cancelled():
            raise Cancelled


class SourceKind(Protocol):
    """One kind of source. Options are the values of its schema, as SQL keeps them."""

    def check(self, options: Mapping[str, Any], limits: FetchLimits) -> None:
        """Refuse options that can never work; asks nobody.

        Raises:
            InvalidRequest, UnsafeAddress: they cannot.
        """

    def shown(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the options without passwords."""

    def fetch(
        self, options: Mapping[str, Any], limits: FetchLimits, known: Mapping[str, str]
    ) -> Iterator[Found]:
        """Yield what is there now, each document once, in an order that stays the same.

        ``known`` has the names of documents by their origin: they keep them. One of them that is
        not gone for good but cannot be had is ``Missed``. Without a ``Missed`` the documents are
        all that there are.

        Raises:
            SourceFailed, UnsafeAddress, TooLarge: there is nothing that can be read.
            Cancelled: ``limits`` said so.
        """


PACKAGE = "server.knowledge_base.sources"
SOURCES: Registry[type[SourceKind]] = Registry(
    "source",
    {
        "sql": f"{PACKAGE}.sql:SqlQuery",
        "web": f"{PACKAGE}.web:WebPages",
    },
)
# Files here that are no kind but a part of one.
SHARED = frozenset(
    {"browser", "connection", "guard", "media", "postgres", "robots", "rows", "site", "sqlite"}
)
