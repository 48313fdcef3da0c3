"""The main job with real processes: upload, ask, cite, and nothing lost when it is killed."""

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.documents import LEAVE_ZH, PUMP_EN
from tests.api.events import read_events
from tests.e2e.processes import (
    READY_WITHIN_S,
    Place,
    Started,
    is_ready,
    new_place,
    started,
    wait_until,
)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = new_place(tmp_path_factory.mktemp("main-job"))
    (made.folder / "zhiwen.yaml").write_text("kb: {create_samples: false}")
    return made


@pytest.fixture(scope="module")
def service(place: Place) -> Iterator[Started]:
    with started(place, "--api") as running:
        assert post(place, "/api/v1/knowledge_bases", json={"name": "kb"}).status_code == 201
        files = [
            ("files", ("pump.md", PUMP_EN.encode())),
            ("files", ("员工手册.md", LEAVE_ZH.encode("utf-8"))),
        ]
        assert post(place, "/api/v1/knowledge_bases/kb/files", files=files).status_code == 201
        yield running


def post(place: Place, path: str, **options: Any) -> httpx.Response:
    return httpx.post(f"{place.url}{path}", trust_env=False, timeout=60, **options)


def ask(place: Place, question: str, **more: Any) -> httpx.Response:
    return post(place, "/api/v1/chat", json={"question": question, "knowledge_base": "kb", **more})


@pytest.mark.usefixtures("service")
@pytest.mark.parametrize(
    ("question", "words", "file"),
    [
        ("How long is the warranty of the pump?", "24 months", "pump.md"),
        ("员工满一年后有几天年假？", "10 天", "员工手册.md"),
    ],
)
def test_a_question_gets_a_streamed_cited_answer(
    place: Place, question: str, words: str, file: str
) -> None:
    events = read_events(ask(place, question))
    assert events[0][0] == "sources"
    sources = events[0][1]["sources"]
    final = events[-1][1]
    assert words in final["answer"]
    assert final["grounded"]
    cited = next(source for source in sources if f"[{source['number']}]" in final["answer"])
    assert cited["file_name"] == file


@pytest.mark.usefixtures("service")
def test_a_question_about_something_else_is_refused(place: Place) -> None:
    answer = ask(place, "Who painted the ceiling of the Sistine Chapel?", stream=False).json()
    assert answer["mode"] == "refusal"


def test_what_was_acknowledged_is_found_after_a_kill(place: Place, service: Started) -> None:
    files = {"files": ("valve.txt", b"The valve V-9 opens at 3 bar and closes at 2 bar.")}
    uploaded = post(place, "/api/v1/knowledge_bases/kb/files", files=files)
    assert uploaded.status_code == 201
    killed = service.pid_of("api")
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: service.pid_of("api") not in (0, killed), READY_WITHIN_S, "another api")
    wait_until(lambda: is_ready(place), READY_WITHIN_S, "ready again")
    answer = ask(place, "At how many bar does the valve V-9 open?", stream=False).json()
    assert "3 bar" in answer["answer"]
    assert answer["sources"][0]["file_name"] == "valve.txt"


def test_caches_can_be_deleted(tmp_path: Path) -> None:
    place = new_place(tmp_path)
    (place.folder / "zhiwen.yaml").write_text("kb: {create_samples: false}")
    with started(place, "--api"):
        post(place, "/api/v1/knowledge_bases", json={"name": "kb"})
        post(place, "/api/v1/knowledge_bases/kb/files", files={"files": ("p.md", PUMP_EN)})
    shutil.rmtree(place.data / ".cache")
    with started(place, "--api"):
        answer = ask(place, "How long is the warranty of the pump?", stream=False).json()
    assert "24 months" in answer["answer"]
