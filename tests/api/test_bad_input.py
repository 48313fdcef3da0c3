"""Bad input: the right status, a message that helps, and nothing changed."""

import json
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from server.container import Container
from tests.api.conftest import upload
from tests.conftest import make_settings, open_client, wait_until_ready

JSON = {"content-type": "application/json"}
BAD_NAMES = [
    "../x.txt",
    "/etc/x.txt",
    "..%2fx.txt",
    "..\\x.txt",
    "．．／x.txt",
    "x" * 300 + ".txt",
    "a//b.txt",
    "con.txt",
]


@pytest.fixture
def client(shared_client: TestClient) -> TestClient:
    """Use one service for all tests here, since none changes anything."""
    return shared_client


@pytest.fixture
def kb() -> str:
    return "kb"


def take_snapshot(client: TestClient) -> Any:
    """Return all rows and all files but logs of the database."""
    container: Container = client.app.state.container
    with container.database.engine.connect() as connection:
        rows = {
            table: connection.execute(text(f"SELECT * FROM {table}")).fetchall()
            for table in ("knowledge_base", "file", "chunk", "vector", "change", "message")
        }
    root: Path = container.folder.root
    files = {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith("zhiwen.db") and ".cache" not in str(path)
    }
    return [[*map(strip_calibration, rows["knowledge_base"])], rows | {"knowledge_base": 0}, files]


def strip_calibration(row: Any) -> Any:
    """Return a knowledge base without what the background may learn meanwhile."""
    return [value for name, value in row._mapping.items() if name != "calibration"]


@pytest.fixture
def unchanged(client: TestClient) -> Any:
    """Check after the test that neither SQL nor the disk has changed."""
    before = take_snapshot(client)
    yield
    assert take_snapshot(client) == before


def assert_error(answer: Any, status: int, code: str, *words: str) -> None:
    assert answer.status_code == status, answer.text
    body = answer.json()
    error = body["error"] if "error" in body else {"message": body["msg"], "code": code}
    assert error["code"] == code
    assert all(word in error["message"] for word in words), error["message"]
    assert "Traceback" not in answer.text


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("name", BAD_NAMES)
def test_upload_rejects_a_name_that_leaves_the_kb(client: TestClient, name: str) -> None:
    answer = upload(client, name, b"some text")
    assert answer.status_code in (403, 422)
    assert answer.json()["error"]["code"] in ("unsafe_name", "invalid_name")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("name", BAD_NAMES)
def test_legacy_upload_rejects_a_name_that_leaves_the_kb(client: TestClient, name: str) -> None:
    answer = client.post(
        "/knowledge_base/upload_docs",
        files={"files": (name, b"some text")},
        data={"knowledge_base_name": "kb"},
    )
    assert answer.status_code in (403, 422)
    assert answer.json()["code"] == answer.status_code
    assert len(answer.json()["data"]["failed_files"]) == 1


@pytest.mark.usefixtures("unchanged")
def test_a_nul_in_a_multipart_name_is_refused(client: TestClient) -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="files"; filename="a\0b.txt"\r\n\r\n'
        b"text\r\n--b--\r\n"
    )
    answer = client.post(
        "/api/v1/knowledge_bases/kb/files",
        content=body,
        headers={"content-type": "multipart/form-data; boundary=b"},
    )
    assert 400 <= answer.status_code < 500


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "name",
    ["../kb2", "/abs", "a/b", "..", "..%2fevil", "x" * 300, "", " ", "．．／x", "a\\b", "a\0"],
)
def test_a_bad_kb_name_is_refused_in_both_interfaces(client: TestClient, name: str) -> None:
    native = client.post("/api/v1/knowledge_bases", json={"name": name})
    assert native.status_code in (403, 422)
    legacy = client.post(
        "/knowledge_base/create_knowledge_base", json={"knowledge_base_name": name}
    )
    assert legacy.status_code == legacy.json()["code"]
    assert legacy.status_code in (403, 404, 422)


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("name", "content", "status", "code"),
    [
        ("program.exe", b"MZ\x90", 415, "unsupported_format"),
        ("noextension", b"text", 415, "unsupported_format"),
        ("empty.txt", b"", 422, "empty_document"),
        ("blank.txt", b"  \n\t \n", 422, "empty_document"),
        ("corrupt.pdf", b"%PDF-1.7 broken", 422, "unreadable_document"),
        ("corrupt.docx", b"PK\x03\x04 broken", 422, "unreadable_document"),
        ("notreally.pdf", b"PK\x03\x04" + b"\0" * 50, 422, "unreadable_document"),
        ("program.txt", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff" * 20, 422, "unreadable_document"),
    ],
)
def test_a_bad_file_is_refused_with_a_reason(
    client: TestClient, name: str, content: bytes, status: int, code: str
) -> None:
    assert_error(upload(client, name, content), status, code, name)


def test_a_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    with open_client(make_settings(tmp_path, kb={"max_file_mb": 1})) as client:
        wait_until_ready(client)
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        answer = upload(client, "big.txt", b"word " * 300_000)
        assert_error(answer, 413, "too_large", "big.txt", "1 MiB", "kb.max_file_mb")
        assert client.get("/api/v1/knowledge_bases/kb/files").json() == []


def test_a_request_beyond_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with open_client(make_settings(tmp_path, server={"max_upload_mb": 1})) as client:
        wait_until_ready(client)
        client.post("/api/v1/knowledge_bases", json={"name": "kb"})
        answer = upload(client, "big.txt", b"word " * 600_000)
        assert_error(answer, 413, "too_large", "server.max_upload_mb")


def test_a_body_without_a_length_is_counted_while_it_comes(tmp_path: Path) -> None:
    with open_client(make_settings(tmp_path, server={"max_upload_mb": 1})) as client:
        wait_until_ready(client)
        chunks = (b"x" * 100_000 for _ in range(60))
        answer = client.post("/api/v1/chat", content=chunks)
        assert_error(answer, 413, "too_large")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "path", ["/api/v1/knowledge_bases/nope/files", "/api/v1/knowledge_bases/nope"]
)
def test_an_unknown_knowledge_base_is_not_found(client: TestClient, path: str) -> None:
    assert_error(client.get(path), 404, "unknown_knowledge_base", "nope")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/knowledge_base/search_docs", {"query": "x", "knowledge_base_name": "nope"}),
        ("/chat/knowledge_base_chat", {"query": "x", "knowledge_base_name": "nope"}),
        ("/knowledge_base/delete_docs", {"knowledge_base_name": "nope", "file_names": ["a"]}),
        ("/knowledge_base/delete_knowledge_base", "nope"),
    ],
)
def test_an_unknown_knowledge_base_is_code_404_for_old_clients(
    client: TestClient, path: str, body: Any
) -> None:
    answer = client.post(path, json=body)
    assert answer.status_code == answer.json()["code"] == 404
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("question", ["", "   ", "？！", "\n\t"])
def test_an_empty_question_is_refused(client: TestClient, question: str) -> None:
    search = client.post("/api/v1/knowledge_bases/kb/search", json={"query": question})
    assert_error(search, 422, "empty_question")
    chat = client.post("/api/v1/chat", json={"question": question, "knowledge_base": "kb"})
    assert_error(chat, 422, "empty_question")


@pytest.mark.usefixtures("unchanged")
def test_an_endless_question_is_refused(client: TestClient) -> None:
    body = {"question": "why " * 10_000, "knowledge_base": "kb"}
    assert_error(client.post("/api/v1/chat", json=body), 413, "too_large", "chat.max_question")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("top_k", 0),
        ("top_k", -1),
        ("top_k", 10**9),
        ("top_k", 1.5),
        ("top_k", "3"),
        ("top_k", True),
        ("score_threshold", -1),
        ("score_threshold", 2.5),
        ("score_threshold", float("nan")),
        ("score_threshold", float("inf")),
        ("score_threshold", False),
        ("temperature", float("nan")),
        ("temperature", 1e9),
        ("surprise", 1),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(
    client: TestClient, field: str, value: Any
) -> None:
    body = json.dumps({"question": "pump", "knowledge_base": "kb", field: value})
    answer = client.post("/api/v1/chat", content=body, headers=JSON)
    assert_error(answer, 422, "invalid_request", field)
    assert answer.json()["error"]["param"] == field


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("path", ["/knowledge_base/search_docs", "/chat/knowledge_base_chat"])
@pytest.mark.parametrize(("field", "value"), [("top_k", 0), ("score_threshold", float("nan"))])
def test_old_routes_refuse_a_value_out_of_range(
    client: TestClient, path: str, field: str, value: Any
) -> None:
    body = json.dumps({"query": "pump", "knowledge_base_name": "kb", field: value})
    answer = client.post(path, content=body, headers=JSON)
    assert answer.status_code == answer.json()["code"] == 422
    assert field in answer.json()["msg"]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("body", [b"", b"not json", b"{", b"\xff\xfe", b"[]", b"null", b'"x"'])
def test_a_body_that_is_not_a_json_object_is_refused(client: TestClient, body: bytes) -> None:
    for headers in (JSON, {}):
        answer = client.post("/api/v1/chat", content=body, headers=headers)
        assert_error(answer, 422, "invalid_request")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/v1/chat", {"question": "pump \ud800", "knowledge_base": "kb"}),
        ("/api/v1/chat", {"question": "pump", "knowledge_base": "\ud800"}),
        ("/knowledge_base/search_docs", {"query": "\ud800", "knowledge_base_name": "kb"}),
        ("/knowledge_base/delete_docs", {"knowledge_base_name": "kb", "file_names": ["\ud800"]}),
    ],
)
def test_half_a_character_is_refused(client: TestClient, path: str, body: Any) -> None:
    answer = client.post(path, content=json.dumps(body), headers=JSON)
    assert answer.status_code == 422
    assert "half of a character" in answer.text


@pytest.mark.usefixtures("unchanged")
def test_a_knowledge_base_cannot_take_the_name_of_a_file_of_ours(client: TestClient) -> None:
    answer = client.post("/api/v1/knowledge_bases", json={"name": "zhiwen.db"})
    assert_error(answer, 422, "invalid_name", "data folder")


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("size", ["0", "-1", "19", "1000000000", "x", "NaN"])
def test_a_chunk_size_out_of_range_is_refused(client: TestClient, size: str) -> None:
    answer = upload(client, "a.txt", b"some text", chunk_size=size)
    assert_error(answer, 422, "invalid_request", "chunk_size")


@pytest.mark.usefixtures("unchanged")
def test_a_download_that_leaves_the_kb_is_refused(client: TestClient) -> None:
    for name in ("../../zhiwen.db", "..%2f..%2fzhiwen.db", "/etc/passwd"):
        answer = client.get(
            "/knowledge_base/download_doc",
            params={"knowledge_base_name": "kb", "file_name": name},
        )
        assert answer.status_code == answer.json()["code"] == 403


def test_an_unknown_path_is_told_in_the_shape_of_its_interface(client: TestClient) -> None:
    assert_error(client.get("/api/v1/nope"), 404, "not_found", "/docs")
    assert client.get("/nope").json()["code"] == 404


def test_a_wrong_method_is_told(client: TestClient) -> None:
    assert_error(client.get("/api/v1/chat"), 405, "method_not_allowed", "GET")


@pytest.mark.parametrize(
    ("accept", "word"),
    [("zh-CN,zh;q=0.9", "没有名为"), ("en-US", "There is no"), ("fr", "There is")],
)
def test_errors_speak_the_language_of_the_client(
    client: TestClient, accept: str, word: str
) -> None:
    answer = client.get("/api/v1/knowledge_bases/x", headers={"accept-language": accept})
    assert word in answer.json()["error"]["message"]


def test_old_clients_can_have_status_200_back(tmp_path: Path) -> None:
    with open_client(make_settings(tmp_path, server={"legacy_http_200": True})) as client:
        wait_until_ready(client)
        answer = client.get("/knowledge_base/list_files", params={"knowledge_base_name": "nope"})
        assert (answer.status_code, answer.json()["code"]) == (200, 404)
        assert client.get("/api/v1/knowledge_bases/nope").status_code == 404
