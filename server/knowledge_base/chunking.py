"""From a document to its chunks, as the options say. Knows no storage and no models."""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, replace
from typing import Protocol, TypedDict, Unpack

from server.datatypes import Chunk, Document
from server.errors import InvalidRequest
from server.knowledge_base.splitters import SPLITTERS, Tokenize
from server.knowledge_base.titles import carry_titles


@dataclass(frozen=True, slots=True)
class Cutting:
    """How a document is cut into chunks; the lengths are in the unit of the splitter."""

    splitter: str
    chunk_size: int
    chunk_overlap: int
    zh_title_enhance: bool


class HasCutting(Protocol):
    """What says how documents are cut: settings, a knowledge base, a stored file."""

    @property
    def splitter(self) -> str: ...
    @property
    def chunk_size(self) -> int: ...
    @property
    def chunk_overlap(self) -> int: ...
    @property
    def zh_title_enhance(self) -> bool: ...


def cutting_of(source: HasCutting) -> Cutting:
    """Return how documents are cut."""
    return Cutting(
        source.splitter, source.chunk_size, source.chunk_overlap, source.zh_title_enhance
    )


class CuttingWishes(TypedDict, total=False):
    """What is asked for of a ``Cutting``; what is None or left out stays as usual."""

    splitter: str | None
    chunk_size: int | None
    chunk_overlap: int | None
    zh_title_enhance: bool | None


def choose_cutting(usual: HasCutting, **wishes: Unpack[CuttingWishes]) -> Cutting:
    """Return what is asked for, and what is usual where nothing is.

    Raises:
        InvalidRequest: there is no such splitter, or the overlap leaves no room for new text.
    """
    size = wishes.get("chunk_size") or usual.chunk_size
    is_enhanced = wishes.get("zh_title_enhance")
    return Cutting(
        check_splitter(wishes.get("splitter") or usual.splitter),
        size,
        choose_overlap(size, wishes.get("chunk_overlap"), usual.chunk_overlap),
        usual.zh_title_enhance if is_enhanced is None else is_enhanced,
    )


def check_splitter(name: str) -> str:
    """Return the name of a splitter.

    Raises:
        InvalidRequest: there is none of that name.
    """
    if name not in SPLITTERS:
        known = ", ".join(SPLITTERS)
        raise InvalidRequest(
            param="splitter",
            problem_en=f"there is no splitter {name!r}. Known: {known}.",
            problem_zh=f"没有名为 {name!r} 的分块方式。可用的有：{known}。",
        )
    return name


def choose_overlap(chunk_size: int, asked: int | None, usual: int) -> int:
    """Return the overlap asked for, or the usual one as far as it fits the size of a chunk.

    Raises:
        InvalidRequest: more than half a chunk is asked for, which leaves no room for new text.
    """
    if asked is None:
        return min(usual, chunk_size // 2)
    if asked > chunk_size // 2:
        raise InvalidRequest(
            param="chunk_overlap",
            problem_en=f"chunk_overlap {asked} must be at most half of chunk_size {chunk_size}",
            problem_zh=f"chunk_overlap {asked} 不得超过 chunk_size {chunk_size} 的一半",
        )
    return asked


def cut_document(document: Document, cutting: Cutting, tokenize: Tokenize) -> tuple[Chunk, ...]:
    """Return the chunks of a document, with the pages that begin inside them.

    Raises:
        EmbeddingFailed: tokens are to be counted, and the model that has them does not load.
    """
    chunks = SPLITTERS.get(cutting.splitter)(
        document,
        chunk_size=cutting.chunk_size,
        chunk_overlap=cutting.chunk_overlap,
        tokenize=tokenize,
    )
    if cutting.zh_title_enhance:
        chunks = carry_titles(document, chunks)
    pages = find_page_breaks(document)
    starts = [start for start, _ in pages]
    return tuple(
        replace(
            chunk,
            page_breaks=tuple(
                pages[bisect_right(starts, chunk.start) : bisect_left(starts, chunk.end)]
            ),
        )
        for chunk in chunks
    )


def find_page_breaks(document: Document) -> list[tuple[int, int]]:
    """Return (start, page) of every page that begins in a document, after the first."""
    breaks: list[tuple[int, int]] = []
    start, page = 0, document.blocks[0].page if document.blocks else None
    for block in document.blocks:
        if block.page is not None and block.page != page:
            page = block.page
            breaks.append((start, page))
        start += len(block.text) + len(Document.SEPARATOR)
    return breaks
