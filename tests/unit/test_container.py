"""Closing a process whose embedding service never answers."""

import asyncio
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from configs.settings import Settings
from server import container as module
from server.container import Container
from server.knowledge_base.ingest import IngestOptions
from server.knowledge_base.submission import Upload
from tests.conftest import make_settings
from tests.unit.embeddings.vector_service import VectorService, serving
from tests.unit.supervisor.conftest import wait_until

OPTIONS = IngestOptions()


@pytest.fixture
def service() -> Iterator[VectorService]:
    with serving() as running:
        yield running


@pytest.fixture
def settings(tmp_path: Path, service: VectorService, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(module, "HANG_UP_AFTER_S", 0.0)
    models = {"small": {"base_url": service.url, "dimension": 256}}
    return make_settings(tmp_path, embedding={"model": "small", "models": models})


@pytest.fixture
def start(settings: Settings, service: VectorService) -> Iterator[Callable[[], Container]]:
    started = []

    def build() -> Container:
        built = Container(settings)
        built.prepare()
        built.readiness.check()
        started.append(built)
        return built

    yield build
    service.speaks.set()
    close(started[-1])


def close(container: Container) -> None:
    asyncio.run(container.close())


def upload(name: str) -> Upload:
    return Upload(name, BytesIO(b"The oil pump is serviced twice a year."))


def test_a_file_that_a_silent_service_held_up_goes_on_at_the_next_start(
    start: Callable[[], Container], service: VectorService
) -> None:
    first = start()
    first.knowledge_bases.create("kb")
    service.speaks.clear()
    job = first.knowledge_bases.submissions.submit("kb", [upload("a.txt")], options=OPTIONS).job
    wait_until(lambda: service.requests)
    close(first)
    assert not service.speaks.is_set()  # it closed although no answer came
    service.speaks.set()
    second = start()
    wait_until(lambda: second.knowledge_bases.list_files("kb"))
    (file,), _ = second.knowledge_bases.outcomes("kb", job.id)
    assert file.status == "done"


def test_closing_does_not_wait_for_a_calibration_by_a_silent_service(
    start: Callable[[], Container], service: VectorService
) -> None:
    container = start()
    container.knowledge_bases.create("kb")
    job = container.knowledge_bases.submissions.submit("kb", [upload("a.txt")], options=OPTIONS)
    job.ended.result()
    service.speaks.clear()  # the calibration begins a little later
    before = len(service.requests)
    wait_until(lambda: len(service.requests) > before)
    close(container)
    assert not service.speaks.is_set()
