"""Fits the weights of the sentences that are quoted, on the questions to even documents only.

``python -m benchmarks.fit --data FOLDER --name SET [--name SET ...] --json``

The model is a conditional logit over the sentences of the first five hits: it maximises the
probability that the one it chooses holds an answer. Every set and mode counts the same, whatever
its size. ``LANGUAGE.FEATURE`` are the weights for ``server/chat/extractive.py``; the weight of
headings is not fitted. ``SET.MODE.even`` and ``.odd`` are the questions, in percent, whose best
sentence by them holds an answer, and under the baselines by the weights that the product has.
"""

import sys
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from tqdm import tqdm

from benchmarks.answers import MODES
from benchmarks.flags import parse_flags
from benchmarks.question_sets import Question, QuestionSet, read_set
from benchmarks.report import print_report
from benchmarks.service import open_service
from benchmarks.upload import KB, choose_files, create, ingest
from server.chat.extractive import MODELS, Features, find_candidates
from server.datatypes import Language
from server.knowledge_base.analysis import language_of
from server.knowledge_base.retrieval import Retrieval

TOP_K = 5
RIDGE = 1e-5  # keeps the weights of features that hardly differ from running away
FITTED = [field.name for field in fields(Features) if field.name != "heading"]

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Choice:
    """The sentences of the hits of one question."""

    is_odd: bool
    features: Vector  # (n, 6), in the order of ``Features``
    is_right: NDArray[np.bool_]  # (n,)


def main() -> None:
    """Fit and report."""
    flags = parse_flags(__doc__, modes=MODES)
    choices: dict[Language, dict[str, list[Choice]]] = {"en": {}, "zh": {}}
    for name in flags.name:
        questions = read_set(flags.data, name)
        language = language_of(questions.questions[0].text)
        for mode in flags.mode:
            choices[language][f"{name}.{mode}"] = collect(questions, mode)
    results: dict[str, float] = {}
    baselines: dict[str, float] = {}
    for language, runs in choices.items():
        if not runs:
            continue
        present = np.array(astuple(MODELS[language]))
        weights = fit(list(runs.values()), heading=present[-1])
        results |= {f"{language}.{name}": w for name, w in zip(FITTED, weights, strict=False)}
        for run, found in runs.items():
            for part, is_odd in (("even", False), ("odd", True)):
                chosen = [choice for choice in found if choice.is_odd is is_odd]
                results[f"{run}.{part}"] = share_right(chosen, weights)
                baselines[f"product.{run}.{part}"] = share_right(chosen, present)
    if flags.json:
        print_report("fit", {"sets": flags.name, "modes": flags.mode}, results, baselines)
    else:
        for key, value in (results | baselines).items():
            print(f"{key:45} {value:6.2f}")


def collect(questions: QuestionSet, mode: str) -> list[Choice]:
    """Return the sentences found for every question of a set."""
    odd = frozenset(document.doc_id for document in questions.documents[1::2])
    with open_service() as container:
        container.knowledge_bases.on_change = lambda _: None
        create(container, mode)
        ingest(container, choose_files(questions, mode), f"{questions.name}.{mode}: ingest")
        bar = tqdm(questions.questions, desc="ask", file=sys.stderr, mininterval=2)
        return [
            choose(
                question,
                container.retriever.retrieve(KB, question.text, top_k=TOP_K),
                mode,
                is_odd=question.doc_id in odd,
            )
            for question in bar
        ]


def choose(question: Question, found: Retrieval, mode: str, *, is_odd: bool) -> Choice:
    """Return the sentences of the hits, and which of them are right."""
    gold = question.gold_ids if mode == "passages" else {question.doc_id}
    candidates = find_candidates(question.text, found.hits, found.weights)
    return Choice(
        is_odd,
        np.array([astuple(each.features) for each in candidates], np.float64).reshape(-1, 6),
        np.array(
            [
                each.file[1].removesuffix(".md") in gold
                and any(answer in each.text for answer in question.answers)
                for each in candidates
            ],
            np.bool_,
        ),
    )


def fit(runs: Sequence[Sequence[Choice]], *, heading: float) -> Vector:
    """Return the weights that make the right sentences of even documents most probable."""
    used = [
        [choice for choice in run if not choice.is_odd and choice.is_right.any()] for run in runs
    ]

    def lose(weights: Vector) -> tuple[float, Vector]:
        """Return the mean negative logarithm of the probability, and its gradient."""
        loss, gradient = RIDGE * float(weights @ weights), 2 * RIDGE * weights
        for run in used:
            for choice in run:
                values = choice.features[:, :-1] @ weights + heading * choice.features[:, -1]
                chances = np.exp(values - values.max())
                chances /= chances.sum()
                right = chances * choice.is_right
                total = max(float(right.sum()), 1e-300)
                portion = 1 / (len(run) * len(used))
                loss -= portion * float(np.log(total))
                gradient -= portion * ((right / total - chances) @ choice.features[:, :-1])
        return loss, gradient

    found = minimize(lose, np.zeros(len(FITTED)), jac=True, method="L-BFGS-B")
    return np.append(found.x, heading)


def share_right(choices: Sequence[Choice], weights: Vector) -> float:
    """Return the questions, in percent, whose best sentence holds an answer."""
    right = [
        bool(len(choice.is_right) and choice.is_right[np.argmax(choice.features @ weights)])
        for choice in choices
    ]
    return 100 * float(np.mean(right))


if __name__ == "__main__":
    main()
