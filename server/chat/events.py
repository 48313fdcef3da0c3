"""What an answer sends while it is made, in this order: sources, deltas, one final.

Knows no wire format.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from server.datatypes import FileFilter, Hit, Quote
from server.knowledge_base.neighbours import Neighbours
from server.llm.client import ChatTurn, Sampling

Mode = Literal["llm", "extractive", "refusal"]
FindingKind = Literal["unknown_number", "quote_not_found", "figure_not_found", "uncited"]


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a knowledge base; what is None comes from the settings."""

    question: str
    knowledge_base: str | None = None  # None: that of the conversation, or the default
    top_k: int | None = None
    score_threshold: float | None = None
    history: tuple[ChatTurn, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    prompt_name: str = "default"
    conversation_id: str | None = None  # its turns are the history unless that is given
    only: FileFilter = field(default_factory=FileFilter)  # files that the answer may rest on


@dataclass(frozen=True, slots=True)
class SourceFound:
    """A hit with its number in the answer and the sentences that are quoted from it."""

    number: int  # from 1
    hit: Hit
    quotes: tuple[Quote, ...] = ()
    neighbours: Neighbours = field(default_factory=Neighbours)  # what a model is shown too

    @property
    def shown(self) -> str:
        """The text that a model is shown."""
        return f"{self.neighbours.before}{self.hit.passage.chunk.text}{self.neighbours.after}"


@dataclass(frozen=True, slots=True)
class Sources:
    """The passages that the answer rests on; empty if the knowledge base has nothing."""

    sources: tuple[SourceFound, ...]


@dataclass(frozen=True, slots=True)
class Delta:
    """The next piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A sentence of an answer, ``answer[start:end]``, that its sources do not bear out."""

    kind: FindingKind
    start: int
    end: int
    text: str  # the citation, the quotation or the figure as written; if uncited, the sentence
    citations: tuple[int, ...]  # the unknown number, or the sources in which the text is not


@dataclass(frozen=True, slots=True)
class Final:
    """The answer as a whole; it is stored under ``message_id`` before this is sent.

    ``stopped``: only a part of it, since the client left or the model broke off; never sent.
    ``findings`` and ``cited_share`` (of the sentences that state something) are of mode "llm".
    """

    message_id: str
    answer: str
    mode: Mode
    grounded: bool
    notice: str | None  # why a weaker way of answering was taken
    trace: dict[str, Any]
    model: str | None = None  # of mode "llm"
    stopped: bool = False
    findings: tuple[Finding, ...] = ()
    cited_share: float | None = None  # 0 to 1


Event = Sources | Delta | Final
