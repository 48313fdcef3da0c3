"""Ways to cut a document into chunks. Does not know what is done with the chunks.

A way is one file here with a function ``split``, one line in ``SPLITTERS``, and its name in
``configs.settings.SplitterName``.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from server.datatypes import Chunk, Document
from server.plugins import Registry

Tokenize = Callable[[str], Sequence[int]]


class Splitter(Protocol):
    """Cuts the text of a document.

    Every chunk is exactly ``document.text[start:end]`` without outer white space, 1 to
    ``chunk_size`` long, and they come in the order of the text. Every character that is not
    white space is in a chunk. Neighbours share at most ``chunk_overlap`` (no more than half of
    ``chunk_size``). Both are counted in characters, by "token" in tokens, whose first characters
    ``tokenize`` returns for a piece of text, in order; the others do not call it. The page and the
    headings of a chunk are those of its first character; a splitter may add to the headings what
    the chunk cannot be understood without. The time is linear in the length of the text.
    """

    def __call__(
        self, document: Document, *, chunk_size: int, chunk_overlap: int, tokenize: Tokenize
    ) -> tuple[Chunk, ...]: ...


PACKAGE = "server.knowledge_base.splitters"
SPLITTERS: Registry[Splitter] = Registry(
    "splitter",
    {
        "recursive": f"{PACKAGE}.recursive:split",
        "markdown": f"{PACKAGE}.markdown:split",
        "sentence": f"{PACKAGE}.sentence:split",
        "token": f"{PACKAGE}.token:split",
        "table": f"{PACKAGE}.table:split",
    },
)
# Files here that are no splitter but a part of several.
SHARED = frozenset({"borders", "cutting", "lengths", "sections"})
