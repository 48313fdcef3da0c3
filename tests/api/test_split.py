"""``/api/v1/split``: previews of chunks."""

import asyncio
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi import Request
from fastapi.testclient import TestClient
from starlette.types import Message

from server.container import Container
from server.knowledge_base.preview import Incoming
from server.routes.split import answer
from tests.api.documents import LEAVE_ZH, PUMP_EN
from tests.api.test_bad_input import assert_error, take_snapshot
from tests.conftest import make_settings, open_client, wait_until_ready

TEXT, FILE = "/api/v1/split/text", "/api/v1/split/file"


@pytest.fixture
def client(shared_client: TestClient) -> TestClient:
    """Use one service for all tests here, since none changes anything."""
    return shared_client


@pytest.fixture(autouse=True)
def _unchanged(client: TestClient) -> Iterator[None]:
    """Check that nothing is stored."""
    before = take_snapshot(client)
    yield
    assert take_snapshot(client) == before


def preview_text(client: TestClient, text: str, **more: Any) -> dict[str, Any]:
    answer = client.post(TEXT, json={"text": text, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def preview_file(client: TestClient, name: str, content: bytes, **form: str) -> Any:
    return client.post(FILE, files={"file": (name, content)}, data=form)


@pytest.mark.parametrize(("name", "content"), [("a.docx", b"junk"), ("a.txt", b" ")])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_preview_that_fails_speaks_of_no_adding(
    client: TestClient, name: str, content: bytes, language: str
) -> None:
    answer = client.post(
        FILE, files={"file": (name, content)}, headers={"Accept-Language": language}
    )
    assert answer.status_code == 422
    message = answer.json()["error"]["message"]
    assert "added" not in message
    assert "添加" not in message


def test_the_splitters_to_choose_from_are_named_in_chinese_without_english(
    client: TestClient,
) -> None:
    body = {"text": PUMP_EN, "splitter": "none"}
    answer = client.post(TEXT, json=body, headers={"Accept-Language": "zh"})
    message = answer.json()["error"]["message"]
    assert "、'" in message
    assert " 或 '" in message
    assert " or " not in message


@pytest.mark.parametrize("text", [PUMP_EN, LEAVE_ZH])
def test_a_text_is_cut_as_its_file_would_be(client: TestClient, text: str) -> None:
    of_text = preview_text(client, text, file_name="a.md", chunk_size=60, chunk_overlap=10)
    of_file = preview_file(
        client, "a.md", text.encode(), chunk_size="60", chunk_overlap="10"
    ).json()
    assert of_text == of_file
    assert of_text["total"] == len(of_text["chunks"]) > 1


@pytest.mark.parametrize("name", ["pump.md", "员工手册.md", "食堂.txt"])
def test_a_preview_shows_the_chunks_that_an_upload_has(client: TestClient, name: str) -> None:
    content = client.get(f"/api/v1/knowledge_bases/kb/files/{name}/content").content
    stored = client.get(f"/api/v1/knowledge_bases/kb/files/{name}/chunks").json()
    found = preview_file(client, name, content, knowledge_base="kb").json()
    assert found["chunks"] == [
        {key: value for key, value in chunk.items() if key != "id"} for chunk in stored
    ]


@pytest.mark.parametrize("splitter", ["recursive", "markdown", "sentence", "token", "table"])
def test_every_splitter_can_be_tried(client: TestClient, splitter: str) -> None:
    asked = {"splitter": splitter, "chunk_size": 40, "chunk_overlap": 5}
    found = preview_text(client, LEAVE_ZH, file_name="a.md", **asked)
    assert {key: found[key] for key in asked} == asked
    assert found["title"] == "员工手册"
    assert [chunk["order"] for chunk in found["chunks"]] == list(range(found["total"]))
    assert found["chunks"][-1]["end"] == found["length"]
    assert all(len(chunk["text"]) == chunk["end"] - chunk["start"] for chunk in found["chunks"])


def test_titles_are_shown_among_the_headings(client: TestClient) -> None:
    text = "序言。\n2023年度总结\n" + "本年完成了全部计划。" * 12
    found = preview_text(client, text, chunk_size=60, zh_title_enhance=True)
    assert found["chunks"][-1]["headings"] == ["2023年度总结"]


def test_usual_options_are_those_of_the_settings(client: TestClient) -> None:
    found = preview_text(client, "Some text.")
    usual = (found["splitter"], found["chunk_size"], found["chunk_overlap"])
    assert usual == ("recursive", 500, 100)


def test_some_of_the_chunks_are_shown(client: TestClient) -> None:
    body = {"text": "Some words in a row. " * 200, "chunk_size": 20, "chunk_overlap": 0}
    answer = client.post(TEXT, json=body, params={"offset": 5, "limit": 2}).json()
    assert [chunk["order"] for chunk in answer["chunks"]] == [5, 6]
    assert answer["total"] >= 200
    assert len(client.post(TEXT, json=body).json()["chunks"]) == 100
    assert client.post(TEXT, json=body, params={"offset": 10_000}).json()["chunks"] == []


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": 501}, {"offset": -1}])
def test_a_part_out_of_range_is_refused(client: TestClient, params: dict[str, int]) -> None:
    answer = client.post(TEXT, json={"text": "a"}, params=params)
    assert_error(answer, 422, "invalid_request", next(iter(params)))


@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("program.exe", b"MZ\x90", 415, "unsupported_format"),
        ("empty.txt", b"", 422, "empty_document"),
        ("blank.txt", b"  \n\t \n", 422, "empty_document"),
        ("corrupt.pdf", b"%PDF-1.7 broken", 422, "unreadable_document"),
        ("../x.txt", b"text", 403, "unsafe_name"),
    ],
)
def test_a_bad_file_is_refused_as_an_upload_is(
    client: TestClient, name: str, content: bytes, status: int, code: str
) -> None:
    assert_error(preview_file(client, name, content), status, code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"text": ""}, "empty_document"),
        ({"text": "a", "file_name": "a.docx"}, "unreadable_document"),
        ({"text": "a", "chunk_size": 19}, "invalid_request"),
        ({"text": "a", "chunk_size": 100, "chunk_overlap": 51}, "invalid_request"),
        ({"text": "a", "surprise": 1}, "invalid_request"),
        ({}, "invalid_request"),
    ],
)
def test_a_bad_text_is_refused(client: TestClient, body: dict[str, Any], code: str) -> None:
    assert_error(client.post(TEXT, json=body), 422, code)


def test_an_unknown_knowledge_base_is_not_found(client: TestClient) -> None:
    answer = client.post(TEXT, json={"text": "a", "knowledge_base": "nope"})
    assert_error(answer, 404, "unknown_knowledge_base", "nope")


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    with open_client(make_settings(tmp_path, kb={"max_file_mb": 1})) as client:
        wait_until_ready(client)
        answer = preview_file(client, "big.txt", b"word " * 300_000)
        assert_error(answer, 413, "too_large", "big.txt", "kb.max_file_mb")


def test_nothing_is_left_in_the_temporary_folder(
    client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    preview_text(client, PUMP_EN)
    preview_file(client, "corrupt.pdf", b"%PDF-1.7 broken")
    container: Container = client.app.state.container
    assert not container.knowledge_bases.parsers.busy
    assert list(tmp_path.glob("zhiwen-preview-*")) == []


def test_reading_ends_when_the_client_leaves(container: Container) -> None:
    is_over = threading.Event()

    class Slow(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            is_over.wait(30)
            return super().read(size)

    async def leave() -> Message:
        await asyncio.sleep(0.1)
        return {"type": "http.disconnect"}

    async def ask() -> Any:
        request = Request({"type": "http"}, leave)
        incoming = Incoming("a.txt", Slow(b"text"), None)
        given = await answer(container, request, incoming, {}, (0, 1))
        is_over.set()
        return given

    start = time.monotonic()
    assert asyncio.run(ask()).status_code == 499
    assert time.monotonic() - start < 10
