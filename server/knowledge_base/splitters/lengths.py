"""How long a part of a text is, in characters or in tokens. Does not know where it may be cut."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

LONGEST_TOKEN = 32  # characters; what is longer is no word but data, of which each one counts


class Lengths(Protocol):
    """Counts in one unit; places are offsets of characters."""

    def count(self, start: int, end: int) -> int:
        """Return how many units the text between two places has."""
        ...

    def after(self, start: int, count: int) -> int:
        """Return the last place up to which the text from ``start`` has at most ``count`` units."""
        ...

    def before(self, end: int, count: int) -> int:
        """Return the first place from which the text to ``end`` has at most ``count`` units."""
        ...


class Characters:
    """Every character counts."""

    def count(self, start: int, end: int) -> int:
        """Return the number of characters."""
        return end - start

    def after(self, start: int, count: int) -> int:
        """Return the place behind so many characters, be it behind the text."""
        return start + count

    def before(self, end: int, count: int) -> int:
        """Return the place before so many characters, be it before the text."""
        return end - count


@dataclass(frozen=True, slots=True)
class Tokens:
    """Every token counts, the rest of one that is cut as well; white space does not."""

    starts: Sequence[int]  # in order
    size: int  # characters of the text

    def count(self, start: int, end: int) -> int:
        """Return how many tokens begin between two places, and one that is cut at the first."""
        if start >= end:
            return 0
        first = bisect_left(self.starts, start)
        return bisect_left(self.starts, end) - first + self._is_inside(start, first)

    def after(self, start: int, count: int) -> int:
        """Return the start of the first token that is too many."""
        if count <= 0:
            return start
        first = bisect_left(self.starts, start)
        index = first + count - self._is_inside(start, first)
        return self.starts[index] if index < len(self.starts) else self.size

    def before(self, end: int, count: int) -> int:
        """Return the start of the first token that is not too many."""
        if count <= 0:
            return end
        index = bisect_left(self.starts, end) - count
        return self.starts[index] if index >= 0 else 0

    def _is_inside(self, place: int, following: int) -> bool:
        """Tell whether a place may be inside a token; ``following`` is the next one."""
        return following > 0 and (following == len(self.starts) or self.starts[following] != place)


def divide_long(text: str, starts: Sequence[int]) -> Iterator[int]:
    """Yield the starts of tokens, and of each character that is in none or in one of great length.

    Without that a megabyte of data, which is one unknown word to a model, would be one token.
    """
    for start, following in pairwise([-1, *starts, len(text)]):
        if start >= 0:
            yield start
        if following - start > LONGEST_TOKEN:
            yield from (at for at in range(start + 1, following) if not text[at].isspace())
