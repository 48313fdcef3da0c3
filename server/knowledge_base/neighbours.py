"""The text around hits, for a reader who needs more than the chunk to understand it.

Knows no prompts and no token budget.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from server.datatypes import Chunk, Hit
from server.db.texts import text_near_chunk
from server.knowledge_base.sentences import spans

MARGIN = 20  # characters beyond, which tell the end of a sentence from an abbreviation

Span = tuple[int, int]  # start and end in the text of a document


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What stands in the document right before and right after a chunk, white space included."""

    before: str = ""
    after: str = ""

    def span(self, chunk: Chunk) -> Span:
        """Return where the chunk with its neighbours starts and ends."""
        return chunk.start - len(self.before), chunk.end + len(self.after)


@dataclass(frozen=True, slots=True)
class Window:
    """The text of a file around a chunk, before it is cut at the ends of sentences."""

    file_id: int
    before: str
    after: str
    is_start: bool  # ``before`` begins with the document
    is_end: bool


def find_neighbours(session: Session, hits: Sequence[Hit], *, chars: int) -> list[Neighbours]:
    """Return for each hit whole sentences around it, at most so many characters on each side.

    No text is there twice: where two hits are close, the text between them goes to the first one
    as far as it reaches, and no neighbour reaches into the chunk of another hit.
    """
    if chars == 0:
        return [Neighbours() for _ in hits]
    windows = [read_window(session, hit, chars) for hit in hits]
    taken: dict[int, list[Span]] = defaultdict(list)
    for hit, window in zip(hits, windows, strict=True):
        if window:
            taken[window.file_id].append((hit.passage.chunk.start, hit.passage.chunk.end))
    found = []
    for hit, window in zip(hits, windows, strict=True):
        neighbours = Neighbours()
        if window:
            chunk, spans_taken = hit.passage.chunk, taken[window.file_id]
            neighbours = cut(window, chunk, spans_taken, chars)
            spans_taken.append(neighbours.span(chunk))
        found.append(neighbours)
    return found


def read_window(session: Session, hit: Hit, chars: int) -> Window | None:
    """Return the text around a hit, or None if the chunk was deleted meanwhile."""
    chunk = hit.passage.chunk
    start = max(0, chunk.start - chars - MARGIN)
    end = chunk.end + chars + MARGIN
    read = text_near_chunk(session, hit.passage.chunk_id, start=start, end=end)
    if read is None:
        return None
    file_id, text = read
    return Window(
        file_id,
        before=text[: chunk.start - start],
        after=text[chunk.end - start :],
        is_start=start == 0,
        is_end=len(text) < end - start,
    )


def cut(window: Window, chunk: Chunk, taken: Sequence[Span], chars: int) -> Neighbours:
    """Return the whole sentences of a window that no other hit has."""
    low = max((end for start, end in taken if start < chunk.start), default=0)
    high = min((start for start, end in taken if end > chunk.end), default=chunk.end + chars)
    before, after = window.before, window.after
    starts = {
        len(before) - start: start == 0 or before[start - 1] == "\n"
        for start, _ in spans(before)
        if start or window.is_start
    }
    ends = {
        end: end == len(after) or after[end - 1] == "\n"
        for _, end in spans(after)
        if end < len(after) or window.is_end
    }
    back = reach(starts, min(chars, chunk.start - low))
    ahead = reach(ends, min(chars, high - chunk.end))
    return Neighbours(before[len(before) - back :].lstrip(), after[:ahead].rstrip())


def reach(borders: Mapping[int, bool], room: int) -> int:
    """Return how far to go at most ``room`` characters: to the end of a line, or of a sentence.

    ``borders`` tells by its distance whether a border is that of a line, such as a paragraph or a
    row of a table. A line that is less than half as far is left for the end of a sentence.
    """
    within = [border for border in borders if border <= room]
    furthest = max(within, default=0)
    line = max((border for border in within if borders[border]), default=0)
    return line if 2 * line >= furthest else furthest
