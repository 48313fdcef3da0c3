"""Jobs: progress, outcomes, cancelling, reading again, another model, versions of files."""

import json
import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.api.conftest import upload

KB = "/api/v1/knowledge_bases/kb"
JOBS = "/api/v1/jobs"


def wait_for(client: TestClient, job: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        job = client.get(f"{JOBS}/{job['id']}").json()
        if job["status"] not in ("queued", "running"):
            return job
        time.sleep(0.05)
    raise AssertionError(job)


def send(client: TestClient, files: dict[str, bytes], **form: str) -> Any:
    parts = [("files", item) for item in files.items()]
    return client.post(f"{KB}/files", files=parts, data={"background": "true", **form})


def find(client: TestClient, query: str) -> list[str]:
    hits = client.post(f"{KB}/search", json={"query": query}).json()["hits"]
    return [hit["text"] for hit in hits]


def test_an_upload_in_the_background_is_answered_with_its_job(client: TestClient, kb: str) -> None:
    answer = send(client, {"lamp.txt": b"The lamp has 40 W.", "empty.txt": b" ", "x.exe": b"MZ"})
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{JOBS}/{answer.json()['id']}"
    job = wait_for(client, answer.json())
    assert (job["status"], job["total"], job["done"], job["failed"]) == ("failed", 3, 1, 2)
    codes = {failure["name"]: failure["error"]["code"] for failure in job["failures"]}
    assert codes == {"empty.txt": "empty_document", "x.exe": "unsupported_format"}
    assert "40 W" in find(client, "How many watts has the lamp?")[0]
    files = client.get(f"{JOBS}/{job['id']}/files").json()
    assert [file["status"] for file in files] == ["done", "failed", "failed"]
    only = client.get(f"{JOBS}/{job['id']}/files", params={"status": "done"}).json()
    assert [(file["name"], file["outcome"]) for file in only] == [("lamp.txt", "added")]


def test_an_upload_of_bad_files_only_begins_no_job(client: TestClient, kb: str) -> None:
    before = client.get(JOBS).json()
    answer = send(client, {"x.exe": b"MZ"})
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_format"
    assert [file["error"]["code"] for file in answer.json()["files"]] == ["unsupported_format"]
    assert client.get(JOBS).json() == before


def test_the_events_of_a_job_end_with_what_became_of_it(client: TestClient, kb: str) -> None:
    job = send(client, {f"{n}.txt": f"Text number {n}.".encode() for n in range(5)}).json()
    with client.stream("GET", f"{JOBS}/{job['id']}/events") as answer:
        lines = list(answer.iter_lines())
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert names[-1] == "final"
    assert set(names[:-1]) <= {"progress"}
    last = json.loads([line for line in lines if line.startswith("data: ")][-1][6:])
    assert (last["status"], last["done"], last["queued"]) == ("done", 5, 0)


def test_jobs_are_listed_newest_first(client: TestClient, kb: str) -> None:
    job = wait_for(client, send(client, {"a.txt": b"Some text."}).json())
    assert client.get(JOBS, params={"knowledge_base": "kb"}).json()[0] == job
    assert client.get(JOBS, params={"active": True}).json() == []
    assert client.get(JOBS, params={"knowledge_base": "other"}).status_code == 404
    client.delete(KB)
    client.post("/api/v1/knowledge_bases", json={"name": "kb"})
    assert client.get(JOBS, params={"knowledge_base": "kb"}).json() == []


@pytest.mark.parametrize("path", ["", "/files", "/events"])
def test_an_unknown_job_is_not_found(client: TestClient, path: str) -> None:
    answer = client.get(f"{JOBS}/nothing{path}")
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_job"
    assert client.post(f"{JOBS}/nothing/cancel").status_code == 404


def test_a_cancelled_job_keeps_what_is_done_and_does_no_more(client: TestClient, kb: str) -> None:
    text = ("The pump has a warranty of three years. " * 20_000).encode()
    files = {f"long{n}.txt": str(n).encode() + text for n in range(6)}
    job = send(client, files).json()
    cancelled = client.post(f"{JOBS}/{job['id']}/cancel").json()
    assert cancelled["status"] == "cancelled"
    assert cancelled["queued"] == 0
    listed = {row["name"] for row in client.get(f"{KB}/files").json()}
    done = client.get(f"{JOBS}/{job['id']}/files", params={"status": "done"}).json()
    assert listed & set(files) == {file["name"] for file in done}
    assert client.post(f"{JOBS}/{job['id']}/cancel").json()["status"] == "cancelled"
    assert upload(client, "after.txt", b"The lamp has 40 W.").status_code == 201  # type: ignore[attr-defined]


def test_the_same_bytes_again_are_unchanged(client: TestClient, kb: str) -> None:
    first = upload(client, "lamp.txt", b"The lamp has 40 W.").json()["files"][0]  # type: ignore[attr-defined]
    again = upload(client, "lamp.txt", b"The lamp has 40 W.")
    assert again.status_code == 201  # type: ignore[attr-defined]
    outcome = again.json()["files"][0]  # type: ignore[attr-defined]
    assert (first["outcome"], outcome["outcome"]) == ("added", "unchanged")
    assert outcome["file"] == first["file"]
    other = upload(client, "lamp.txt", b"The lamp has 60 W.")
    assert other.status_code == 409  # type: ignore[attr-defined]


def test_the_same_bytes_under_another_name_are_added_and_said(client: TestClient, kb: str) -> None:
    upload(client, "lamp.txt", b"The lamp has 40 W.")
    copy = upload(client, "copy.txt", b"The lamp has 40 W.").json()["files"][0]  # type: ignore[attr-defined]
    assert (copy["outcome"], copy["same_content_as"]) == ("added", "lamp.txt")


def test_of_two_uploads_of_one_name_the_later_wins(client: TestClient, kb: str) -> None:
    slow = ("The lamp has 40 W. It is a long story. " * 20_000).encode()
    first = send(client, {"lamp.txt": slow}, override="true").json()
    second = send(client, {"lamp.txt": b"The lamp has 60 W."}, override="true").json()
    wait_for(client, first)
    assert wait_for(client, second)["done"] == 1
    assert find(client, "How many watts has the lamp?")[0] == "The lamp has 60 W."


def test_two_files_of_one_name_in_an_upload(client: TestClient, kb: str) -> None:
    parts = [("files", ("lamp.txt", b"The lamp has 40 W.")), ("files", ("lamp.txt", b"Other."))]
    answer = client.post(f"{KB}/files", files=parts)
    assert answer.status_code == 207
    outcomes = answer.json()["files"]
    assert [outcome["outcome"] for outcome in outcomes] == ["added", None]
    assert outcomes[1]["error"]["code"] == "duplicate_file"


def test_all_files_can_be_read_again_with_other_sizes(client: TestClient, kb: str) -> None:
    text = "第一句话说的是水泵。第二句话说的是风扇。第三句话说的是灯。" * 5
    upload(client, "own.txt", text.encode())
    before = client.get(f"{KB}/files").json()
    answer = client.post(f"{KB}/reindex", json={"chunk_size": 40, "chunk_overlap": 0})
    assert answer.status_code == 202
    job = wait_for(client, answer.json())
    assert (job["kind"], job["status"], job["done"]) == ("reindex", "done", len(before))
    chunks = client.get(f"{KB}/files/own.txt/chunks").json()
    assert all(len(chunk["text"]) <= 40 for chunk in chunks)
    assert client.get(KB).json()["chunk_size"] == 40
    assert upload(client, "own.txt", text.encode()).json()["files"][0]["outcome"] == "unchanged"  # type: ignore[attr-defined]
    after = client.get(f"{KB}/files").json()
    assert [(row["sha256"], row["version"]) for row in after] == [
        (row["sha256"], row["version"]) for row in before
    ]


def test_an_empty_knowledge_base_is_read_again_at_once(client: TestClient) -> None:
    client.post("/api/v1/knowledge_bases", json={"name": "kb"})
    job = client.post(f"{KB}/reindex", json={}).json()
    assert (job["status"], job["total"]) == ("done", 0)


@pytest.mark.parametrize("model", ["none", "all-MiniLM-L6-v2"])
def test_a_knowledge_base_changes_over_to_another_model(
    client: TestClient, kb: str, model: str
) -> None:
    job = client.post(f"{KB}/reindex", json={"embedding_model": model}).json()
    assert job["kind"] == "model"
    assert wait_for(client, job)["status"] == "done"
    assert client.get(KB).json()["embedding_model"] == model
    found = client.post(f"{KB}/search", json={"query": "How long is the pump's warranty?"}).json()
    assert found["hits"][0]["file_name"] == "pump.md"
    assert ("dense" in found["hits"][0] or found["trace"]["dense"] == "used") is (model != "none")
    assert upload(client, "lamp.txt", b"The lamp has 40 W.").status_code == 201  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "body",
    [
        {"embedding_model": "hashing"},
        {"embedding_model": "unknown"},
        {"embedding_model": "none", "chunk_size": 100},
        {"chunk_size": 100, "chunk_overlap": 90},
    ],
)
def test_what_cannot_be_done_again_is_refused(
    client: TestClient, kb: str, body: dict[str, Any]
) -> None:
    answer = client.post(f"{KB}/reindex", json=body)
    assert answer.status_code == 422
    assert client.get(JOBS, params={"active": True}).json() == []


def test_earlier_versions_can_be_listed_read_and_restored(client: TestClient, kb: str) -> None:
    for watts in (40, 60, 80):
        upload(client, "lamp.txt", f"The lamp has {watts} W.".encode(), override="true")
    versions = client.get(f"{KB}/files/lamp.txt/versions").json()
    assert [(each["version"], each["is_current"]) for each in versions] == [
        (3, True),
        (2, False),
        (1, False),
    ]
    bytes_of_1 = client.get(f"{KB}/files/lamp.txt/versions/1/content")
    assert bytes_of_1.content == b"The lamp has 40 W."
    restored = client.post(f"{KB}/files/lamp.txt/versions/1/restore")
    assert restored.status_code == 200, restored.text
    assert restored.json()["version"] == 4
    assert client.get(f"{KB}/files/lamp.txt/content").content == b"The lamp has 40 W."
    assert find(client, "How many watts has the lamp?")[0] == "The lamp has 40 W."
    again = client.get(f"{KB}/files/lamp.txt/versions").json()
    assert [each["version"] for each in again] == [4, 3, 2, 1]


def test_reading_a_file_anew_makes_it_no_younger(client: TestClient, kb: str) -> None:
    def updated() -> str:
        files = {file["name"]: file for file in client.get(f"{KB}/files").json()}
        return str(files["lamp.txt"]["updated_at"])

    upload(client, "lamp.txt", b"The lamp has 40 W.")
    before = updated()
    job = client.post(f"{KB}/reindex", json={"chunk_size": 200}).json()
    assert wait_for(client, job)["status"] == "done"
    assert updated() == before
    upload(client, "lamp.txt", b"The lamp has 60 W.", override="true")
    assert updated() > before


def test_only_some_versions_are_kept(client: TestClient, kb: str) -> None:
    for number in range(9):
        upload(client, "lamp.txt", f"Version {number}.".encode(), override="true")
    kept = client.get(f"{KB}/files/lamp.txt/versions").json()
    assert [each["version"] for each in kept] == [9, 8, 7, 6, 5, 4]
    assert client.post(f"{KB}/files/lamp.txt/versions/1/restore").status_code == 404
    gone = client.get(f"{KB}/files/lamp.txt/versions/1/content")
    assert gone.json()["error"]["code"] == "unknown_version"


def test_a_knowledge_base_that_is_deleted_ends_its_jobs(client: TestClient, kb: str) -> None:
    text = ("The pump has a warranty of three years. " * 20_000).encode()
    job = send(client, {f"long{n}.txt": str(n).encode() + text for n in range(4)}).json()
    assert client.delete(KB).status_code == 204
    assert wait_for(client, job)["status"] in ("cancelled", "done")
    assert client.get(KB).status_code == 404
    assert client.post("/api/v1/knowledge_bases", json={"name": "kb"}).status_code == 201
    assert client.get(f"{KB}/files").json() == []


LONG = ("The lamp has 40 W. It is a long story. " * 20_000).encode()


def test_a_reindex_does_not_overtake_an_upload(client: TestClient, kb: str) -> None:
    upload(client, "lamp.txt", b"The lamp has 20 W.")
    newer = send(client, {"lamp.txt": LONG}, override="true").json()
    again = client.post(f"{KB}/reindex", json={}).json()
    wait_for(client, again)
    ended = wait_for(client, newer)
    assert (ended["done"], ended["skipped"]) == (1, 0)
    assert "40 W" in find(client, "How many watts has the lamp?")[0]


def test_the_same_upload_twice_at_once_is_no_conflict(client: TestClient, kb: str) -> None:
    jobs = [send(client, {"lamp.txt": LONG}).json() for _ in range(3)]
    ended = [wait_for(client, job) for job in jobs]
    assert sorted((job["done"], job["skipped"]) for job in ended) == [(0, 1), (0, 1), (1, 0)]


def test_a_deleted_file_does_not_come_back(client: TestClient, kb: str) -> None:
    slow = send(client, {"lamp.txt": LONG}, override="true").json()
    upload(client, "lamp.txt", b"The lamp has 60 W.", override="true")
    assert client.delete(f"{KB}/files/lamp.txt").status_code == 204
    assert wait_for(client, slow)["status"] in ("cancelled", "done", "failed")
    assert "lamp.txt" not in {row["name"] for row in client.get(f"{KB}/files").json()}


def test_the_later_wish_for_a_model_counts(client: TestClient, kb: str) -> None:
    upload(client, "long.txt", LONG)
    change = client.post(f"{KB}/reindex", json={"embedding_model": "all-MiniLM-L6-v2"}).json()
    back = client.post(f"{KB}/reindex", json={"embedding_model": "hashing"})
    assert back.status_code == 202, back.text
    assert wait_for(client, change)["status"] == "cancelled"
    assert wait_for(client, back.json())["status"] == "done"
    assert client.get(KB).json()["embedding_model"] == "hashing"


def test_a_cancelled_upload_leaves_no_bytes(client: TestClient, kb: str) -> None:
    blobs = client.app.state.container.folder.blobs("kb")
    before = set(blobs.iterdir())
    job = send(client, {f"{n}.txt": str(n).encode() + LONG for n in range(4)}).json()
    client.post(f"{JOBS}/{job['id']}/cancel")
    wait_for(client, job)
    done = client.get(f"{JOBS}/{job['id']}/files", params={"status": "done"}).json()
    assert len(set(blobs.iterdir()) - before) == len(done)
