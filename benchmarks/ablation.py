"""What each part of retrieval is worth: hit@1 with it and without it, on the same chunks.

``python -m benchmarks.ablation --data FOLDER --name SET [--name SET ...] --json``

``SET.MODE.all`` is the product; the others say what is different.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

from tqdm import tqdm

from benchmarks.flags import parse_flags
from benchmarks.question_sets import QuestionSet, read_set
from benchmarks.report import print_report
from benchmarks.retrieval import find_gold, read_pieces
from benchmarks.service import open_service
from benchmarks.upload import KB, choose_files, create, ingest
from server.container import Container
from server.evaluation.metrics import judge, measure
from server.knowledge_base.analysis import Terms, language_of
from server.knowledge_base.ranking import Asked
from server.knowledge_base.retrieval import Retriever

MODES = ("passages", "chunk250", "chunk500")
SHOWN = ("hit@1", "hit@5", "mrr@10")


class FewerTerms(Retriever):
    """A retriever that leaves out a kind of terms of the question."""

    keeps: Callable[[Terms], Terms]

    def _read(self, question: str, count: int, threshold: float | None) -> Asked:
        asked = super()._read(question, count, threshold)
        return replace(asked, terms=type(self).keeps(asked.terms))


class WordsOnly(FewerTerms):
    """Without characters and pairs."""

    keeps = staticmethod(lambda terms: Terms(terms.words, ()))


class GramsOnly(FewerTerms):
    """Without Chinese words."""

    keeps = staticmethod(lambda terms: Terms((), terms.grams))


def main() -> None:
    """Measure and report."""
    flags = parse_flags(__doc__, modes=MODES)
    results: dict[str, float] = {}
    for name in flags.name:
        for mode in flags.mode:
            results |= run(read_set(flags.data, name), mode)
    if flags.json:
        print_report("ablation", {"sets": flags.name, "modes": flags.mode}, results, {})
    else:
        for key, value in results.items():
            print(f"{key:60} {value:6.2f}")


def run(questions: QuestionSet, mode: str) -> dict[str, float]:
    """Ingest a set once and ask its questions in every variant."""
    files = choose_files(questions, mode)
    results: dict[str, float] = {}
    with open_service() as container:
        container.knowledge_bases.on_change = lambda _: None
        create(container, mode)
        ingest(container, files, f"{questions.name}.{mode}: ingest")
        pieces = list(read_pieces(container, questions, files))
        gold = [find_gold(question, pieces, mode) for question in questions.questions]
        for variant, retriever in make_variants(container, questions):
            judged = []
            pairs = zip(questions.questions, gold, strict=True)
            for question, right in tqdm(pairs, desc=variant, file=sys.stderr, mininterval=2):
                found = retriever.retrieve(KB, question.text, top_k=10)
                judged.append(judge([str(hit.passage.chunk_id) for hit in found.hits], right))
            figures = measure(judged)
            prefix = f"{questions.name}.{mode}.{variant}"
            results |= {f"{prefix}.{name}": figures[name] for name in SHOWN}
    return results


def make_variants(container: Container, questions: QuestionSet) -> Iterator[tuple[str, Retriever]]:
    """Yield the retrievers with their names."""
    settings = container.settings.retrieval

    def differ(**changes: float) -> Retriever:
        return container.make_retriever(settings.model_copy(update=changes))

    parts = (container.database, container.indexes, container.embedders, container.rerankers)
    yield "all", differ()
    yield "without_sentences", differ(sentence_weight=0.0)
    embedder = container.embedders.get(container.settings.embedding.model)
    if embedder and language_of(questions.questions[0].text) in embedder.languages:
        yield "without_sentence_vectors", differ(sentence_vectors=0)
        yield "sentence_vectors_always", differ(sentence_doubt=2.0)
        yield "words_alone", differ(lexical_weight=1.0, sentence_vectors=0)
        yield "vectors_alone", differ(lexical_weight=0.0)
    else:
        yield "without_pairs", WordsOnly(*parts, settings=settings)
        yield "without_segments", GramsOnly(*parts, settings=settings)


if __name__ == "__main__":
    main()
