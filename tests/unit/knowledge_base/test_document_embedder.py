"""Texts of many files at once: their own vectors, fair turns, failures that stay where they are."""

import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest

from embeddings import EMBEDDERS
from embeddings.minilm import PACKAGE, locate_model
from embeddings.remote import FOR_FILES
from server.errors import Cancelled, EmbeddingFailed
from server.knowledge_base.document_embedder import PORTION, DocumentEmbedder
from server.knowledge_base.embedders import EmbedderPool
from tests.conftest import make_settings
from tests.unit.embeddings.misbehaving import MODELS, MODULE
from tests.unit.embeddings.vector_service import VECTORS, VectorService, serving
from tests.unit.supervisor.conftest import wait_until

Opener = Callable[..., DocumentEmbedder]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    for name, place in MODELS.items():
        monkeypatch.setitem(EMBEDDERS.places, name, place)
    made = []

    def build(idle_s: float = 30, **models: object) -> DocumentEmbedder:
        chosen = {"idle_s": idle_s, "threads": 1, "models": models}
        settings = make_settings(tmp_path, embedding=chosen)
        pool = EmbedderPool(settings.embedding, tmp_path / "models")
        made.append(DocumentEmbedder(pool, module=MODULE))
        return made[-1]

    yield build
    for documents in made:
        documents.close()


def direct(documents: DocumentEmbedder, model: str, texts: list[str]) -> np.ndarray:
    embedder = documents.pool.get(model)
    assert embedder is not None
    return embedder.embed_documents(texts)


def make_texts(count: int, seed: int) -> list[str]:
    drawn = random.Random(seed)
    return [
        " ".join(drawn.choices(["pump", "oil", "service", "cabinet"], k=drawn.randint(1, 60)))
        for _ in range(count)
    ]


def test_eight_callers_at_once_all_get_their_own_vectors(make: Opener) -> None:
    documents = make()
    files = [make_texts(40 * number + 1, number) for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda texts: documents.embed("hashing", texts), files))
    for texts, vectors in zip(files, found, strict=True):
        assert (vectors == direct(documents, "hashing", texts)).all()


def test_the_default_model_gives_the_same_vectors_in_the_process(make: Opener) -> None:
    documents = make()
    files = [make_texts(30, number) for number in range(3)]
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda texts: documents.embed("all-MiniLM-L6-v2", texts), files))
    for texts, vectors in zip(files, found, strict=True):
        expected = direct(documents, "all-MiniLM-L6-v2", texts)
        # With OpenVINO the process may compute in bfloat16.
        assert (vectors * expected).sum(1) == pytest.approx(np.ones(len(texts)), abs=1e-3)


def test_many_more_callers_than_fit_into_a_portion(make: Opener) -> None:
    documents = make()
    files = [make_texts(20, number) for number in range(40)]
    with ThreadPoolExecutor(40) as threads:
        found = list(threads.map(lambda texts: documents.embed("hashing", texts), files))
    for texts, vectors in zip(files, found, strict=True):
        assert (vectors == direct(documents, "hashing", texts)).all()


def test_progress_is_told_after_each_portion(make: Opener) -> None:
    told: list[int] = []
    make().embed("hashing", make_texts(2 * PORTION + 5, 1), on_progress=told.append)
    assert told[-1] == 2 * PORTION + 5
    assert told == sorted(set(told))


def test_no_texts_need_no_process(make: Opener) -> None:
    documents = make()
    assert documents.embed("hashing", []).shape == (0, 256)
    assert documents.process.pid is None


def test_equal_texts_get_equal_vectors(make: Opener) -> None:
    documents = make()
    texts = ["pump", "oil", "pump", "", "oil"]
    assert (documents.embed("hashing", texts) == direct(documents, "hashing", texts)).all()


@pytest.mark.parametrize("model", ["slow", "hashing"])
def test_a_small_file_does_not_wait_for_a_large_one(make: Opener, model: str) -> None:
    documents = make()
    large_began, small_done = threading.Event(), threading.Event()
    progress: list[int] = []

    def tell(done: int) -> None:
        progress.append(done)
        large_began.set()

    total = 100 * PORTION
    with ThreadPoolExecutor(1) as threads:
        large = threads.submit(
            documents.embed,
            "slow",
            [f"text {number}" for number in range(total)],
            on_progress=tell,
            is_cancelled=small_done.is_set,
        )
        large_began.wait()
        documents.embed(model, ["a small file", "of two texts"])
        small_done.set()
        with pytest.raises(Cancelled):
            large.result()
    assert progress[-1] < total // 2


def test_a_cancelled_caller_stops_waiting_and_the_others_go_on(make: Opener) -> None:
    documents = make()
    cancelled = threading.Event()
    with ThreadPoolExecutor(2) as threads:
        large = threads.submit(
            documents.embed,
            "slow",
            [f"text {number}" for number in range(100_000)],
            on_progress=lambda done: cancelled.set(),
            is_cancelled=cancelled.is_set,
        )
        small = threads.submit(documents.embed, "slow", ["one", "two"])
        with pytest.raises(Cancelled):
            large.result()
        assert len(small.result()) == 2
    assert len(documents.embed("slow", ["after"])) == 1


def test_an_error_of_the_progress_reaches_its_caller_alone(make: Opener) -> None:
    documents = make()

    def fail(done: int) -> None:
        raise RuntimeError("the database is gone")

    with pytest.raises(RuntimeError, match="database is gone"):
        documents.embed("slow", make_texts(3 * PORTION, 1), on_progress=fail)
    assert len(documents.embed("hashing", ["after"])) == 1


def test_a_killed_process_fails_its_texts_and_the_next_ones_get_a_new_one(make: Opener) -> None:
    documents = make()

    def kill(done: int) -> None:
        assert documents.process.pid is not None
        os.kill(documents.process.pid, signal.SIGKILL)

    texts = [f"text {number}" for number in range(40 * PORTION)]
    with pytest.raises(EmbeddingFailed, match="SIGKILL"):
        documents.embed("slow", texts, on_progress=kill)
    assert (documents.embed("slow", ["x"]) == direct(documents, "hashing", ["x"])).all()


@pytest.mark.parametrize("poison", ["fail", "crash"])
def test_a_text_that_fails_the_model_fails_its_own_file_only(make: Opener, poison: str) -> None:
    documents = make()
    files = [[f"file {number} text {text}" for text in range(30)] for number in range(6)]
    files[3][7] = poison
    together = threading.Barrier(len(files) + 1)

    def embed(texts: list[str]) -> np.ndarray:
        together.wait()
        return documents.embed("moody", texts)

    with ThreadPoolExecutor(len(files) + 1) as threads:
        busy = threads.submit(documents.embed, "slow", make_texts(2 * PORTION, 1))
        wanted = [threads.submit(embed, texts) for texts in files]
        together.wait()  # so that they are likely to share a portion, after the busy one
        for number, (future, texts) in enumerate(zip(wanted, files, strict=True)):
            if number == 3:
                with pytest.raises(EmbeddingFailed):
                    future.result()
            else:
                assert (future.result() == direct(documents, "hashing", texts)).all()
        busy.result()


def test_the_process_ends_when_idle_and_comes_back(make: Opener) -> None:
    documents = make(idle_s=0.2)
    documents.embed("hashing", ["one"])
    wait_until(lambda: documents.process.pid is None)
    assert len(documents.embed("hashing", ["two"])) == 1


@pytest.mark.parametrize("idle_s", [0.2, 30])
def test_a_process_that_ends_in_an_odd_way_while_idle_holds_nobody_up(
    make: Opener, idle_s: float
) -> None:
    documents = make(idle_s=idle_s)
    documents.embed("hashing", ["one"])
    pid = documents.process.pid
    assert pid is not None
    os.kill(pid, 40)  # a signal without a name
    if idle_s < 1:
        wait_until(lambda: documents.process.pid is None)
    else:
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert len(documents.embed("hashing", ["two"])) == 1


def test_a_thread_that_cannot_be_started_is_an_error_until_it_can(make: Opener) -> None:
    documents = make()
    usual = threading.stack_size(1 << 46)  # more than there is
    try:
        with pytest.raises(EmbeddingFailed, match="start new thread"):
            documents.embed("hashing", ["one"])
    finally:
        threading.stack_size(usual)
    assert len(documents.embed("hashing", ["two"])) == 1


def test_closing_fails_who_waits_and_ends_everything(make: Opener) -> None:
    documents = make()
    began = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        large = threads.submit(
            documents.embed,
            "slow",
            [f"text {number}" for number in range(40 * PORTION)],
            on_progress=lambda done: began.set(),
        )
        began.wait()
        pid = documents.process.pid
        documents.close()
        with pytest.raises(EmbeddingFailed):
            large.result()
    assert pid is not None
    assert not psutil.pid_exists(pid)
    with pytest.raises(EmbeddingFailed, match="stopping"):
        documents.embed("hashing", ["too late"])


def test_closing_twice_or_unused_is_fine(make: Opener) -> None:
    documents = make()
    documents.close()
    documents.close()


@pytest.fixture
def service() -> Iterator[VectorService]:
    with serving() as running:
        yield running


def described(service: VectorService) -> dict[str, object]:
    return {"base_url": service.url, "dimension": 256}


def test_a_silent_service_holds_up_no_other_model(make: Opener, service: VectorService) -> None:
    with serving() as healthy, ThreadPoolExecutor(1) as threads:
        documents = make(silent=described(service), healthy=described(healthy))
        service.speaks.clear()
        stuck = threads.submit(documents.embed, "silent", ["one"])
        wait_until(lambda: service.requests)
        texts = ["two", "three"]
        for model in ("hashing", "healthy"):
            assert documents.embed(model, texts) == pytest.approx(
                VECTORS.embed_documents(texts), abs=1e-6
            )
        assert not stuck.done()
        service.speaks.set()
        assert stuck.result().shape == (1, 256)


def test_closing_does_not_wait_for_a_silent_service(make: Opener, service: VectorService) -> None:
    documents = make(silent=described(service))
    service.speaks.clear()
    with ThreadPoolExecutor(1) as threads:
        stuck = threads.submit(documents.embed, "silent", ["one"])
        wait_until(lambda: service.requests)
        documents.close()
        with pytest.raises(EmbeddingFailed, match="stopping"):
            stuck.result()
    assert not service.speaks.is_set()  # both ended although no answer came
    service.speaks.set()
    documents.pool.close()


def test_a_busy_service_is_not_asked_for_each_caller_alone(
    make: Opener, service: VectorService
) -> None:
    documents = make(busy=described(service))
    service.speaks.clear()
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(documents.embed, "busy", ["first"])
        wait_until(lambda: service.requests)
        others = [threads.submit(documents.embed, "busy", [str(place)]) for place in range(2)]
        wait_until(lambda: len(documents._remote["busy"].waiting) == 3)
        service.troubles = [(200, {}, '{"data": []}')]
        service.troubles += [(503, {"Retry-After": "0"}, "busy")] * 99
        service.speaks.set()
        for future in (first, *others):
            with pytest.raises(EmbeddingFailed):
                future.result()
    assert len(service.requests) == 1 + FOR_FILES.tries
    documents.pool.close()


@pytest.fixture
def damaged_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a damaged copy of the default model before the installed one, for new processes."""
    folder = tmp_path / "packages" / PACKAGE / "model"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    (folder / "model.safetensors").symlink_to(locate_model() / "model.safetensors")
    (folder / "tokenizer.json").write_text("{}")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "packages"))
    return folder


def test_deadlock_after_a_failed_load(make: Opener, damaged_model: Path) -> None:
    """A failed load is an error for all who wait, holds nobody up, and can be tried again."""
    documents = make()
    with ThreadPoolExecutor(12) as threads:
        broken = [
            threads.submit(documents.embed, "all-MiniLM-L6-v2", [f"text {number}"])
            for number in range(6)
        ]
        healthy = [threads.submit(documents.embed, "hashing", [str(n)]) for n in range(6)]
        for future in broken:
            with pytest.raises(EmbeddingFailed, match="not the published file"):
                future.result()
        assert all(len(future.result()) == 1 for future in healthy)
    pid = documents.process.pid
    shutil.copy(locate_model() / "tokenizer.json", damaged_model / "tokenizer.json")
    assert documents.embed("all-MiniLM-L6-v2", ["repaired"]).shape == (1, 384)
    assert documents.process.pid == pid
