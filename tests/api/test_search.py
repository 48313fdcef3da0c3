"""Search by filters and in several knowledge bases; tags; the relevance that is asked for."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlalchemy import update

from server.db.models import FileRow
from tests.api.conftest import upload
from tests.api.test_jobs import wait_for

KB = "/api/v1/knowledge_bases/kb"
QUESTION = "How often is the filter of the pump replaced?"


def search(client: TestClient, **body: Any) -> dict[str, Any]:
    answer = client.post(f"{KB}/search", json={"query": QUESTION, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


def names_of(answer: dict[str, Any]) -> set[str]:
    return {hit["file_name"] for hit in answer["hits"]}


def tag(client: TestClient, name: str, *tags: str) -> Response:
    return client.patch(f"{KB}/files/{name}", json={"tags": list(tags)})


def tags_of(client: TestClient, name: str) -> list[str]:
    listed = client.get(f"{KB}/files").json()
    return next(file["tags"] for file in listed if file["name"] == name)


def test_a_search_finds_only_what_its_filter_lets_pass(client: TestClient, kb: str) -> None:
    upload(client, "old/pump.txt", b"The filter of the old pump is replaced every week.")
    tag(client, "garden.txt", "green")
    for wanted, found in (
        ({"files": ["garden.txt"]}, {"garden.txt"}),
        ({"folders": ["old/"]}, {"old/pump.txt"}),
        ({"tags": ["green", "blue"]}, {"garden.txt"}),
        ({"tags": ["green"], "folders": ["old"]}, set()),
        ({"until": "2020-01-01T00:00:00"}, set()),
        ({}, {"pump.md", "garden.txt", "old/pump.txt"}),
        ({"since": "2020-01-01", "files": []}, {"pump.md", "garden.txt", "old/pump.txt"}),
    ):
        assert names_of(search(client, filter=wanted)) == found, wanted


@pytest.mark.parametrize(
    "moment",
    [
        "2024-05-01T12:00:00",
        "2024-05-01T12:00:00Z",
        "2024-05-01T20:00:00+08:00",
        "2024-05-01T00:30:00-11:30",
    ],
)
def test_times_are_compared_in_utc(client: TestClient, kb: str, moment: str) -> None:
    container = client.app.state.container
    with container.database.write("dates") as session:
        session.execute(update(FileRow).values(updated_at=datetime(2024, 5, 1, 12, tzinfo=UTC)))
    at = search(client, filter={"since": moment, "until": moment})
    assert at["trace"]["knowledge_bases"][0]["chunks_allowed"] > 0
    later = moment.replace("0:00", "0:01")
    assert search(client, filter={"since": later})["hits"] == []


def test_a_filter_that_no_file_fulfils_is_answered_honestly(client: TestClient, kb: str) -> None:
    wanted = {"files": ["missing.txt"]}
    found = search(client, filter=wanted)
    assert (found["hits"], found["covered"]) == ([], False)
    asked = {"question": QUESTION, "knowledge_base": "kb", "stream": False}
    assert client.post("/api/v1/chat", json=asked).json()["mode"] == "extractive"
    refused = client.post("/api/v1/chat", json={**asked, "filter": wanted}).json()
    assert (refused["mode"], refused["grounded"], refused["sources"]) == ("refusal", False, [])


def test_an_answer_rests_on_the_files_of_its_filter(client: TestClient, kb: str) -> None:
    upload(client, "other.txt", b"The filter of the other pump is replaced every 30 days.")
    asked = {"question": QUESTION, "knowledge_base": "kb", "stream": False}
    answer = client.post("/api/v1/chat", json={**asked, "filter": {"files": ["other.txt"]}}).json()
    assert {source["file_name"] for source in answer["sources"]} == {"other.txt"}
    assert "30 days" in answer["answer"]


@pytest.mark.parametrize(
    ("wanted", "param", "words"),
    [
        ({"file": ["a.txt"]}, "filter.file", "is not a known field"),
        ({"files": "a.txt"}, "filter.files", "must be a list"),
        ({"files": ["a"] * 1001}, "filter.files", "at most 1000"),
        ({"files": ["a" * 1001]}, "filter.files.0", "at most 1000 characters"),
        ({"folders": ["/"]}, "filter.folders.0", "must not be blank"),
        ({"tags": [" "]}, "filter.tags.0", "must not be blank"),
        ({"tags": ["a" * 65]}, "filter.tags.0", "at most 64 characters"),
        ({"since": "yesterday"}, "filter.since", "must be a time such as"),
        ({"since": [1]}, "filter.since", "must be a time"),
        ({"since": 1714564800}, "filter.since", "must be a time as text"),
        ({"until": 1.5}, "filter.until", "must be a time as text"),
        ({"since": True}, "filter.since", "must be a time as text"),
        ({"since": "20240501"}, "filter.since", "must be a time such as"),
        ({"until": " -1714564800.5 "}, "filter.until", "must be a time such as"),
        ({"until": "0001-01-01T00:00:00+14:00"}, "filter.until", "outside the calendar"),
        ({"since": "2024-02-01", "until": "2024-01-01"}, "filter", "later than until"),
        ([], "filter", "must be an object"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_filter_that_cannot_be_is_refused(
    shared_client: TestClient, wanted: Any, param: str, words: str
) -> None:
    for path, body in (
        (f"{KB}/search", {"query": QUESTION}),
        ("/api/v1/search", {"query": QUESTION, "knowledge_bases": ["kb"]}),
        ("/api/v1/chat", {"question": QUESTION, "knowledge_base": "kb"}),
    ):
        answer = shared_client.post(path, json={**body, "filter": wanted})
        assert answer.status_code == 422, answer.text
        error = answer.json()["error"]
        assert error["param"] == param
        assert words in error["message"]


def test_several_knowledge_bases_are_searched_as_one(client: TestClient, kb: str) -> None:
    client.post("/api/v1/knowledge_bases", json={"name": "other"})
    text = b"The filter of the other pump is replaced every 30 days."
    upload(client, "other.txt", text, kb="other")
    body = {"query": QUESTION, "knowledge_bases": ["other", "kb"], "top_k": 3}
    found = client.post("/api/v1/search", json=body).json()
    assert found["covered"]
    assert {hit["knowledge_base"] for hit in found["hits"]} == {"kb", "other"}
    assert [hit["number"] for hit in found["hits"]] == [1, 2, 3]
    scores = [hit["score"] for hit in found["hits"]]
    assert scores == sorted(scores, reverse=True)
    urls = {hit["file_name"]: hit["url"] for hit in found["hits"]}
    assert client.get(urls["other.txt"]).content == text
    assert [each["name"] for each in found["trace"]["knowledge_bases"]] == ["other", "kb"]
    only = client.post("/api/v1/search", json={**body, "filter": {"files": ["pump.md"]}}).json()
    assert names_of(only) == {"pump.md"}


def test_one_knowledge_base_has_the_same_answer_by_both_routes(
    shared_client: TestClient,
) -> None:
    one = search(shared_client)
    body = {"query": QUESTION, "knowledge_bases": ["kb"]}
    same = shared_client.post("/api/v1/search", json=body).json()
    assert (same["hits"], same["covered"]) == (one["hits"], one["covered"])


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"knowledge_bases": ["kb", "nope"]}, 404, "nope"),
        ({"knowledge_bases": []}, 422, "at least 1"),
        ({"knowledge_bases": ["kb"] * 101}, 422, "at most 100"),
        ({}, 422, "is missing"),
        ({"knowledge_bases": ["kb"], "query": "?"}, 422, "question"),
        ({"knowledge_bases": ["kb"], "top_k": 0}, 422, "at least 1"),
    ],
    ids=str,
)
def test_a_search_in_several_that_cannot_be_is_refused(
    shared_client: TestClient, body: dict[str, Any], status: int, words: str
) -> None:
    answer = shared_client.post("/api/v1/search", json={"query": QUESTION, **body})
    assert answer.status_code == status
    assert words in answer.json()["error"]["message"]


def test_tags_are_stored_in_one_form_sorted_and_once(client: TestClient, kb: str) -> None:
    answer = tag(client, "员工手册.md", " 制度", "HR", "cafe\u0301", "HR ", "caf\u00e9")
    assert answer.status_code == 200
    assert answer.json()["tags"] == ["HR", "caf\u00e9", "制度"]
    assert tags_of(client, "员工手册.md") == ["HR", "caf\u00e9", "制度"]
    assert tags_of(client, "pump.md") == []
    assert names_of(search(client, filter={"tags": ["cafe\u0301 "]})) <= {"员工手册.md"}
    assert tag(client, "员工手册.md").json()["tags"] == []
    assert tags_of(client, "员工手册.md") == []


def test_tags_change_no_revision(client: TestClient, kb: str) -> None:
    before = client.get(KB).json(), client.get(f"{KB}/files").json()
    tag(client, "pump.md", "wet")
    tag(client, "pump.md")
    assert (client.get(KB).json(), client.get(f"{KB}/files").json()) == before


def test_tags_stay_when_a_file_is_replaced_read_again_or_restored(
    client: TestClient, kb: str
) -> None:
    tag(client, "pump.md", "wet")
    replaced = upload(client, "pump.md", b"Another pump.", override="true").json()
    assert replaced["files"][0]["file"]["tags"] == ["wet"]
    job = client.post(f"{KB}/reindex", json={"chunk_size": 100, "chunk_overlap": 0}).json()
    assert wait_for(client, job)["status"] == "done"
    assert tags_of(client, "pump.md") == ["wet"]
    restored = client.post(f"{KB}/files/pump.md/versions/1/restore")
    assert restored.json()["tags"] == ["wet"]
    client.delete(f"{KB}/files/pump.md")
    upload(client, "pump.md", b"A new pump.")
    assert tags_of(client, "pump.md") == []


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tags": ["a" * 65]}, "tags.0"),
        ({"tags": ["a\nb"]}, "tags.0"),
        ({"tags": ["a\u200bb"]}, "tags.0"),
        ({"tags": ["\ud800"]}, "tags.0"),
        ({"tags": [""]}, "tags.0"),
        ({"tags": [1]}, "tags.0"),
        ({"tags": [str(number) for number in range(51)]}, "tags"),
        ({"tags": None}, "tags"),
        ({}, "tags"),
        ({"tags": [], "title": "x"}, "title"),
    ],
    ids=ascii,
)
def test_tags_that_cannot_be_are_refused(
    shared_client: TestClient, body: dict[str, Any], param: str
) -> None:
    answer = shared_client.patch(
        f"{KB}/files/pump.md",
        content=json.dumps(body),
        headers={"content-type": "application/json", "accept-language": "zh"},
    )
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == param
    assert tags_of(shared_client, "pump.md") == []


def test_a_file_that_is_not_there_cannot_be_tagged(shared_client: TestClient) -> None:
    assert tag(shared_client, "missing.txt", "a").status_code == 404
    assert tag(shared_client, "..%2fpump.md", "a").status_code in (403, 404)
    absent = "/api/v1/knowledge_bases/nope/files/pump.md"
    assert shared_client.patch(absent, json={"tags": []}).status_code == 404


def test_the_information_on_a_knowledge_base_can_be_changed(client: TestClient, kb: str) -> None:
    before = client.get(KB).json()
    changed = client.patch(KB, json={"info": "Pumps and people"})
    assert changed.status_code == 200
    assert changed.json() == {**before, "info": "Pumps and people"} == client.get(KB).json()
    assert client.patch(KB, json={}).json() == changed.json()


def test_the_relevance_that_a_knowledge_base_asks_for_is_kept_and_told(
    client: TestClient, kb: str
) -> None:
    assert client.get(KB).json()["min_relevance"] is None
    found = search(client)
    assert (found["covered"], found["trace"]["needed"]) == (True, 0.5)
    for chosen, is_covered in ((1, False), (0, True)):
        changed = client.patch(KB, json={"min_relevance": chosen}).json()
        assert (changed["min_relevance"], changed["info"]) == (chosen, "")
        found = search(client)
        assert (found["covered"], found["trace"]["needed"]) == (is_covered, chosen)
    (listed,) = client.get("/api/v1/knowledge_bases").json()
    assert listed["min_relevance"] == 0
    client.patch(KB, json={"info": "x"})
    assert client.get(KB).json()["min_relevance"] == 0
    assert client.patch(KB, json={"min_relevance": None}).json()["min_relevance"] is None
    assert search(client)["trace"]["needed"] == 0.5


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"min_relevance": 1.1}, "min_relevance"),
        ({"min_relevance": -0.1}, "min_relevance"),
        ({"min_relevance": "auto"}, "min_relevance"),
        ({"info": None}, "info"),
        ({"info": "x" * 2001}, "info"),
        ({"name": "other"}, "name"),
        ({"embedding_model": "none"}, "embedding_model"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_change_of_a_knowledge_base_that_cannot_be_is_refused(
    shared_client: TestClient, body: dict[str, Any], param: str
) -> None:
    before = shared_client.get(KB).json()
    answer = shared_client.patch(KB, json=body)
    assert answer.status_code == 422
    assert answer.json()["error"]["param"] == param
    assert shared_client.get(KB).json() == before


def test_an_unknown_knowledge_base_cannot_be_changed(shared_client: TestClient) -> None:
    answer = shared_client.patch("/api/v1/knowledge_bases/nope", json={"info": "x"})
    assert answer.status_code == 404
