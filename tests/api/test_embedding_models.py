"""An embedding model that knows Chinese, in the service: uploads, questions, refusals."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from configs import ROOT
from tests.api.conftest import fill, upload
from tests.conftest import make_settings, open_client, wait_until_ready
from tests.unit.embeddings.vector_service import serving

SEARCH = "/api/v1/knowledge_bases/kb/search"


@pytest.fixture
def chinese(tmp_path: Path, embedding_checkpoint: Callable[[str], Path]) -> Iterator[TestClient]:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "bge-m3").symlink_to(embedding_checkpoint("xlm-roberta-cls"))
    settings = make_settings(
        tmp_path, embedding={"model": "bge-m3", "root": str(tmp_path / "root"), "threads": 1}
    )
    with open_client(settings) as opened:
        wait_until_ready(opened)
        yield opened


def dense_hits(client: TestClient, question: str) -> list[str]:
    answer = client.post(SEARCH, json={"query": question, "top_k": 5})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    files = {hit["chunk_id"]: hit["file_name"] for hit in found["hits"]}
    return [
        files.get(candidate["chunk_id"], "")
        for candidate in found["trace"]["candidates"]
        if candidate.get("dense") is not None
    ]


@pytest.mark.slow
def test_chinese_files_and_questions_use_the_dense_leg(chinese: TestClient) -> None:
    fill(chinese)
    assert chinese.get("/api/v1/knowledge_bases/kb").json()["languages"] == ["en", "zh"]
    assert "员工手册.md" in dense_hits(chinese, "年休假有几天？")
    assert "pump.md" in dense_hits(chinese, "When is the pump serviced?")


def test_questions_in_a_language_that_it_does_not_know_leave_it_out(client: TestClient) -> None:
    fill(client)
    assert dense_hits(client, "年休假有几天？") == []


def test_a_known_model_without_files_is_refused_in_the_language_of_the_client(
    client: TestClient,
) -> None:
    body = {"name": "a", "embedding_model": "bge-large-zh-v1.5"}
    answer = client.post("/api/v1/knowledge_bases", json=body, headers={"Accept-Language": "zh"})
    assert answer.status_code == 422
    assert "缺少向量模型 'bge-large-zh-v1.5' 的文件" in answer.json()["error"]["message"]


@pytest.mark.parametrize("legacy", [False, True])
def test_a_path_from_a_client_is_refused(
    client: TestClient, embedding_checkpoint: Callable[[str], Path], legacy: bool
) -> None:
    path = str(embedding_checkpoint("bert-mean"))
    if legacy:
        body = {"knowledge_base_name": "a", "embed_model": path}
        answer = client.post("/knowledge_base/create_knowledge_base", json=body)
    else:
        body = {"name": "a", "embedding_model": path}
        answer = client.post("/api/v1/knowledge_bases", json=body)
    assert answer.status_code == 422
    assert "there is no embedding model" in answer.text


def test_a_service_for_vectors_serves_files_and_questions(tmp_path: Path) -> None:
    with serving() as service:
        models = {"small": {"base_url": service.url, "dimension": 256}}
        settings = make_settings(tmp_path, embedding={"model": "small", "models": models})
        with open_client(settings) as opened:
            wait_until_ready(opened)
            fill(opened)
            assert dense_hits(opened, "年休假有几天？")
            service.troubles = [(500, {"Retry-After": "0"}, "broken")] * 99
            failed = upload(opened, "new.txt", b"The oil pump is new.")
            assert "broken" in failed.text
        assert {body["model"] for body in service.requests} == {"small"}


@pytest.mark.slow
def test_the_service_itself_loads_no_torch(
    tmp_path: Path, embedding_checkpoint: Callable[[str], Path]
) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from tests.api.conftest import upload\n"
        "from tests.conftest import make_settings, open_client, wait_until_ready\n"
        "folder, checkpoint = map(Path, sys.argv[1:])\n"
        "models = {'ours': {'path': str(checkpoint), 'languages': ['zh']}}\n"
        "settings = make_settings(folder, embedding={'model': 'ours', 'models': models})\n"
        "with open_client(settings) as client:\n"
        "    wait_until_ready(client)\n"
        "    client.post('/api/v1/knowledge_bases', json={'name': 'kb'}).raise_for_status()\n"
        "    upload(client, 'a.txt', '水泵每年保养一次。'.encode()).raise_for_status()\n"
        "    body = {'query': '水泵多久保养一次？'}\n"
        f"    trace = client.post({SEARCH!r}, json=body).json()['trace']\n"
        "    print([one.get('dense') is not None for one in trace['candidates']])\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), str(embedding_checkpoint("bert-mean"))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.stdout.splitlines() == ["[True]", "[]"], run.stderr
