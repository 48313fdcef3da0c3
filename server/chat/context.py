"""What fits into a model's context window. Knows no model's tokeniser: it estimates, high."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace

from server.chat.citations import is_code, without_citations, without_citations_in_prose
from server.chat.events import SourceFound
from server.knowledge_base.neighbours import Neighbours
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


def fit_passages(
    sources: Sequence[SourceFound], budget_tokens: int
) -> tuple[str, list[SourceFound]]:
    """Return the numbered passages that fit, best first, and these sources as they are shown.

    As many chunks as fit come first. What room they leave is for their neighbours, best first.
    A first passage that is too long by itself is cut rather than left out.
    """
    shown: list[SourceFound] = []
    parts: list[str] = []
    for source in sources:
        bare = replace(source, neighbours=Neighbours())
        part = write_passage(bare)
        cost = count_tokens(part)
        if cost > budget_tokens and parts:
            break
        shown.append(bare)
        parts.append(part if cost <= budget_tokens else part[: max(budget_tokens, 1)])
        budget_tokens -= cost + 1  # with the empty line behind it
    for place, source in enumerate(sources[: len(shown)]):
        both = source.neighbours
        for neighbours in (both, replace(both, before=""), replace(both, after="")):
            wider = replace(source, neighbours=neighbours)
            part = write_passage(wider)
            cost = count_tokens(part) - count_tokens(parts[place])
            if cost <= budget_tokens:
                shown[place], parts[place] = wider, part
                budget_tokens -= cost
                break
    return "\n\n".join(parts), shown


def write_passage(source: SourceFound) -> str:
    """Return a source as a model is shown it: its number, what heads it, its text.

    Only these numbers are in brackets that a model cites: marks of the documents are in others,
    but code stays as it is.
    """
    passage = source.hit.passage
    head = " / ".join(dict.fromkeys((passage.title, *passage.chunk.headings)))
    text = source.shown
    body = text if is_code(passage.file_name) else without_citations_in_prose(text)
    return f"[{source.number}] {without_citations(head)}\n{body}"


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
