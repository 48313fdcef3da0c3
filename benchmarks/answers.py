"""Answers without a language model: whether the quoted sentences answer, and what is refused.

``python -m benchmarks.answers --data FOLDER --name SET [--name SET ...] --json``

``SET.sentence@n``: one of the first n quotes is from the right file and contains an answer, for the
questions to odd documents, on which no constant was fitted; a question that is refused has no
quotes. ``SET.ungated``: as if nothing were refused, which is what the baselines compare with.
``all``: the questions to even documents too. These are for passages as files of their own,
``SET.chunk500`` for whole documents.

``refusal.SET``: own questions against those of the other sets of the language and of the samples,
``.vs_OTHER`` against one of them. ``refusal.SET.half``: only even documents are uploaded and
questions to the odd ones are foreign.
"""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import yaml
from tqdm import tqdm

from benchmarks.flags import parse_flags
from benchmarks.question_sets import Question, QuestionSet, read_set
from benchmarks.quotes import Answered, answer, measure_answers
from benchmarks.refusals import Decision, decide, measure_coverage, measure_refusals
from benchmarks.report import label, print_report
from benchmarks.service import open_service
from benchmarks.upload import KB, choose_files, create, ingest
from configs import ROOT
from server.datatypes import Language
from server.knowledge_base.analysis import language_of
from server.knowledge_base.retrieval import Retrieval

T = TypeVar("T")

MODES = ("passages", "chunk500")
NUMBERS = {
    "--questions": (0, "an even sample of so many of each set; default: all"),
    "--top-k": (5, "hits that the sentences are picked from; default: 5"),
}

Decisions = tuple[list[Decision], list[Decision]]  # on own and on foreign questions
Strangers = Mapping[str, Sequence[str]]  # questions by where they are from
Ask = Callable[[str], Retrieval]
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the questions of a set in a mode."""

    name: str
    answered: list[Answered]
    own: list[Decision]
    foreign: Mapping[str, list[Decision]]  # by the set that the questions are from
    half: Decisions


def main() -> None:
    """Measure and report."""
    flags = parse_flags(__doc__, modes=MODES, numbers=NUMBERS)
    sets = [sample(read_set(flags.data, name), flags.questions) for name in flags.name]
    results: Figures = {}
    baselines: Figures = {}
    for questions in sets:
        for mode in flags.mode:
            outcome = run(questions, find_strangers(questions, sets), mode, top_k=flags.top_k)
            results |= measure(outcome)
            baselines |= measure_baselines(outcome)
    settings = {
        "sets": {questions.name: len(questions.questions) for questions in sets},
        "modes": flags.mode,
        "top_k": flags.top_k,
    }
    if flags.json:
        print_report("answers", settings, results, baselines)
    else:
        for key, value in (results | baselines).items():
            print(f"{key:55} {value:6.2f}")


def sample(questions: QuestionSet, count: int) -> QuestionSet:
    """Return the set with an even sample of its questions; 0 means all."""
    total = len(questions.questions)
    if not 0 < count < total:
        return questions
    chosen = tuple(questions.questions[place * total // count] for place in range(count))
    return replace(questions, questions=chosen)


def find_strangers(questions: QuestionSet, sets: Sequence[QuestionSet]) -> Strangers:
    """Return the questions of the other sets of the same language and of the samples."""
    samples = yaml.safe_load((ROOT / "samples" / "questions.yaml").read_text("utf-8"))
    others = {
        other.name: [question.text for question in other.questions]
        for other in sets
        if other is not questions and language(other) == language(questions)
    }
    return others | {
        "samples": [
            item["question"]
            for item in samples["answerable"]
            if item["language"] == language(questions)
        ]
    }


def language(questions: QuestionSet) -> Language:
    """Return the language of a set by its first question."""
    return language_of(questions.questions[0].text)


def run(questions: QuestionSet, strangers: Strangers, mode: str, *, top_k: int) -> Outcome:
    """Ask a set first with half of its documents uploaded, then with all of them."""
    name = questions.name if mode == "passages" else f"{questions.name}.{mode}"
    even = frozenset(document.doc_id for document in questions.documents[::2])
    odd = frozenset(document.doc_id for document in questions.documents[1::2])
    files, asked = choose_files(questions, mode), questions.questions
    with open_service() as container:
        # In the background the calibration would depend on how far the upload happens to be.
        container.knowledge_bases.on_change = lambda _: None
        create(container, mode)
        ask = partial(container.retriever.retrieve, KB, top_k=top_k)

        ingest(container, [each for each in files if each.doc_id in even], f"{name}: upload half")
        container.calibrator.refresh(KB)
        half = (
            decide_all(ask, texts_of(asked, even), f"{name}: half, own"),
            decide_all(ask, texts_of(asked, odd), f"{name}: half, foreign"),
        )
        ingest(
            container, [each for each in files if each.doc_id not in even], f"{name}: upload rest"
        )
        container.calibrator.refresh(KB)
        foreign = {
            other: decide_all(ask, texts, f"{name}: {other}") for other, texts in strangers.items()
        }
        answered, own = [], []
        for question in show(asked, f"{name}: own"):
            found = ask(question.text)
            own.append(decide(found))
            answered.append(answer(question, found, is_odd=question.doc_id in odd, mode=mode))
    return Outcome(name, answered, own, foreign, half)


def texts_of(questions: Sequence[Question], documents: Set[str]) -> list[str]:
    """Return the questions to some documents."""
    return [question.text for question in questions if question.doc_id in documents]


def decide_all(ask: Ask, questions: Sequence[str], text: str) -> list[Decision]:
    """Return the product's decision on every question."""
    return [decide(ask(question)) for question in show(questions, text)]


def show(questions: Sequence[T], text: str) -> Iterable[T]:
    """Return the questions with a progress bar."""
    bar: Iterable[T] = tqdm(questions, desc=text, file=sys.stderr, mininterval=2)
    return bar


def measure(outcome: Outcome) -> Figures:
    """Return the figures of the product in percent."""
    name, answered = outcome.name, outcome.answered
    figures = {
        **label(name, measure_answers(answered, "ours", is_gated=True)),
        **label(f"{name}.ungated", measure_answers(answered, "ours")),
        **label(f"refusal.{name}", measure_refusals(outcome.own, join(outcome.foreign))),
        **label(f"refusal.{name}.half", measure_refusals(*outcome.half)),
    }
    for other, foreign in outcome.foreign.items():
        refused = measure_refusals(outcome.own, foreign)["product_refused"]
        figures[f"refusal.{name}.vs_{other}.product_refused"] = refused
    return figures


def join(foreign: Mapping[str, list[Decision]]) -> list[Decision]:
    """Return all decisions on foreign questions."""
    return [decision for decisions in foreign.values() for decision in decisions]


def measure_baselines(outcome: Outcome) -> Figures:
    """Return the figures of the plain methods in percent."""
    name, answered, foreign = outcome.name, outcome.answered, join(outcome.foreign)
    return {
        **label(f"first_sentence.{name}", measure_answers(answered, "first_sentence", cuts=1)),
        **label(f"word_coverage.{name}", measure_answers(answered, "word_coverage")),
        **label(f"word_coverage.refusal.{name}", measure_coverage(outcome.own, foreign)),
        **label(f"word_coverage.refusal.{name}.half", measure_coverage(*outcome.half)),
    }


if __name__ == "__main__":
    main()
