"""Hostile files come in through the API while others search: nothing stops, nothing leaks."""

import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.crash.api import Api, Folder, running
from tests.e2e.attacks import KNOWN, MIB, attacks

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SECRET = "the secret of the host"
MOST_MIB = 1500  # of the API itself, which reads none of the files


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running(Folder(tmp_path_factory.mktemp("attacks"))) as started:
        yield started


def test_twenty_attacks_are_refused_or_read_while_others_search(api: Api, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    sent = attacks(str(secret))
    assert len(sent) == 20
    for name in ("calm", "kb"):
        assert api.request("POST", "/knowledge_bases", json={"name": name}).status_code == 201
    calm = [("files", ("calm.txt", KNOWN.encode()))]
    assert api.request("POST", "/knowledge_bases/calm/files", files=calm).status_code == 201
    is_done = threading.Event()
    answers: list[int] = []

    def search() -> None:
        while not is_done.is_set():
            body = {"query": "What weighs 3 kilograms?"}
            answer = api.request("POST", "/knowledge_bases/calm/search", json=body)
            hits = answer.json()["hits"] if answer.status_code == 200 else []
            answers.append(answer.status_code if hits else -1)

    searching = threading.Thread(target=search)
    searching.start()
    try:
        files = [("files", (attack.name, attack.content)) for attack in sent]
        answer = api.request("POST", "/knowledge_bases/kb/files", files=files)
    finally:
        is_done.set()
        searching.join()
    assert answer.status_code == 207, answer.text
    outcomes = {
        file["name"]: file["error"] and file["error"]["code"] for file in answer.json()["files"]
    }
    assert outcomes == {attack.name: attack.code for attack in sent}
    assert set(answers) == {200}, answers
    assert len(answers) > 3
    for name, code in outcomes.items():
        if code is None:
            text = api.get(f"/knowledge_bases/kb/files/{name}/text")["text"]
            assert SECRET not in text, name
            assert len(text) < MIB, name
    assert not Path("/tmp/evil.txt").exists()
    assert psutil.Process(api.process.pid).memory_info().rss < MOST_MIB * MIB
