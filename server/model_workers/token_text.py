"""Text out of a growing list of tokens: whole characters only, and nothing of a stop string.

Knows no model and no tokenizer, only a function that decodes tokens.
"""

from collections.abc import Callable, Sequence

HALF = "\ufffd"  # what decoders give for bytes that are no whole character


class Detokenizer:
    """Decodes a token at a time, at a cost that does not grow with the text."""

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self.decode = decode
        # Decoders treat the first token in their own way (spaces), so the last tokens that were
        # told are always decoded again before the pending ones.
        self._told: list[int] = []
        self._pending: list[int] = []
        self._told_chars = 0

    def push(self, token: int) -> str:
        """Return the text that the token completes; "" inside a character."""
        self._pending.append(token)
        text = self._new_text()
        if not text or text.endswith(HALF):
            return ""
        self._told, self._pending = self._pending, []
        self._told_chars = len(self.decode(self._told))
        return text

    def flush(self) -> str:
        """Return what is pending at the end, without half a character."""
        return self._new_text().rstrip(HALF)

    def _new_text(self) -> str:
        return self.decode(self._told + self._pending)[self._told_chars :]


class StopStrings:
    """Finds stop strings, also those that arrive in several pieces; never lets one through."""

    def __init__(self, stop: Sequence[str]) -> None:
        self.stop = [text for text in stop if text]
        self._held = ""

    def push(self, text: str) -> tuple[str, bool]:
        """Return the text that is safe to show, and whether a stop string ends it."""
        text = self._held + text
        found = [start for stop in self.stop if (start := text.find(stop)) >= 0]
        if found:
            self._held = ""
            return text[: min(found)], True
        shown = len(text) - max((overlap(text, stop) for stop in self.stop), default=0)
        self._held = text[shown:]
        return text[:shown], False

    def flush(self) -> str:
        """Return what was held back, as no stop string came of it."""
        held, self._held = self._held, ""
        return held


def overlap(text: str, stop: str) -> int:
    """Return how many characters at the end of a text may be the beginning of a stop string."""
    longest = min(len(text), len(stop) - 1)
    return next((n for n in range(longest, 0, -1) if text.endswith(stop[:n])), 0)
