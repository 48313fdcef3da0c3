"""What a question found and answered, compared with what is right. Knows no test set and no run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from server.chat.extractive import extract, is_supported
from server.chat.service import QUOTES
from server.datatypes import Hit
from server.evaluation.matching import flatten, holds
from server.evaluation.metrics import DEPTH, Judged, measure
from server.knowledge_base.retrieval import Retrieval
from server.schemas.evaluation import FoundChunk, JudgedBy, NewQuestion, Outcome

SHOWN = 10  # hits that are kept of a question
SHOWN_CHARS = 300  # of their texts
GOOD_RANK = 5
CACHED_FILES = 64

Ask = Callable[[str], Retrieval]
ReadChunks = Callable[[str], Sequence[str]]  # the texts of the chunks of a file, by its name


@dataclass(frozen=True, slots=True)
class Gold:
    """What is right for a question: chunks that hold one of the texts, or files."""

    files: frozenset[str]
    wanted: tuple[str, ...]  # flat texts; none: any chunk of a file is right, once a file
    count: int  # how many right ones there are

    def accepts(self, hit: Hit) -> bool:
        """Return whether a hit is right."""
        if hit.passage.file_name not in self.files:
            return False
        if not self.wanted:
            return True
        flat = flatten(hit.passage.chunk.text)
        return any(holds(flat, text) for text in self.wanted)


class Judge:
    """Judges questions by the chunks that a knowledge base has; for one thread."""

    def __init__(self, ask: Ask, search: Ask, read_chunks: ReadChunks) -> None:
        """``ask`` returns what the chat gets, ``search`` up to ``DEPTH`` hits for the ranks."""
        self.ask = ask
        self.search = search
        self.read_chunks = read_chunks
        self._flat: dict[str, list[str]] = {}  # chunks of files that were needed last

    def judge(self, expected: NewQuestion) -> tuple[Outcome, bool]:
        """Ask a question and return what became of it, and whether that is good.

        Raises:
            ZhiwenError: it could not be asked.
        """
        found, deep = self.ask(expected.question), self.search(expected.question)
        used = found.hits
        quotes = extract(expected.question, used, idf=found.weights, limit=QUOTES)
        given = quotes if found.is_covered else ()
        supported = bool(given) and is_supported(expected.question, given, used, idf=found.weights)
        gold, judged_by = self._find_gold(expected)
        right = [gold.accepts(hit) for hit in deep.hits]
        outcome = Outcome(
            ranks=find_ranks(deep.hits, right, is_by_file=not gold.wanted),
            gold=gold.count,
            judged_by=judged_by,
            is_covered=found.is_covered,
            is_supported=supported,
            is_answered=is_answered(expected, [(used[q.citation - 1], q.text) for q in given]),
            answer=[quote.text for quote in given],
            found=[
                describe(rank, hit, is_right)
                for rank, (hit, is_right) in enumerate(
                    zip(deep.hits[:SHOWN], right, strict=False), 1
                )
            ],
        )
        return outcome, is_good(expected, outcome)

    def _find_gold(self, expected: NewQuestion) -> tuple[Gold, JudgedBy]:
        """Return what is right for a question, and by what that is told."""
        files = frozenset(expected.files)
        if expected.kind != "answerable":
            return Gold(files, (), 0), "refusal"
        chunks = [chunk for name in sorted(files) for chunk in self._chunks(name)]
        wanted = tuple(map(flatten, expected.quotes or expected.answers))
        count = sum(any(holds(chunk, text) for text in wanted) for chunk in chunks)
        if expected.quotes:
            return Gold(files, wanted, count), "quote"
        if count:
            return Gold(files, wanted, count), "answer"
        # An answer in the person's own words is in no chunk.
        return Gold(files, (), sum(bool(self._chunks(name)) for name in files)), "file"

    def _chunks(self, name: str) -> list[str]:
        if name not in self._flat:
            if len(self._flat) >= CACHED_FILES:
                self._flat.clear()
            self._flat[name] = [flatten(text) for text in self.read_chunks(name)]
        return self._flat[name]


def find_ranks(hits: Sequence[Hit], right: Sequence[bool], *, is_by_file: bool) -> list[int]:
    """Return the ranks, from 1, of what is right; ``is_by_file``: each file counts once."""
    ranks: list[int] = []
    seen: set[str] = set()
    rank = 0
    for hit, is_right in zip(hits, right, strict=True):
        if is_by_file and hit.passage.file_name in seen:
            continue
        seen.add(hit.passage.file_name)
        rank += 1
        if is_right:
            ranks.append(rank)
    return ranks


def is_answered(expected: NewQuestion, quotes: Sequence[tuple[Hit, str]]) -> bool | None:
    """Return whether a quote of a right file holds an expected answer; None: none is expected."""
    if not expected.answers:
        return None
    wanted = [flatten(answer) for answer in expected.answers]
    return any(
        holds(flatten(text), answer)
        for hit, text in quotes
        if hit.passage.file_name in expected.files
        for answer in wanted
    )


def is_good(expected: NewQuestion, outcome: Outcome) -> bool:
    """Return whether nobody needs to look at a question."""
    if expected.kind != "answerable":
        return not outcome.is_covered
    is_found = bool(outcome.ranks) and outcome.ranks[0] <= GOOD_RANK
    return outcome.is_covered and is_found and outcome.is_answered is not False


def describe(rank: int, hit: Hit, is_right: bool) -> FoundChunk:
    """Return a hit as it is kept."""
    passage = hit.passage
    return FoundChunk(
        rank=rank,
        file=passage.file_name,
        order=passage.order,
        score=round(hit.score, 4),
        relevance=round(hit.relevance, 4),
        is_right=is_right,
        text=passage.chunk.text[:SHOWN_CHARS],
    )


def values_of(expected: NewQuestion, outcome: Outcome) -> dict[str, float]:
    """Return the metrics of one question, in percent; those of a run are their means."""
    refused = 100.0 * (not outcome.is_covered)
    unsupported = 100.0 * (not outcome.is_supported)
    if expected.kind != "answerable":
        return {
            "refused": refused,
            f"refused_{expected.kind}": refused,
            "refused_or_warned": unsupported,
        }
    judged = Judged(tuple(rank for rank in outcome.ranks if rank <= DEPTH), outcome.gold)
    values = measure([judged]) | {
        "false_refusals": refused,
        "false_refusals_or_warnings": unsupported,
        "unfindable": 100.0 * (outcome.gold == 0),
    }
    if outcome.is_answered is not None:
        values["answered"] = 100.0 * outcome.is_answered
    return values
