"""The splitter as an option of knowledge bases, uploads and re-indexing."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import upload
from tests.api.test_jobs import wait_for

KBS = "/api/v1/knowledge_bases"
BODY = "员工应当遵守考勤制度，按时上下班，不得迟到早退。" * 3
TITLED = f"引言。\n2023年度总结\n{BODY}\n{BODY}".encode()
SECTIONS = "".join(f"## {title}\n\n{BODY}\n\n" for title in "甲乙丙").encode()


def make(client: TestClient, **options: Any) -> dict[str, Any]:
    answer = client.post(KBS, json={"name": "kb", **options})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def put(client: TestClient, name: str, content: bytes, **form: str) -> dict[str, Any]:
    answer: Any = upload(client, name, content, **form)
    assert answer.status_code == 201, answer.text
    file: dict[str, Any] = answer.json()["files"][0]
    return file


def chunks(client: TestClient, name: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = client.get(f"{KBS}/kb/files/{name}/chunks").json()
    text = client.get(f"{KBS}/kb/files/{name}/text").json()["text"]
    assert all(text[chunk["start"] : chunk["end"]] == chunk["text"] for chunk in listed)
    return listed


def test_a_knowledge_base_has_the_splitter_of_the_settings(client: TestClient) -> None:
    made = make(client)
    assert (made["splitter"], made["zh_title_enhance"]) == ("recursive", False)


def test_the_splitter_of_a_knowledge_base_cuts_its_files(client: TestClient) -> None:
    assert make(client, splitter="markdown")["splitter"] == "markdown"
    put(client, "a.md", SECTIONS)
    assert [chunk["text"][0] for chunk in chunks(client, "a.md")] == ["甲", "乙", "丙"]


def test_an_upload_may_have_another_splitter(client: TestClient) -> None:
    make(client)
    put(client, "a.md", SECTIONS)
    assert len(chunks(client, "a.md")) == 1
    file = put(client, "a.md", SECTIONS, splitter="markdown", override="true")
    assert file["outcome"] == "replaced"
    assert len(chunks(client, "a.md")) == 3
    again = put(client, "a.md", SECTIONS, splitter="markdown")
    assert again["outcome"] == "unchanged"
    assert client.get(f"{KBS}/kb").json()["splitter"] == "recursive"


def test_reindexing_changes_the_splitter_of_the_knowledge_base(client: TestClient) -> None:
    make(client)
    put(client, "a.md", SECTIONS)
    body = {"splitter": "markdown", "zh_title_enhance": True}
    job = wait_for(client, client.post(f"{KBS}/kb/reindex", json=body).json())
    assert job["status"] == "done"
    assert len(chunks(client, "a.md")) == 3
    kb = client.get(f"{KBS}/kb").json()
    assert (kb["splitter"], kb["zh_title_enhance"]) == ("markdown", True)
    assert put(client, "a.md", SECTIONS)["outcome"] == "unchanged"


def test_a_model_and_a_splitter_are_not_changed_at_once(client: TestClient) -> None:
    make(client)
    body = {"splitter": "markdown", "embedding_model": "none"}
    assert client.post(f"{KBS}/kb/reindex", json=body).status_code == 422


def test_a_restored_version_is_cut_as_the_file_is_now(client: TestClient) -> None:
    make(client)
    put(client, "a.md", SECTIONS)
    put(client, "a.md", b"# Other", splitter="markdown", override="true")
    restored = client.post(f"{KBS}/kb/files/a.md/versions/1/restore")
    assert restored.status_code == 200, restored.text
    assert len(chunks(client, "a.md")) == 3


def test_tokens_are_counted_as_the_model_of_the_knowledge_base_does(client: TestClient) -> None:
    make(client, splitter="token", chunk_size=20, chunk_overlap=0, embedding_model="none")
    put(client, "a.txt", b"word " * 100)
    assert [len(chunk["text"].split()) for chunk in chunks(client, "a.txt")][:4] == [20] * 4


@pytest.mark.parametrize("interface", ["create", "upload", "reindex", "old upload", "preview"])
def test_an_unknown_splitter_is_refused_with_those_that_are_known(
    client: TestClient, kb: str, interface: str
) -> None:
    asked = {"splitter": "magic"}
    files = {"files": ("a.txt", b"text")}
    answer = {
        "create": lambda: client.post(KBS, json={"name": "new", **asked}),
        "upload": lambda: upload(client, "a.txt", b"text", **asked),
        "reindex": lambda: client.post(f"{KBS}/{kb}/reindex", json=asked),
        "old upload": lambda: client.post(
            "/knowledge_base/upload_docs",
            files=files,
            data={"knowledge_base_name": kb, **asked},
        ),
        "preview": lambda: client.post("/api/v1/split/text", json={"text": "a", **asked}),
    }[interface]()
    assert answer.status_code == 422
    assert all(word in answer.text for word in ("splitter", "recursive", "table"))


@pytest.mark.parametrize("asked", ["true", "True", "1"])
def test_old_uploads_may_ask_for_chinese_titles(client: TestClient, asked: str) -> None:
    make(client)
    form = {"knowledge_base_name": "kb", "zh_title_enhance": asked, "chunk_size": "80"}
    answer = client.post(
        "/knowledge_base/upload_docs", files={"files": ("a.txt", TITLED)}, data=form
    )
    assert answer.json()["code"] == 200, answer.text
    found = chunks(client, "a.txt")
    assert len(found) > 1
    assert found[-1]["headings"] == ["2023年度总结"]


def test_titles_are_left_alone_when_nobody_asks(client: TestClient) -> None:
    make(client)
    put(client, "a.txt", TITLED, chunk_size="80")
    assert {tuple(chunk["headings"]) for chunk in chunks(client, "a.txt")} == {()}
