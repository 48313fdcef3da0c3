"""Every embedding model keeps the contract of ``Embedder``."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from configs.model_settings import EmbeddingModelSettings
from embeddings import EMBEDDERS, Embedder, Vectors
from embeddings.checkpoint_embedder import CheckpointEmbedder
from embeddings.interactive import InteractiveProcess
from embeddings.process import EmbeddingProcess
from embeddings.remote import RemoteEmbedder
from tests.embedding_checkpoints import LAYOUTS
from tests.unit.embeddings.vector_service import serving

WAYS = ("direct", "in the process")
TEXTS = ["The cabinet needs service.", "柜机需要保养。", "", "word " * 2000]
CHOICES = [
    *((name, way) for name in EMBEDDERS for way in WAYS),
    *((layout, "checkpoint") for layout in LAYOUTS),
    ("hashing", "remote"),
]


class InProcess:
    """An embedder whose documents go through the embedding process, as in the service."""

    def __init__(self, name: str, cache: Path) -> None:
        self.name = name
        self.local = EMBEDDERS.get(name)(cache=cache, batch_size=2, threads=1)
        self.languages = self.local.languages
        self.dimension = self.local.dimension
        self.generation = self.local.generation
        self.process = EmbeddingProcess(cache=cache, batch_size=2, threads=1, runtime="auto")

    def embed_documents(self, texts: list[str]) -> Vectors:
        return self.process.embed(self.name, texts, self.dimension)

    def embed_query(self, text: str) -> Vectors:
        return self.local.embed_query(text)

    def find_tokens(self, text: str) -> list[int]:
        return list(self.local.find_tokens(text))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def interactive(cache: Path) -> Iterator[InteractiveProcess]:
    process = InteractiveProcess(cache=cache, batch_size=2, threads=1, runtime="auto")
    yield process
    process.close()


@pytest.fixture(scope="module", params=CHOICES, ids="-".join)
def embedder(
    request: pytest.FixtureRequest,
    cache: Path,
    interactive: InteractiveProcess,
    embedding_checkpoint: Callable[[str], Path],
) -> Iterator[Embedder]:
    name, way = request.param
    if way == "direct":
        yield EMBEDDERS.get(name)(cache=cache, batch_size=2, threads=1)
    elif way == "checkpoint":
        # Without its instruction, so that a text and the same text as a question are one.
        wishes = EmbeddingModelSettings(query_instruction="")
        yield CheckpointEmbedder(name, embedding_checkpoint(name), wishes, interactive)
    elif way == "remote":
        with serving() as service:
            remote = RemoteEmbedder(name, EmbeddingModelSettings(), service.url)
            yield remote
            remote.close()
    else:
        chosen = InProcess(name, cache)
        yield chosen
        chosen.process.stop()


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert embedder.embed_documents([]).shape == (0, embedder.dimension)


def test_documents_and_queries_share_a_space(embedder: Embedder) -> None:
    cosine = embedder.embed_documents([TEXTS[0]])[0] @ embedder.embed_query(TEXTS[0])
    assert float(cosine) == pytest.approx(1, abs=1e-3)


def test_documents_are_unit_rows_of_the_promised_shape(embedder: Embedder) -> None:
    vectors = embedder.embed_documents(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), embedder.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-4)


def test_rows_are_in_the_order_of_the_texts(embedder: Embedder) -> None:
    together = embedder.embed_documents(TEXTS)
    alone = np.stack([embedder.embed_documents([text])[0] for text in TEXTS])
    assert np.einsum("ij,ij->i", together, alone) == pytest.approx(np.ones(len(TEXTS)), abs=1e-4)


def test_a_query_is_one_unit_vector(embedder: Embedder) -> None:
    vector = embedder.embed_query("Which part needs service?")
    assert vector.shape == (embedder.dimension,)
    assert float(np.linalg.norm(vector)) == pytest.approx(1, abs=1e-4)


def test_the_same_text_gives_the_same_vector(embedder: Embedder) -> None:
    first, second = embedder.embed_query("again"), embedder.embed_query("again")
    assert (first == second).all()


def test_a_close_text_is_closer_than_a_far_one(embedder: Embedder) -> None:
    query = embedder.embed_query("When is the pump serviced?")
    close, far = embedder.embed_documents(
        ["The pump is serviced when it is noisy.", "Invoices go to the finance team."]
    )
    assert query @ close > query @ far


def test_a_model_says_its_languages_and_generation(embedder: Embedder) -> None:
    assert embedder.languages <= {"en", "zh"}
    assert embedder.generation


def test_tokens_begin_within_the_text_and_in_order(embedder: Embedder) -> None:
    text = "The pump 水泵 is noisy."
    places = list(embedder.find_tokens(text))
    assert places == sorted(places)
    assert places[0] == 0
    assert max(places) < len(text)
    assert len(places) >= 6
