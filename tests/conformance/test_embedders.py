"""Every embedding model keeps the contract of ``Embedder``."""

import numpy as np
import pytest

from embeddings import EMBEDDERS, Embedder

TEXTS = ["The cabinet needs service.", "柜机需要保养。", "", "word " * 2000]


@pytest.fixture(scope="module", params=list(EMBEDDERS))
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    cache = tmp_path_factory.mktemp("models")
    return EMBEDDERS.get(request.param)(cache=cache, batch_size=2, threads=1)


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
