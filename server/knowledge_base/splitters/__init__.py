"""Ways to cut a document into chunks. Does not know what is done with the chunks."""

from typing import Protocol

from server.datatypes import Chunk, Document
from server.plugins import Registry


class Splitter(Protocol):
    """Cuts the text of a document.

    Every chunk is exactly ``document.text[start:end]`` without outer white space, 1 to
    ``chunk_chars`` long, and they come in the order of the text. Every character that is not
    white space is in a chunk. Neighbours share at most ``overlap_chars`` (no more than half of
    ``chunk_chars``). The time is linear in the length of the text.
    """

    def __call__(
        self, document: Document, *, chunk_chars: int, overlap_chars: int
    ) -> tuple[Chunk, ...]: ...


SPLITTERS: Registry[Splitter] = Registry(
    "splitter", {"recursive": "server.knowledge_base.splitters.recursive:split"}
)
SHARED = frozenset({"borders"})  # files here that are no splitter but a part of one
