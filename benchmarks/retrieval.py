"""Retrieval quality through the product's own ingestion, beside plain methods in the same run.

``python -m benchmarks.retrieval --data FOLDER --name SET [--name SET ...] --json``

"passages": every passage is a file of its own and one chunk. "chunk250" and "chunk500": whole
documents are uploaded and split at 250/50 and 500/100 characters; right is a chunk of the right
document that overlaps the right passage and contains an answer. ``--splitter NAME`` cuts in another
way than usual; with "token" the sizes are tokens.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.baselines import Bm25, Dense, fuse_ranks, rank, split_whitespace, split_words
from benchmarks.flags import parse_flags
from benchmarks.question_sets import Passage, Question, QuestionSet, read_set
from benchmarks.report import label, print_report
from benchmarks.service import open_service
from benchmarks.upload import KB, choose_files, create, ingest
from embeddings import Embedder
from server.container import Container
from server.evaluation.metrics import DEPTH, Judged, bootstrap_gain, judge, measure
from server.knowledge_base.analysis import language_of

REFERENCE = "word_bm25"  # what the gain is measured against


@dataclass(frozen=True, slots=True)
class Piece:
    """A chunk as it was stored, with the passages that it overlaps."""

    id: str
    letters: str  # its letters and digits
    indexed: str  # with its title, as the baselines get it too
    passage_ids: frozenset[str]


def main() -> None:
    """Measure and report."""
    flags = parse_flags(__doc__, has_splitter=True)
    results: dict[str, float] = {}
    baselines: dict[str, float] = {}
    gains: dict[str, tuple[NDArray[np.float64], Sequence[str]]] = {}
    for name in flags.name:
        questions = read_set(flags.data, name)
        for mode in flags.mode:
            prefix = f"{name}.{mode}"
            ours, theirs = run(questions, mode, flags.splitter)
            results |= label(prefix, measure(ours))
            for method, judged in theirs.items():
                baselines |= label(f"{method}.{prefix}", measure(judged))
            gain = firsts(ours) - firsts(theirs[REFERENCE])
            gains[prefix] = gain, [question.doc_id for question in questions.questions]
    low, high = bootstrap_gain(gains)
    results |= {"macro.gain_vs_bm25.low": float(low), "macro.gain_vs_bm25.high": float(high)}
    settings = {"sets": flags.name, "modes": flags.mode, "reference": REFERENCE}
    if flags.splitter:
        settings["splitter"] = flags.splitter
    if flags.json:
        print_report("retrieval", settings, results, baselines)
    else:
        for key, value in (results | baselines).items():
            print(f"{key:55} {value:6.2f}")


def firsts(judged: Sequence[Judged]) -> NDArray[np.float64]:
    """Return 1 where the first hit is right, else 0."""
    return np.array([item.ranks[:1] == (1,) for item in judged], np.float64)


def run(
    questions: QuestionSet, mode: str, splitter: str | None = None
) -> tuple[list[Judged], dict[str, list[Judged]]]:
    """Ingest a set and rank all its questions, with our retrieval and with the baselines."""
    files = choose_files(questions, mode)
    with open_service() as container:
        create(container, mode, splitter)
        ingest(container, files, f"{questions.name}.{mode}: ingest")
        container.calibrator.refresh(KB)
        pieces = list(read_pieces(container, questions, files))
        gold = [find_gold(question, pieces, mode) for question in questions.questions]
        report_missing(questions, gold)

        def retrieve(question: str) -> list[str]:
            found = container.retriever.retrieve(KB, question, top_k=DEPTH)
            return [str(hit.passage.chunk_id) for hit in found.hits]

        ours = judge_all(questions, gold, retrieve, "ours")
        theirs = {
            method: judge_all(questions, gold, ranker, method)
            for method, ranker in make_baselines(container, pieces, questions, mode)
        }
    return ours, theirs


def read_pieces(
    container: Container, questions: QuestionSet, files: Sequence[Passage]
) -> Iterator[Piece]:
    """Yield all chunks with the passages that they overlap."""
    for file in files:
        name = f"{file.id}.md"
        passages = [
            passage
            for passage in questions.passages
            if passage.doc_id == file.doc_id and file.id in (passage.doc_id, passage.id)
        ]
        _, text, _ = container.knowledge_bases.read_text(KB, name)
        spans = find_spans(text, passages)
        for chunk in container.knowledge_bases.list_chunks(KB, name):
            yield Piece(
                id=str(chunk.chunk_id),
                letters=letters_of(chunk.chunk.text),
                indexed=f"{file.title}\n{chunk.chunk.text}",
                passage_ids=frozenset(
                    passage_id
                    for passage_id, start, end in spans
                    if chunk.chunk.start < end and start < chunk.chunk.end
                ),
            )


def find_spans(text: str, passages: Sequence[Passage]) -> list[tuple[str, int, int]]:
    """Return where each passage lies in the text of its file, found letter by letter.

    A file of one passage is that passage, also where the loader dropped markup from it.
    """
    if len(passages) == 1:
        return [(passages[0].id, 0, len(text))]
    letters = [place for place, letter in enumerate(text) if letter.isalnum()]
    bare = "".join(text[place] for place in letters)
    spans = []
    for passage in passages:
        wanted = letters_of(passage.text)
        start = bare.find(wanted)
        if start >= 0:
            spans.append((passage.id, letters[start], letters[start + len(wanted) - 1] + 1))
    return spans


def find_gold(question: Question, pieces: Sequence[Piece], mode: str) -> frozenset[str]:
    """Return the ids of the chunks that are right for a question."""
    answers = [letters_of(answer) or answer for answer in question.answers]
    return frozenset(
        piece.id
        for piece in pieces
        if piece.passage_ids & question.gold_ids
        and (mode == "passages" or any(answer in piece.letters for answer in answers))
    )


def letters_of(text: str) -> str:
    """Return the letters and digits of a text: layout and markup do not count."""
    return "".join(filter(str.isalnum, text))


def report_missing(questions: QuestionSet, gold: Sequence[frozenset[str]]) -> None:
    """Say how many answers no chunk holds whole: they count as missed by every method."""
    missing = sum(not found for found in gold)
    if missing:
        print(
            f"{questions.name}: {missing} of {len(gold)} answers are in no chunk as a whole",
            file=sys.stderr,
        )


def judge_all(
    questions: QuestionSet,
    gold: Sequence[frozenset[str]],
    retrieve: Callable[[str], list[str]],
    text: str,
) -> list[Judged]:
    """Rank and judge all questions of a set."""
    pairs = tqdm(
        zip(questions.questions, gold, strict=True), desc=text, file=sys.stderr, mininterval=2
    )
    return [judge(retrieve(question.text), right) for question, right in pairs]


def make_baselines(
    container: Container, pieces: Sequence[Piece], questions: QuestionSet, mode: str
) -> Iterator[tuple[str, Callable[[str], list[str]]]]:
    """Yield the plain methods over the same chunks with the same titles.

    A model that does not know the language is measured on passages only: it takes minutes to show
    that it cannot.
    """

    def name(places: Sequence[int]) -> list[str]:
        return [pieces[place].id for place in places]

    texts = [piece.indexed for piece in pieces]
    whitespace, words = Bm25(texts, split_whitespace), Bm25(texts, split_words)
    yield "whitespace_bm25", lambda question: name(rank(whitespace.score(question), DEPTH))
    yield "word_bm25", lambda question: name(rank(words.score(question), DEPTH))
    embedder: Embedder | None = container.embedders.get(container.settings.embedding.model)
    if embedder is None:
        return
    if mode != "passages" and language_of(questions.questions[0].text) not in embedder.languages:
        return
    dense = Dense(texts, embedder)

    def rank_dense(question: str) -> list[int]:
        return rank(dense.score(question), DEPTH)

    yield "dense", lambda question: name(rank_dense(question))
    yield (
        "rrf",
        lambda question: name(
            fuse_ranks([rank(words.score(question), DEPTH), rank_dense(question)], DEPTH)
        ),
    )


if __name__ == "__main__":
    main()
