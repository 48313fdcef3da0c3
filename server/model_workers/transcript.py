"""The protocol of one generation: tokens in, pieces out, and why it ended. Knows no model."""

from collections.abc import Callable, Collection, Sequence

from server.model_workers.generator import FinishReason, Piece
from server.model_workers.token_text import Detokenizer, StopStrings


class Transcript:
    """Turns tokens into pieces; after the one with a finish reason it takes no more."""

    def __init__(
        self,
        decode: Callable[[Sequence[int]], str],
        *,
        prompt_tokens: int,
        max_tokens: int,
        ends: Collection[int],
        stop: Sequence[str],
    ) -> None:
        """Begin; ``ends``: the tokens with which the model ends its turn."""
        self.prompt_tokens = prompt_tokens
        self.max_tokens = max_tokens
        self.ends = ends
        self.completion_tokens = 0
        self.is_over = False
        self._detokenizer = Detokenizer(decode)
        self._stops = StopStrings(stop)

    def add(self, token: int) -> Piece | None:
        """Return what there is to tell after a token, if anything; an end token counts too."""
        self.completion_tokens += 1
        if token in self.ends:
            return self.finish("stop")
        text, is_stopped = self._stops.push(self._detokenizer.push(token))
        if is_stopped:
            return self._close(text, "stop")
        if self.completion_tokens >= self.max_tokens:
            return self.finish("length", text)
        return self._piece(text) if text else None

    def finish(self, reason: FinishReason, text: str = "") -> Piece:
        """Return the last piece: ``text`` and all that was held back."""
        rest, is_stopped = self._stops.push(self._detokenizer.flush())
        if is_stopped:
            return self._close(text + rest, "stop")
        return self._close(text + rest + self._stops.flush(), reason)

    def _close(self, text: str, reason: FinishReason) -> Piece:
        self.is_over = True
        return self._piece(text, reason)

    def _piece(self, text: str, reason: FinishReason | None = None) -> Piece:
        return Piece(text, self.prompt_tokens, self.completion_tokens, reason)
