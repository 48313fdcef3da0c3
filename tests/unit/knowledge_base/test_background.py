"""What unrelated texts have in common for a model."""

import threading
from pathlib import Path

import numpy as np
import pytest

from embeddings import Vectors
from embeddings.hashing import HashingEmbedder
from server.datatypes import Language
from server.errors import EmbeddingFailed
from server.knowledge_base.background import HIGHEST, Backgrounds, measure


class SkewedEmbedder(HashingEmbedder):
    """Adds the same direction to every vector, as some trained models do."""

    def __init__(self, skew: float, *, generation: str = "skewed") -> None:
        super().__init__(cache=Path(), batch_size=8, threads=1)
        self.skew = np.float32(skew)
        self.generation = generation
        self.languages: frozenset[Language] = frozenset({"en"})
        self.calls = 0
        self.fails = False

    def embed_query(self, text: str) -> Vectors:
        self.calls += 1
        if self.fails:
            raise EmbeddingFailed(model="skewed", reason="it is off")
        vector = super().embed_query(text)
        vector[0] += self.skew
        return vector / np.linalg.norm(vector)


def test_the_background_grows_with_what_all_vectors_share() -> None:
    found = [measure(SkewedEmbedder(skew)) for skew in (0.0, 0.5, 1.0)]
    assert found == sorted(found)
    assert found[0] < 0.3
    assert found[2] > 0.4


def test_the_background_is_never_so_high_that_nothing_is_above_it() -> None:
    assert measure(SkewedEmbedder(1000.0)) == HIGHEST


@pytest.mark.parametrize("languages", [{"zh"}, {"en", "zh"}])
def test_it_is_measured_in_the_languages_of_the_model(languages: set[Language]) -> None:
    embedder = SkewedEmbedder(1.0)
    embedder.languages = frozenset(languages)
    assert 0.3 < measure(embedder) < HIGHEST


def test_a_model_without_languages_has_none() -> None:
    embedder = SkewedEmbedder(1.0)
    embedder.languages = frozenset()
    assert (measure(embedder), embedder.calls) == (0.0, 0)


def test_each_generation_is_measured_once() -> None:
    backgrounds, one = Backgrounds(), SkewedEmbedder(1.0)
    assert backgrounds.get(one) == backgrounds.get(one) == measure(SkewedEmbedder(1.0))
    calls = one.calls
    backgrounds.get(one)
    assert one.calls == calls
    assert backgrounds.get(SkewedEmbedder(0.0, generation="other")) < backgrounds.get(one)


def test_after_a_failure_it_is_measured_again() -> None:
    backgrounds, embedder = Backgrounds(), SkewedEmbedder(1.0)
    embedder.fails = True
    with pytest.raises(EmbeddingFailed):
        backgrounds.get(embedder)
    embedder.fails = False
    assert backgrounds.get(embedder) == measure(embedder)


def test_nobody_waits_for_another_model() -> None:
    backgrounds, started, release = Backgrounds(), threading.Event(), threading.Event()

    class SlowEmbedder(SkewedEmbedder):
        def embed_query(self, text: str) -> Vectors:
            started.set()
            release.wait(30)
            return super().embed_query(text)

    quick = SkewedEmbedder(0.5)
    backgrounds.get(quick)
    thread = threading.Thread(target=backgrounds.get, args=(SlowEmbedder(0.5, generation="slow"),))
    thread.start()
    assert started.wait(30)
    assert backgrounds.get(quick) > 0
    assert backgrounds.get(SkewedEmbedder(0.2, generation="third")) >= 0
    assert thread.is_alive()
    release.set()
    thread.join(30)
