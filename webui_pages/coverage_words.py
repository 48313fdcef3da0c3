"""How much of a file was read, in words. Asks the API nothing and draws no widget."""

from collections.abc import Iterator, Sequence
from itertools import count, groupby
from math import floor

from server.datatypes import GapKind, GapReason
from server.schemas.native import Coverage, File, KnowledgeBase
from webui_pages.catalogue import text
from webui_pages.markup import plain

MAX_NAMES = 10
WHAT: dict[GapKind, tuple[str, str]] = {  # one, several
    "page": ("knowledge_bases.gap_page", "knowledge_bases.gap_pages"),
    "picture": ("knowledge_bases.gap_picture", "knowledge_bases.gap_pictures"),
    "attachment": ("knowledge_bases.gap_attachment", "knowledge_bases.gap_attachments"),
    "formula": ("knowledge_bases.gap_formula", "knowledge_bases.gap_formula"),
    "part": ("knowledge_bases.gap_part", "knowledge_bases.gap_parts"),
}
WHY: dict[GapReason, str] = {
    "damaged": "knowledge_bases.reason_damaged",
    "encrypted": "knowledge_bases.reason_encrypted",
    "no_ocr": "knowledge_bases.reason_no_ocr",
    "no_time": "knowledge_bases.reason_no_time",
    "not_computed": "knowledge_bases.reason_not_computed",
    "too_large": "knowledge_bases.reason_too_large",
    "unsupported": "knowledge_bases.reason_unsupported",
}


def incomplete(file: File) -> Coverage | None:
    """Return the coverage of a file that was not read in full, None for another one."""
    return file.coverage if file.coverage and not file.coverage.is_complete else None


def count_incomplete(base: KnowledgeBase) -> str:
    """Return how many files were not read in full, "" where there are none."""
    if not base.incomplete_files:
        return ""
    if base.incomplete_files == 1:
        return text("knowledge_bases.incomplete_file", files=base.files)
    return text("knowledge_bases.incomplete_files", count=base.incomplete_files, files=base.files)


def mark(coverage: Coverage) -> str:
    """Return what stands at the name of a file that was not read in full."""
    share = percent(coverage)
    return text("knowledge_bases.coverage_part") if share is None else f"{share} %"


def account(coverage: Coverage) -> Iterator[str]:
    """Yield what is to be said of what was read, and not, and why, as Markdown."""
    share = percent(coverage)
    if share is not None and not coverage.is_complete:
        yield text("knowledge_bases.coverage_share", share=share)
    by_cause: dict[tuple[GapKind, GapReason], list[str]] = {}
    for gap in coverage.gaps:
        by_cause.setdefault((gap.kind, gap.reason), []).append(gap.name)
    for (kind, reason), names in by_cause.items():
        one, several = WHAT[kind]
        told = text(one if len(names) == 1 else several, names=tell(kind, names))
        yield text("knowledge_bases.gap", what=" ".join(told.split()), reason=text(WHY[reason]))
    if coverage.pages_ocr == 1:
        yield text("knowledge_bases.coverage_ocr_page", pages=coverage.pages)
    elif coverage.pages_ocr:
        of_all = {"count": coverage.pages_ocr, "pages": coverage.pages}
        yield text("knowledge_bases.coverage_ocr_pages", **of_all)


def percent(coverage: Coverage) -> int | None:
    """Return how much was read, rounded down, None where nothing is known to lack."""
    if coverage.share is None or coverage.share >= 1:
        return None
    return floor(100 * coverage.share)


def tell(kind: GapKind, names: Sequence[str]) -> str:
    """Return the names, neighbouring pages together; how many there are where they have none."""
    known = [plain(name) for name in names if name]
    if kind == "page" and all(name.isdecimal() for name in names):
        known = list(ranges(sorted(set(map(int, names)))))
    shown = ", ".join(known[:MAX_NAMES])
    if len(known) > MAX_NAMES:
        return f"{shown}, {text('knowledge_bases.and_more', count=len(known) - MAX_NAMES)}"
    return shown or (f"({len(names)})" if len(names) > 1 else "")


def ranges(numbers: Sequence[int]) -> Iterator[str]:
    """Yield numbers, or the first and last of those that follow each other."""
    counter = count()
    for _, run in groupby(numbers, key=lambda number: number - next(counter)):
        first, *others = run
        yield f"{first}–{others[-1]}" if others else str(first)
