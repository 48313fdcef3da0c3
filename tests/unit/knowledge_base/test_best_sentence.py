"""How well the best sentence of a passage fits a question."""

from pathlib import Path

import numpy as np
import pytest

from embeddings import Vectors
from embeddings.hashing import HashingEmbedder
from server.datatypes import Chunk, Passage
from server.knowledge_base.best_sentence import LEAST_CHARS, SentenceVectors, cover, terms_asked
from server.knowledge_base.indexes import Weights

PUMP = Weights({"pump": 2.0, "filter": 1.0, "week": 1.0}, {})
YEAR = Weights({"年假": 9.0}, {"年": 1.0, "假": 1.0, "年假": 2.0})


def passage(text: str, *, title: str = "", headings: tuple[str, ...] = ()) -> Passage:
    return Passage(1, "kb", "a.txt", title, 0, Chunk(text, 0, len(text), headings=headings))


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("The pump has a filter for a week.", 1.0),
        ("The pump is noisy. Its filter lasts a week.", 0.5),
        ("The pump is noisy. It stands. The filter of the pump is blue.", 0.75),
        ("A lamp.", 0.0),
        ("", 0.0),
        ("?!", 0.0),
    ],
)
def test_the_sentence_with_most_of_the_question_counts(text: str, share: float) -> None:
    assert cover(passage(text), terms_asked("en", PUMP)) == pytest.approx(share)


def test_title_and_headings_stand_above_every_sentence() -> None:
    asked = terms_asked("en", PUMP)
    assert cover(passage("It lasts a week.", title="Pump"), asked) == pytest.approx(0.75)
    assert cover(passage("It lasts.", headings=("Pump", "Filter")), asked) == pytest.approx(0.75)


def test_chinese_is_compared_by_characters_and_pairs() -> None:
    asked = terms_asked("zh", YEAR)
    assert cover(passage("每年放假。年假有十天。"), asked) == pytest.approx(1.0)
    assert cover(passage("每年放假。"), asked) == pytest.approx(0.5)


def test_a_question_in_chinese_without_chinese_terms_is_compared_by_its_words() -> None:
    asked = terms_asked("zh", Weights({"nf-a320": 1.0}, {}))
    assert cover(passage("The NF-A320 is sold."), asked) == pytest.approx(1.0)


def test_a_question_without_terms_is_covered_by_nothing() -> None:
    assert cover(passage("A pump."), terms_asked("en", Weights({}, {}))) == 0


class CountingEmbedder(HashingEmbedder):
    """Keeps what it was asked to embed."""

    def __init__(self, generation: str = "hashing-256") -> None:
        super().__init__(cache=Path(), batch_size=8, threads=1)
        self.generation = generation
        self.asked: list[list[str]] = []

    def embed_documents(self, texts: list[str]) -> Vectors:
        self.asked.append(texts)
        return super().embed_documents(texts)


FIRST, SECOND = "The pump moves water.", "The lamp gives a warm light."


def test_the_closest_sentence_gives_the_cosine() -> None:
    embedder = CountingEmbedder()
    question = embedder.embed_query(SECOND)
    cosines = SentenceVectors().closest([FIRST, f"{FIRST} {SECOND}"], question, embedder)
    assert cosines[0] < 0.9
    assert cosines[1] == pytest.approx(1.0)
    assert len(embedder.asked) == 1  # all that is missing is embedded in one call


def test_what_is_too_short_for_a_sentence_has_no_vector() -> None:
    embedder = CountingEmbedder()
    question = embedder.embed_query("Yes.")
    assert len("Yes.") < LEAST_CHARS
    vectors = SentenceVectors()
    assert vectors.closest([f"Yes. {FIRST}"], question, embedder)[0] < 0.9
    assert embedder.asked == [[FIRST]]
    assert vectors.closest(["Yes.", ""], question, embedder) == [-1, -1]


def test_vectors_are_made_once_for_a_text_and_a_generation() -> None:
    vectors, embedder, other = SentenceVectors(), CountingEmbedder(), CountingEmbedder("other")
    question = np.zeros(256, np.float32)
    for _ in range(2):
        vectors.closest([FIRST], question, embedder)
        vectors.closest([FIRST], question, other)
    assert (embedder.asked, other.asked) == ([[FIRST]], [[FIRST]])
