"""What fits into a model's context window. Knows no model's tokeniser: it estimates, high."""

import math
import re
from collections.abc import Sequence

from server.chat.citations import is_code, without_citations, without_citations_in_prose
from server.chat.events import SourceFound
from server.llm.client import ChatTurn

WIDE = re.compile("[^\x00-\u2e7f]")
# Measured on the tokenisers of Qwen and GLM, a Chinese character is 0.6 to 1 token and an English
# word 1.3; counting a character as one and three letters as one errs on the safe side.
LETTERS_PER_TOKEN = 3
TURN_TOKENS = 8  # role markers around a message


def count_tokens(text: str) -> int:
    """Return an upper estimate of how many tokens a text is."""
    wide = len(WIDE.findall(text))
    return wide + math.ceil((len(text) - wide) / LETTERS_PER_TOKEN)


def fit_passages(sources: Sequence[SourceFound], budget_tokens: int) -> tuple[str, int]:
    """Return the numbered passages that fit, best first, and how many they are.

    Only these numbers are in brackets that a model cites: marks of the documents are in others,
    but code stays as it is.
    A first passage that is too long by itself is cut rather than left out.
    """
    parts: list[str] = []
    for source in sources:
        passage = source.hit.passage
        head = " / ".join(dict.fromkeys((passage.title, *passage.chunk.headings)))
        text = passage.chunk.text
        body = text if is_code(passage.file_name) else without_citations_in_prose(text)
        part = f"[{source.number}] {without_citations(head)}\n{body}"
        cost = count_tokens(part)
        if cost > budget_tokens:
            if not parts:
                parts.append(part[: max(budget_tokens, 1)])
            break
        parts.append(part)
        budget_tokens -= cost
    return "\n\n".join(parts), len(parts)


def fit_history(history: Sequence[ChatTurn], budget_tokens: int) -> list[ChatTurn]:
    """Return the newest messages that fit, in order; it begins with one of the user's."""
    kept: list[ChatTurn] = []
    for turn in reversed(history):
        budget_tokens -= count_tokens(turn.content) + TURN_TOKENS
        if budget_tokens < 0:
            break
        kept.insert(0, turn)
    while kept and kept[0].role == "assistant":
        kept.pop(0)
    return kept
