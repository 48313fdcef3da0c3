"""A service with vectors: its documented format, its refusals, its pauses."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from configs.model_settings import EmbeddingModelSettings
from embeddings import remote
from embeddings.remote import BATCH, FOR_PEOPLE, Patience, RemoteEmbedder
from server.errors import EmbeddingFailed
from tests.unit.embeddings.vector_service import VECTORS, VectorService, serving
from tests.unit.supervisor.conftest import wait_until

NOW = {"Retry-After": "0"}
KEY = "sk-key-of-the-tests"


@pytest.fixture
def service() -> Iterator[VectorService]:
    with serving() as running:
        yield running


@pytest.fixture
def make(service: VectorService) -> Iterator[object]:
    made = []

    def build(name: str = "small", **wishes: object) -> RemoteEmbedder:
        chosen = EmbeddingModelSettings.model_validate({"api_key": KEY, **wishes})
        made.append(RemoteEmbedder(name, chosen, service.url))
        return made[-1]

    yield build
    for embedder in made:
        embedder.close()


def test_many_texts_go_in_batches_and_come_back_in_order(make, service: VectorService) -> None:
    texts = [f"text {number}" for number in range(2 * BATCH + 3)]
    assert make(dimension=256).embed_documents(texts) == pytest.approx(
        VECTORS.embed_documents(texts), abs=1e-6
    )
    assert [len(body["input"]) for body in service.requests] == [BATCH, BATCH, 3]


def test_it_sends_key_and_model(make, service: VectorService) -> None:
    make(model="big", dimension=256).embed_query("the pump")
    assert service.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert service.requests == [{"model": "big", "input": ["the pump"], "encoding_format": "float"}]


def test_the_dimension_is_asked_for_once(make, service: VectorService) -> None:
    embedder = make()
    assert (embedder.dimension, embedder.dimension) == (256, 256)
    assert len(service.requests) == 1


@pytest.mark.parametrize("name", ["text-embedding-ada-002", "text-embedding-3-large"])
def test_what_is_published_needs_no_question(make, service: VectorService, name: str) -> None:
    assert make(name).dimension in (1536, 3072)
    assert make(name).languages == {"en", "zh"}
    assert service.requests == []


def test_instructions_stand_before_texts(make, service: VectorService) -> None:
    embedder = make("bge-large-zh-v1.5", dimension=256, document_instruction="文：")
    embedder.embed_query("水泵")
    embedder.embed_documents(["柜机"])
    sent = [body["input"] for body in service.requests]
    assert sent == [["为这个句子生成表示以用于检索相关文章：水泵"], ["文：柜机"]]


def test_an_empty_text_is_never_sent(make, service: VectorService) -> None:
    make(dimension=256).embed_documents(["", " \n", "x"])
    assert service.requests[0]["input"] == [".", ".", "x"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_service_is_asked_again(make, service: VectorService, status: int) -> None:
    service.troubles = [(status, NOW, "busy"), (status, NOW, "busy")]
    assert make(dimension=256).embed_files(["x"]).shape == (1, 256)
    assert len(service.requests) == 3


@pytest.mark.parametrize("ask", ["embed_query", "embed_documents"])
def test_a_person_does_not_wait_long_for_a_busy_service(
    make, service: VectorService, ask: str
) -> None:
    service.troubles = [(503, NOW, "busy")] * 5
    with pytest.raises(EmbeddingFailed, match="HTTP 503: busy"):
        getattr(make(dimension=256), ask)(["x"] if ask == "embed_documents" else "x")
    assert len(service.requests) == FOR_PEOPLE.tries


def test_a_person_does_not_wait_long_for_a_silent_service(
    make, service: VectorService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "FOR_PEOPLE", Patience(tries=2, timeout_s=0.2))
    service.speaks.clear()
    with pytest.raises(EmbeddingFailed, match=r"sent nothing for 0\.2 s"):
        make(dimension=256).embed_query("x")
    assert len(service.requests) == 2


@pytest.mark.parametrize("ask", ["embed_query", "embed_files"])
def test_closing_ends_the_wait_for_a_silent_service(make, service: VectorService, ask: str) -> None:
    service.speaks.clear()
    embedder = make(dimension=256)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(getattr(embedder, ask), ["x"] if ask == "embed_files" else "x")
        wait_until(lambda: service.requests)
        embedder.close()
        with pytest.raises(EmbeddingFailed, match="stopping"):
            asked.result()
    assert not service.speaks.is_set()  # it ended although no answer came


def test_a_refusal_is_told_at_once_without_the_key(make, service: VectorService) -> None:
    service.troubles = [(401, {}, f'{{"error": {{"message": "Incorrect API key: {KEY}."}}}}')]
    with pytest.raises(EmbeddingFailed, match=r"HTTP 401: Incorrect API key: …\.") as caught:
        make(dimension=256).embed_documents(["x"])
    assert KEY not in str(caught.value)
    assert len(service.requests) == 1


def test_a_long_message_does_not_show_a_part_of_the_key(make, service: VectorService) -> None:
    service.troubles = [(401, {}, "x" * 290 + KEY)]
    with pytest.raises(EmbeddingFailed) as caught:
        make(dimension=256).embed_documents(["x"])
    assert KEY[:5] not in str(caught.value)


def test_the_log_does_not_show_the_key(
    make, service: VectorService, caplog: pytest.LogCaptureFixture
) -> None:
    service.troubles = [(503, NOW, f"busy; you sent Bearer {KEY}")]
    with caplog.at_level(logging.INFO):
        make(dimension=256).embed_query("x")
    assert "you sent Bearer …" in caplog.text
    assert KEY not in caplog.text


def entry(index: float, values: list[object]) -> dict[str, object]:
    return {"index": index, "embedding": values}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"data": []}, "no vectors for 2 texts"),
        ({"data": [entry(0, [1.0])]}, "no vectors for 2 texts"),
        ({"data": [entry(0, [1.0]), entry(0, [1.0])]}, "no vectors for 2 texts"),
        ({"data": [entry(0, [1.0]), entry(1, [1.0, 2.0])]}, "no vectors for 2 texts"),
        ({"data": [entry(0, [1.0]), entry(1, ["x"])]}, "no vectors for 2 texts"),
        ({"data": [entry(0, [1.0]), entry(float("inf"), [1.0])]}, "no vectors for 2 texts"),
        ({"data": "AAAA"}, "no vectors for 2 texts"),
        ({"vectors": 1}, "no vectors for 2 texts"),
        ({"data": [entry(0, []), entry(1, [])]}, "no vectors for 2 texts"),
        ({"data": [entry(0, [0.0]), entry(1, [1.0])]}, "no direction"),
        ({"data": [entry(0, [float("nan")]), entry(1, [1.0])]}, "no direction"),
        ({"data": [entry(0, [1.0]), entry(1, [1.0])]}, "1 dimensions, not 256"),
    ],
)
def test_an_answer_that_is_no_answer_is_refused(
    make, service: VectorService, answer: dict[str, object], reason: str
) -> None:
    service.answer = answer
    with pytest.raises(EmbeddingFailed, match=reason):
        make(dimension=256).embed_documents(["x", "y"])


def test_a_service_that_is_not_there_is_an_error() -> None:
    with serving() as gone:
        url = gone.url
    embedder = RemoteEmbedder("small", EmbeddingModelSettings(), url)
    with pytest.raises(EmbeddingFailed, match="cannot be reached"):
        embedder.embed_query("x")
    embedder.close()


@pytest.mark.parametrize("host", ["a" * 64, "host:abc"])
def test_an_address_that_cannot_be_is_an_error_at_once(host: str) -> None:
    embedder = RemoteEmbedder("small", EmbeddingModelSettings(), f"http://{host}/v1")
    with pytest.raises(EmbeddingFailed, match="the address is wrong"):
        embedder.embed_documents(["x"])
    embedder.close()


def test_a_proxy_is_not_asked_for_this_machine(
    make, service: VectorService, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert make().embed_query("x").shape == (256,)


def test_a_closed_one_asks_nobody(make, service: VectorService) -> None:
    embedder = make(dimension=256)
    embedder.embed_query("x")
    embedder.close()
    with pytest.raises(EmbeddingFailed, match="stopping"):
        embedder.embed_query("y")
    assert len(service.requests) == 1


def test_the_generation_is_that_of_the_place_and_the_model(make) -> None:
    generations = {
        make("a").generation,
        make("a", model="b").generation,
        make("a", document_instruction="d: ").generation,
    }
    assert len(generations) == 3
    assert make("b").generation == make("a", model="b").generation


def test_the_vectors_are_unit_rows(make) -> None:
    rows = make().embed_documents(["one", "two"])
    assert np.linalg.norm(rows, axis=1) == pytest.approx(np.ones(2), abs=1e-6)
