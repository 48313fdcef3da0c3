"""``/api/v1/knowledge_bases``: create, list, delete; files; search."""

from io import BytesIO

import pytest
from fastapi.testclient import TestClient

from server.errors import UnknownKnowledgeBase
from server.knowledge_base.ingest import IngestOptions
from tests.api.conftest import FILES, upload
from tests.api.documents import PUMP_EN


def test_a_new_knowledge_base_is_listed(client: TestClient) -> None:
    created = client.post("/api/v1/knowledge_bases", json={"name": "产品", "info": "x"})
    assert created.status_code == 201
    assert client.get("/api/v1/knowledge_bases").json() == [created.json()]
    assert created.json()["chunk_size"] == 500


def test_a_name_in_other_capitals_is_taken(client: TestClient) -> None:
    client.post("/api/v1/knowledge_bases", json={"name": "Docs"})
    again = client.post("/api/v1/knowledge_bases", json={"name": "docs"})
    assert again.status_code == 409
    assert again.json()["error"]["code"] == "duplicate_knowledge_base"


def test_an_unknown_embedding_model_is_refused(client: TestClient) -> None:
    answer = client.post("/api/v1/knowledge_bases", json={"name": "a", "embedding_model": "x"})
    assert answer.status_code == 422
    assert "all-MiniLM-L6-v2" in answer.json()["error"]["message"]


def test_a_deleted_knowledge_base_leaves_nothing(client: TestClient, kb: str) -> None:
    assert client.delete(f"/api/v1/knowledge_bases/{kb}").status_code == 204
    assert client.get(f"/api/v1/knowledge_bases/{kb}").status_code == 404
    data = client.app.state.container.folder.root
    assert not (data / kb).exists()
    assert list(data.glob(".cache/api/*/lexical/*")) == []


def test_a_recreated_knowledge_base_is_empty(client: TestClient, kb: str) -> None:
    client.delete(f"/api/v1/knowledge_bases/{kb}")
    client.post("/api/v1/knowledge_bases", json={"name": kb})
    answer = client.post(f"/api/v1/knowledge_bases/{kb}/search", json={"query": "pump warranty"})
    assert answer.json()["hits"] == []
    assert not answer.json()["covered"]


def test_uploaded_files_are_listed_by_name(client: TestClient, kb: str) -> None:
    listed = client.get(f"/api/v1/knowledge_bases/{kb}/files").json()
    assert [file["name"] for file in listed] == sorted(FILES)
    assert all(file["chunks"] >= 1 for file in listed)


def test_a_download_gives_the_uploaded_bytes_and_runs_nothing(client: TestClient, kb: str) -> None:
    answer = client.get(f"/api/v1/knowledge_bases/{kb}/files/pump.md/content")
    assert answer.content == PUMP_EN.encode()
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]


def test_a_file_is_shown_under_its_name_for_people(client: TestClient, kb: str) -> None:
    data = client.app.state.container.folder.root
    assert (data / kb / "content" / "pump.md").read_bytes() == PUMP_EN.encode()


def test_chunks_are_exactly_the_text_at_their_offsets(client: TestClient, kb: str) -> None:
    text = client.get(f"/api/v1/knowledge_bases/{kb}/files/pump.md/text").json()["text"]
    chunks = client.get(f"/api/v1/knowledge_bases/{kb}/files/pump.md/chunks").json()
    assert chunks
    assert all(chunk["text"] == text[chunk["start"] : chunk["end"]] for chunk in chunks)


@pytest.mark.parametrize(
    ("query", "file"),
    [
        ("How long is the pump's warranty?", "pump.md"),
        ("年假有几天？", "员工手册.md"),
        ("周末有晚餐吗", "食堂.txt"),
        ("When should I water basil?", "garden.txt"),
    ],
)
def test_search_finds_the_right_file_first(
    client: TestClient, kb: str, query: str, file: str
) -> None:
    answer = client.post(f"/api/v1/knowledge_bases/{kb}/search", json={"query": query}).json()
    assert answer["hits"][0]["file_name"] == file
    assert answer["covered"]
    scores = [hit["score"] for hit in answer["hits"]]
    assert scores == sorted(scores, reverse=True)


def test_a_replaced_file_is_found_with_its_new_text_only(client: TestClient, kb: str) -> None:
    new = "# Pump manual\n\nThe warranty of the pump is 36 months.\n"
    assert upload(client, "pump.md", new.encode(), kb, override="true").status_code == 201
    hits = client.post(
        f"/api/v1/knowledge_bases/{kb}/search", json={"query": "pump warranty", "top_k": 10}
    ).json()["hits"]
    texts = [hit["text"] for hit in hits if hit["file_name"] == "pump.md"]
    assert any("36 months" in text for text in texts)
    assert not any("24 months" in text for text in texts)


def test_an_existing_file_is_not_replaced_without_leave(client: TestClient, kb: str) -> None:
    answer = upload(client, "pump.md", b"something else entirely", kb)
    assert answer.status_code == 409
    assert answer.json()["error"]["code"] == "duplicate_file"
    content = client.get(f"/api/v1/knowledge_bases/{kb}/files/pump.md/content").content
    assert content == PUMP_EN.encode()


def test_a_deleted_file_is_not_found_any_more(client: TestClient, kb: str) -> None:
    assert client.delete(f"/api/v1/knowledge_bases/{kb}/files/pump.md").status_code == 204
    hits = client.post(
        f"/api/v1/knowledge_bases/{kb}/search", json={"query": "pump warranty", "top_k": 10}
    ).json()["hits"]
    assert all(hit["file_name"] != "pump.md" for hit in hits)
    assert not (client.app.state.container.folder.root / kb / "content" / "pump.md").exists()


def test_names_with_wildcards_are_taken_literally(client: TestClient, kb: str) -> None:
    for name in ("a_b.txt", "axb.txt", "A_b.txt"):
        assert upload(client, name, f"text of {name}".encode(), kb).status_code == 201
    client.delete(f"/api/v1/knowledge_bases/{kb}/files/a_b.txt")
    names = {file["name"] for file in client.get(f"/api/v1/knowledge_bases/{kb}/files").json()}
    assert {"axb.txt", "A_b.txt"} <= names
    assert "a_b.txt" not in names


def test_some_good_and_some_bad_files_are_told_apart(client: TestClient, kb: str) -> None:
    files = [("files", ("good.txt", b"good text")), ("files", ("bad.exe", b"MZ"))]
    answer = client.post(f"/api/v1/knowledge_bases/{kb}/files", files=files)
    assert answer.status_code == 207
    good, bad = answer.json()["files"]
    assert good["error"] is None
    assert bad["error"]["code"] == "unsupported_format"


def test_an_overlap_that_leaves_no_room_is_refused(client: TestClient, kb: str) -> None:
    answer = upload(client, "a.txt", b"some text", kb, chunk_size="40", chunk_overlap="30")
    assert answer.status_code == 422
    assert "at most half" in answer.json()["error"]["message"]
    body = {"name": "other", "chunk_size": 100, "chunk_overlap": 80}
    assert client.post("/api/v1/knowledge_bases", json=body).status_code == 422


def test_a_file_that_cannot_be_shown_in_content_is_safe_all_the_same(
    client: TestClient, kb: str
) -> None:
    assert upload(client, "folder.txt", b"a file", kb).status_code == 201
    assert upload(client, "folder.txt/inside.txt", b"The lamp has 40 W.", kb).status_code == 201
    body = {"query": "How many watts has the lamp?"}
    hits = client.post(f"/api/v1/knowledge_bases/{kb}/search", json=body).json()["hits"]
    assert hits[0]["file_name"] == "folder.txt/inside.txt"


def test_an_upload_into_a_deleted_knowledge_base_does_not_reach_its_successor(
    client: TestClient, kb: str
) -> None:
    service = client.app.state.container.knowledge_bases

    class Slow(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() == 0:  # the upload has begun
                service.delete(kb)
                service.create(kb)
            return super().read(size)

    with pytest.raises(UnknownKnowledgeBase):
        service.add_file(kb, "a.txt", Slow(b"some text"), options=IngestOptions())
    assert service.list_files(kb) == []


def test_a_file_can_be_split_its_own_way(client: TestClient, kb: str) -> None:
    text = "第一句话说的是水泵。第二句话说的是风扇。第三句话说的是灯。" * 5
    answer = upload(client, "own.txt", text.encode(), kb, chunk_size="40", chunk_overlap="0")
    assert answer.status_code == 201
    chunks = client.get(f"/api/v1/knowledge_bases/{kb}/files/own.txt/chunks").json()
    assert len(chunks) > 3
    assert all(len(chunk["text"]) <= 40 for chunk in chunks)


@pytest.mark.parametrize(
    ("start", "end", "part"),
    [(0, 3, "甲乙丙"), (2, 5, "丙😀d"), (4, None, "d"), (5, 9, ""), (3, 1, "")],
)
def test_a_part_of_a_text_can_be_asked_for(
    client: TestClient, kb: str, start: int, end: int | None, part: str
) -> None:
    upload(client, "part.txt", "甲乙丙😀d".encode(), kb)
    url = f"/api/v1/knowledge_bases/{kb}/files/part.txt/text"
    params = {"start": start} | ({} if end is None else {"end": end})
    answer = client.get(url, params=params).json()
    assert (answer["text"], answer["start"], answer["length"]) == (part, start, 5)


def test_some_chunks_of_a_file_can_be_asked_for(client: TestClient, kb: str) -> None:
    upload(client, "own.txt", "一句话。".encode() * 60, kb, chunk_size="40", chunk_overlap="0")
    url = f"/api/v1/knowledge_bases/{kb}/files/own.txt/chunks"
    whole = client.get(url).json()
    assert client.get(url, params={"offset": 2, "limit": 2}).json() == whole[2:4]
    assert client.get(url, params={"offset": len(whole), "limit": 2}).json() == []


@pytest.mark.parametrize("params", [{"start": -1}, {"end": "x"}, {"start": 2**40}])
def test_a_part_that_cannot_be_is_refused(
    client: TestClient, kb: str, params: dict[str, object]
) -> None:
    answer = client.get(f"/api/v1/knowledge_bases/{kb}/files/pump.md/text", params=params)
    assert answer.status_code == 422


@pytest.mark.parametrize(
    ("encoding", "kind"), [("utf-8", "text/plain; charset=utf-8"), ("gb18030", "text/plain")]
)
def test_a_download_claims_no_encoding_that_it_has_not(
    client: TestClient, kb: str, encoding: str, kind: str
) -> None:
    upload(client, "编码.txt", ("二号锅炉的压力是三兆帕。" * 3000).encode(encoding), kb)
    answer = client.get(f"/api/v1/knowledge_bases/{kb}/files/编码.txt/content")
    assert answer.headers["content-type"] == kind
