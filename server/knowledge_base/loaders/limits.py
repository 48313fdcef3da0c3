"""How much of a file may be read, and the errors that say so. Knows no file format."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from server.datatypes import Block, heading_changes
from server.errors import TooLarge

MIB = 1 << 20
BLOCK_CHARS = 64  # what a block counts for beside its text: a million empty ones are not nothing
MAX_TITLE_CHARS = 300  # titles and headings are repeated with each chunk under them
MAX_HEADING_CHARS = 200  # more is a paragraph that was styled as a heading
MAX_HEADINGS = 16  # over one block
MAX_GAPS = 200  # that are told of one file


@dataclass(frozen=True, slots=True)
class OcrTime:
    """How long the pictures in one file may be read, and who is told how far it is."""

    until: float  # by time.monotonic
    tell: Callable[[int, int], None] = lambda done, total: None  # pages


@dataclass(frozen=True, slots=True)
class Limits:
    """What a loader may take from one file."""

    max_chars: int
    max_pages: int
    max_unpacked_mb: int  # bytes that a compressed file may unpack to, in MiB
    ocr: OcrTime | None = None  # None: pictures are not read


def size_in_chars(blocks: Iterable[Block]) -> int:
    """Return what the blocks count against ``max_chars``; one block counts its text only."""
    blocks = tuple(blocks)
    texts = sum(len(block.text) + BLOCK_CHARS for block in blocks) - BLOCK_CHARS
    return texts + sum(len(text) for _, further in heading_changes(blocks) for text in further)


def too_large(name: str, max_chars: int) -> TooLarge:
    """Return the error about text that is too long."""
    return TooLarge(
        what_en=f"The text of {name!r}, counted in characters,",
        what_zh=f"{name!r} 的文本字符数",
        limit=f"{max_chars:,}",
        setting="kb.max_extracted_mb",
    )


def too_many_pages(name: str, max_pages: int) -> TooLarge:
    """Return the error about a file with too many pages."""
    return TooLarge(
        what_en=f"The number of pages of {name!r}",
        what_zh=f"{name!r} 的页数",
        limit=f"{max_pages:,}",
        setting="kb.max_pages",
    )


def unpacks_too_large(name: str, max_unpacked_mb: int) -> TooLarge:
    """Return the error about a compressed file that would unpack to too much."""
    return TooLarge(
        what_en=f"What {name!r} unpacks to",
        what_zh=f"{name!r} 解压后的内容",
        limit=f"{max_unpacked_mb:,} MiB",
        setting="kb.max_unpacked_mb",
    )


def takes_too_much_memory(name: str, memory_mb: int) -> TooLarge:
    """Return the error about a file that needs more memory than one may have."""
    return TooLarge(
        what_en=f"The memory that it takes to read {name!r}",
        what_zh=f"读取 {name!r} 所需的内存",
        limit=f"{memory_mb:,} MiB",
        setting="kb.parse_memory_mb",
    )


def takes_too_long(name: str, timeout_s: int) -> TooLarge:
    """Return the error about a file that is not read in time."""
    return TooLarge(
        what_en=f"The time that it takes to read {name!r}",
        what_zh=f"读取 {name!r} 所需的时间",
        limit=f"{timeout_s:,} s",
        setting="kb.parse_timeout_s",
    )
