"""Many clients at once: nothing hangs, nothing fails, and what was acknowledged is there."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest

from tests.crash.api import Api, Folder, running
from tests.crash.documents import marker, markers_in, write_document

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

CLIENTS = 20
SAME_NAME = 8
KBS = ("left", "right")
TURNS = 3  # uploads of each client
PASSING = "passing"  # a knowledge base that comes and goes


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with running(Folder(tmp_path_factory.mktemp("concurrency"))) as started:
        yield started


def create(api: Api, name: str) -> httpx.Response:
    return api.request("POST", "/knowledge_bases", json={"name": name})


def upload(api: Api, kb: str, files: dict[str, bytes], **form: str) -> httpx.Response:
    parts = [("files", (name, content)) for name, content in files.items()]
    return api.request("POST", f"/knowledge_bases/{kb}/files", files=parts, data=form)


def search(api: Api, kb: str, query: str) -> httpx.Response:
    return api.request("POST", f"/knowledge_bases/{kb}/search", json={"query": query})


def ask(api: Api, kb: str, *, is_streamed: bool) -> httpx.Response:
    body = {"question": "What weighs 3 kilograms?", "knowledge_base": kb, "stream": is_streamed}
    return api.request("POST", "/chat", json=body)


def files_of(api: Api, kb: str) -> dict[str, Any]:
    return {file["name"]: file for file in api.get(f"/knowledge_bases/{kb}/files")}


def all_at_once(*work: Callable[[], Any]) -> list[Any]:
    """Do everything in threads that begin together, and return what each returned."""
    barrier = threading.Barrier(len(work))

    def begin(task: Callable[[], Any]) -> Any:
        barrier.wait()
        return task()

    with ThreadPoolExecutor(len(work)) as pool:
        return list(pool.map(begin, work))


class Crowd:
    """Twenty who upload; others who search, chat and delete until the last upload is answered."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.is_done = threading.Event()

    def upload_all(self) -> None:
        try:
            with ThreadPoolExecutor(CLIENTS) as pool:
                list(pool.map(self.upload, range(CLIENTS)))
        finally:
            self.is_done.set()

    def upload(self, client: int) -> None:
        for turn in range(TURNS):
            name = f"{client}-{turn}.md"
            answer = upload(self.api, KBS[client % 2], {name: write_document(name, 1)})
            assert answer.status_code == 201, answer.text
            assert [file["outcome"] for file in answer.json()["files"]] == ["added"]

    def search(self, client: int) -> None:
        while not self.is_done.is_set():
            answer = search(self.api, KBS[client % 2], f"item {client} weighs")
            assert answer.status_code == 200, answer.text

    def create_and_delete(self) -> None:
        while not self.is_done.is_set():
            assert create(self.api, PASSING).status_code == 201
            answer = upload(self.api, PASSING, {"a.md": write_document("a.md", 1)})
            assert answer.status_code == 201, answer.text
            assert ask(self.api, PASSING, is_streamed=False).status_code == 200
            path = f"/knowledge_bases/{PASSING}"
            assert self.api.request("DELETE", path).status_code == 204
            assert self.api.request("GET", path).status_code == 404

    def chat(self, *, is_streamed: bool) -> None:
        while not self.is_done.is_set():
            answer = ask(self.api, PASSING, is_streamed=is_streamed)
            assert answer.status_code in (200, 404), answer.text
            if answer.status_code == 404:
                assert answer.json()["error"]["code"] == "unknown_knowledge_base"
            assert "internal_error" not in answer.text


def test_nothing_is_lost_while_twenty_upload_twenty_search_and_one_deletes(api: Api) -> None:
    for kb in KBS:
        assert create(api, kb).status_code == 201
    crowd = Crowd(api)
    all_at_once(
        crowd.upload_all,
        crowd.create_and_delete,
        partial(crowd.chat, is_streamed=False),
        partial(crowd.chat, is_streamed=True),
        *(partial(crowd.search, client) for client in range(CLIENTS)),
    )
    for side, kb in enumerate(KBS):
        names = {f"{n}-{turn}.md" for n in range(side, CLIENTS, 2) for turn in range(TURNS)}
        files = files_of(api, kb)
        assert set(files) == names
        assert api.get(f"/knowledge_bases/{kb}")["files"] == len(names)
        for name in names:
            listed = api.get(f"/knowledge_bases/{kb}/files/{name}/chunks")
            assert len(listed) == files[name]["chunks"] > 0
            hits = search(api, kb, marker(name, 1)).json()["hits"]
            assert hits[0]["file_name"] == name
            assert marker(name, 1) in hits[0]["text"]
    assert "Traceback" not in api.folder.log.read_text("utf-8")


def test_of_eight_uploads_of_one_name_the_last_one_stays(api: Api) -> None:
    assert create(api, "same").status_code == 201

    def replace(version: int) -> list[str]:
        content = write_document("same.md", version)
        answer = upload(api, "same", {"same.md": content}, override="true")
        assert answer.status_code == 201, answer.text
        return [file["outcome"] for file in answer.json()["files"]]

    for first in (0, SAME_NAME):  # what began after the others were acknowledged is newer
        versions = range(first, first + SAME_NAME)
        tasks = [partial(replace, version) for version in versions]
        outcomes = [outcome for result in all_at_once(*tasks) for outcome in result]
        assert set(outcomes) <= {"added", "replaced", "superseded"}
        assert outcomes.count("added") <= (first == 0)
        files = api.get("/knowledge_bases/same/files")
        assert [file["name"] for file in files] == ["same.md"]
        assert api.get("/knowledge_bases/same")["files"] == 1
        content = api.request("GET", "/knowledge_bases/same/files/same.md/content").content
        assert content in [write_document("same.md", version) for version in versions]

    (mark,) = markers_in(content.decode())
    chunks = api.get("/knowledge_bases/same/files/same.md/chunks")
    assert {found for chunk in chunks for found in markers_in(chunk["text"])} == {mark}
    for version in range(2 * SAME_NAME):
        hits = search(api, "same", marker("same.md", version)).json()["hits"]
        assert {found for hit in hits for found in markers_in(hit["text"])} <= {mark}
    assert search(api, "same", mark).json()["hits"][0]["file_name"] == "same.md"


def test_of_eight_uploads_of_a_new_name_one_is_added_and_the_others_are_told(api: Api) -> None:
    assert create(api, "new").status_code == 201
    tasks = [
        partial(upload, api, "new", {"new.md": write_document("new.md", version)})
        for version in range(SAME_NAME)
    ]
    answers = all_at_once(*tasks)
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (SAME_NAME - 1)
    files = files_of(api, "new")
    (added,) = (answer.json()["files"][0] for answer in answers if answer.status_code == 201)
    assert files["new.md"]["sha256"] == added["file"]["sha256"]


def test_a_bad_file_among_twenty_stops_no_other(api: Api) -> None:
    assert create(api, "mixed").status_code == 201
    files = {f"{number}.md": write_document(f"{number}.md", 1) for number in range(19)}
    answer = upload(api, "mixed", {"bad.pdf": b"%PDF-1.7 this is none", **files})
    assert answer.status_code == 207, answer.text
    results = {file["name"]: file for file in answer.json()["files"]}
    assert results.pop("bad.pdf")["error"]["code"] == "unreadable_document"
    assert {file["outcome"] for file in results.values()} == {"added"}
    assert set(files_of(api, "mixed")) == set(files)
    job = api.get(f"/jobs/{answer.json()['job']}")
    assert (job["status"], job["done"], job["failed"]) == ("failed", 19, 1)
    assert [failure["name"] for failure in job["failures"]] == ["bad.pdf"]
