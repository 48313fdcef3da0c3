"""What Langchain-Chatchat 0.2.10 loses, mixes up or hangs on: each fault once, done right here."""

from functools import partial
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from configs import Settings
from tests.api.documents import LEAVE_ZH, PUMP_EN
from tests.conftest import make_settings
from tests.crash.documents import marker, markers_in, write_document
from tests.regressions.service import Service, at_once, empty, index_files, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
CLIENTS = 8
EMPTY_FILES = {"zero.txt": b"", "blank.txt": b" \n\t\n"}
BROKEN_FILES = {
    "broken.pdf": b"%PDF-1.7 but no more",
    "broken.docx": b"PK\x03\x04 but no more",
    "program.exe": b"MZ\x90\x00",
    "noise.txt": bytes(range(256)) * 40,
}


@pytest.fixture
def service(client: TestClient) -> Service:
    made = Service(client)
    made.create("kb")
    return made


def documents(*names: str) -> dict[str, bytes]:
    return {name: write_document(name, 1) for name in names}


def assert_whole(service: Service, kb: str, *names: str) -> None:
    """Check that these are the files, that each is found, and by both legs."""
    assert sorted(service.files(kb)) == sorted(names)
    for name in names:
        answer = service.search(kb, marker(name, 1)).json()
        assert answer["hits"][0]["file_name"] == name
        assert {"lexical", "dense"} <= set(answer["trace"]["candidates"][0])


def test_chatchat_deadlock_after_a_failed_load(settings: Settings) -> None:
    """A damaged index raised once, then hung its knowledge base and every healthy one for ever."""
    with serving(settings) as service:
        for kb in ("damaged", "healthy"):
            service.create(kb)
            service.add(kb, documents("a.md", "b.md"))
            assert_whole(service, kb, "a.md", "b.md")
        damaged = service.http.app.state.container.knowledge_bases.get("damaged")[0].id
    empty(path for path in index_files(settings.paths.data) if str(damaged) in path.parts)
    with serving(settings) as service:
        tasks = [partial(service.find, kb, marker("a.md", 1)) for kb in ("damaged", "healthy") * 4]
        assert [found[0] for found in at_once(tasks)] == ["a.md"] * len(tasks)
        for kb in ("damaged", "healthy"):
            assert_whole(service, kb, "a.md", "b.md")
            service.add(kb, documents("c.md"))
            assert_whole(service, kb, "a.md", "b.md", "c.md")


def test_chatchat_lock_up_after_a_model_failed_to_load(tmp_path: Path) -> None:
    """One failing embedding model left a placeholder that every later request waited for."""
    settings = make_settings(tmp_path)
    models = settings.paths.data / ".cache" / "models"
    models.parent.mkdir(parents=True)
    models.write_bytes(b"in the way of the folder with the built model")
    with serving(settings) as service:
        service.create("failing", embedding_model="all-MiniLM-L6-v2")
        service.create("healthy")
        tasks = [partial(service.upload, "failing", documents(f"{n}.md")) for n in range(3)]
        tasks.append(partial(service.upload, "healthy", documents("a.md")))
        *failed, fine = at_once(tasks)
        assert {answer.json()["error"]["code"] for answer in failed} == {"embedding_failed"}
        assert fine.status_code == 201
        assert service.files("failing") == []
        assert_whole(service, "healthy", "a.md")
        models.unlink()
        service.add("failing", documents("0.md"))  # without a restart
        assert service.find("failing", marker("0.md", 1))[0] == "0.md"
        # The others are tried again meanwhile: a count may be younger than the list beside it.
        names = {file["name"] for file in service.get("/knowledge_bases/failing/files")}
        assert names <= {"0.md", "1.md", "2.md"}


def test_chatchat_eviction_of_unsaved_vectors(settings: Settings) -> None:
    """A search elsewhere evicted an index that was being added to; its new vectors were lost."""
    kbs = ("one", "two", "three")
    with serving(settings) as service:
        for kb in kbs:
            service.create(kb)
        for turn in range(4):
            for kb in kbs:
                adding = partial(service.add, kb, documents(f"{kb}-{turn}.md"))
                looking = [partial(service.find, other, "item 3") for other in kbs if other != kb]
                at_once([adding, *looking])
        for kb in kbs:
            assert_whole(service, kb, *(f"{kb}-{turn}.md" for turn in range(4)))
    with serving(settings) as service:
        for kb in kbs:
            assert_whole(service, kb, *(f"{kb}-{turn}.md" for turn in range(4)))


def test_chatchat_index_rewritten_for_every_file(settings: Settings) -> None:
    """Each file of a batch saved the whole index again, so cost grew with what was there."""
    with serving(settings) as service:
        service.create("kb")
        service.add("kb", {"large.md": write_document("large.md", 1, sentences=4000)})
        before = {path: path.stat() for path in index_files(settings.paths.data)}
        largest = max(before, key=lambda path: before[path].st_size)
        service.add("kb", documents(*(f"{number}.md" for number in range(10))))
        after = largest.stat()
        assert (after.st_ino, after.st_mtime_ns) == (
            before[largest].st_ino,
            before[largest].st_mtime_ns,
        )


@pytest.mark.parametrize("bad", [b"", b"\x00\xff" * 500])
def test_chatchat_lost_chunks_on_update(service: Service, bad: bytes) -> None:
    """An update deleted the old version first: if the new one failed, both were gone."""
    service.add("kb", {"pump.md": PUMP_EN})
    before = service.get("/knowledge_bases/kb/files/pump.md/chunks")
    assert service.upload("kb", {"pump.md": bad}, override="true").status_code == 422
    assert service.get("/knowledge_bases/kb/files/pump.md/chunks") == before
    assert service.content("kb", "pump.md") == PUMP_EN.encode()
    assert service.find("kb", "warranty of the pump") == ["pump.md"] * len(before)


def test_chatchat_wildcards_in_file_names(service: Service) -> None:
    """Names were compared with ILIKE: adding or deleting a_b.txt took the rows of aXb.txt along."""
    names = ("aXb.md", "a_b.md", "a%b.md", "AxB.md")
    for name in names:
        service.add("kb", documents(name))
    assert_whole(service, "kb", *names)
    assert service.delete("kb", "a_b.md").status_code == 204
    assert service.delete("kb", "a%25b.md").status_code == 204
    assert_whole(service, "kb", "aXb.md", "AxB.md")


def test_chatchat_wildcards_in_names_of_knowledge_bases(service: Service) -> None:
    """The knowledge base "%" matched all, and deleting a_b emptied axb."""
    for kb in ("a_b", "axb"):
        service.create(kb)
        service.add(kb, documents("a.md"))
    assert service.http.delete("/api/v1/knowledge_bases/a_b").status_code == 204
    assert service.search("%25", "item 3").status_code in (400, 404)
    assert_whole(service, "axb", "a.md")


def test_chatchat_names_that_differ_in_capitals_only(service: Service) -> None:
    """The files ok.txt and OK.TXT had one row in SQL and two files on disk."""
    service.add("kb", {"ok.txt": PUMP_EN, "OK.TXT": LEAVE_ZH})
    assert sorted(service.files("kb")) == ["OK.TXT", "ok.txt"]
    assert service.content("kb", "ok.txt") == PUMP_EN.encode()
    assert service.content("kb", "OK.TXT") == LEAVE_ZH.encode()


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "utf-16", "big5"])
def test_chatchat_gbk_indexed_as_mojibake(service: Service, encoding: str) -> None:
    """A text in GBK was reported as added and indexed as rows of accented letters."""
    text = LEAVE_ZH if encoding != "big5" else "員工入職滿一年後，每年享有十天帶薪年假。" * 3
    service.add("kb", {"hr.txt": text.encode(encoding)})
    assert service.get("/knowledge_bases/kb/files/hr.txt/text")["text"].strip() == text.strip()
    assert "hr.txt" in service.find("kb", "员工入职满一年后有几天年假？")


@pytest.mark.parametrize("name", EMPTY_FILES)
def test_chatchat_an_empty_file_reported_as_added(
    service: Service, settings: Settings, name: str
) -> None:
    """A file without text was a success: on disk, without a row and without chunks."""
    answer = service.upload("kb", {name: EMPTY_FILES[name]})
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "empty_document"
    assert service.files("kb") == []
    assert not (settings.paths.data / "kb" / "content" / name).exists()


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_chatchat_what_cannot_be_read_stays_on_disk(
    service: Service, settings: Settings, name: str
) -> None:
    """Broken files stayed in content/, an .exe was stored and then refused, noise was indexed."""
    answer = service.upload("kb", {name: BROKEN_FILES[name], "good.md": PUMP_EN})
    assert answer.status_code == 207
    errors = {file["name"]: file["error"] for file in answer.json()["files"]}
    assert errors[name]["code"] in ("unreadable_document", "unsupported_format")
    assert errors["good.md"] is None
    assert service.files("kb") == ["good.md"]
    assert not (settings.paths.data / "kb" / "content" / name).exists()


def test_chatchat_a_file_added_again_is_embedded_again(service: Service) -> None:
    """A file that was there already was reported as a failure, and embedded again all the same."""
    service.add("kb", {"pump.md": PUMP_EN})
    before = service.get("/knowledge_bases/kb/files/pump.md/chunks")
    (again,) = service.add("kb", {"pump.md": PUMP_EN})
    assert again["outcome"] == "unchanged"
    assert service.get("/knowledge_bases/kb/files/pump.md/chunks") == before  # the ids too
    (other,) = service.add("kb", {"copy.md": PUMP_EN})
    assert (other["outcome"], other["same_content_as"]) == ("added", "pump.md")


def test_chatchat_wrong_count_of_files_after_parallel_uploads(service: Service) -> None:
    """Eight clients with five files each left a knowledge base that said 23 files."""
    names = [[f"{client}-{number}.md" for number in range(5)] for client in range(CLIENTS)]
    at_once([partial(service.add, "kb", documents(*some)) for some in names])
    assert_whole(service, "kb", *(name for some in names for name in some))


def test_chatchat_two_file_rows_for_one_name(service: Service) -> None:
    """Eight clients with one name: an error 500, two rows, and a count of -1 files later."""
    contents = [write_document("a.md", version) for version in range(CLIENTS)]
    at_once(
        [partial(service.add, "kb", {"a.md": content}, override="true") for content in contents]
    )
    assert service.files("kb") == ["a.md"]
    stored = service.content("kb", "a.md")
    assert stored in contents
    chunks = service.get("/knowledge_bases/kb/files/a.md/chunks")
    assert {mark for chunk in chunks for mark in markers_in(chunk["text"])} == markers_in(
        stored.decode()
    )
    assert service.delete("kb", "a.md").status_code == 204
    assert service.files("kb") == []


def test_chatchat_deadlock_of_uploads_into_two_knowledge_bases(service: Service) -> None:
    """Eight clients uploading into two knowledge bases locked all of them up for good."""
    service.create("other")
    names = {kb: [f"{kb}-{client}.md" for client in range(CLIENTS)] for kb in ("kb", "other")}
    adding = [
        partial(service.add, kb, documents(name)) for kb, some in names.items() for name in some
    ]
    looking = [partial(service.find, kb, "item 3") for kb in names for _ in range(CLIENTS)]
    at_once([*adding, *looking])
    for kb, some in names.items():
        assert_whole(service, kb, *some)


def test_chatchat_deleted_file_still_retrieved(settings: Settings) -> None:
    """Deleted files stayed in the index and were cited, also after a restart."""
    with serving(settings) as service:
        service.create("kb")
        service.add("kb", documents("a.md", "b.md"))
        assert service.delete("kb", "a.md").status_code == 204
        assert "a.md" not in service.find("kb", marker("a.md", 1))
        body = {"knowledge_base_name": "kb", "file_names": ["b.md"], "delete_content": True}
        assert service.http.post("/knowledge_base/delete_docs", json=body).status_code == 200
        assert service.find("kb", marker("b.md", 1)) == []
    with serving(settings) as service:
        assert service.find("kb", marker("b.md", 1)) == []


def test_chatchat_assertion_error_after_another_embedding_model_was_set(tmp_path: Path) -> None:
    """Another model in the settings met vectors of the old one: AssertionError at every search."""
    with serving(make_settings(tmp_path)) as service:
        service.create("kb")
        service.add("kb", documents("a.md"))
    with serving(make_settings(tmp_path, embedding={"model": "none"})) as service:
        assert service.get("/knowledge_bases/kb")["embedding_model"] == "hashing"
        service.add("kb", documents("b.md"))
        assert_whole(service, "kb", "a.md", "b.md")
        body = {"embedding_model": "none"}
        answer = service.http.post("/api/v1/knowledge_bases/kb/reindex", json=body)
        assert answer.status_code == 202
        assert service.wait_for(answer.json()["id"])["status"] == "done"
        assert service.get("/knowledge_bases/kb")["embedding_model"] == "none"
        assert service.find("kb", marker("a.md", 1))[0] == "a.md"


def test_chatchat_rebuild_without_progress_and_without_end(service: Service) -> None:
    """A rebuild was one long request that showed nothing, could not be stopped, and served none."""
    names = [f"{number}.md" for number in range(20)]
    service.add("kb", documents(*names))
    path = "/api/v1/knowledge_bases/kb/reindex"
    job = service.http.post(path, json={"chunk_size": 200, "chunk_overlap": 20}).json()
    assert (job["kind"], job["total"]) == ("reindex", 20)
    assert_whole(service, "kb", *names)  # while it works
    ended = service.wait_for(job["id"])
    assert (ended["status"], ended["done"] + ended["skipped"]) == ("done", 20)
    assert_whole(service, "kb", *names)
    job = service.http.post(path, json={"chunk_size": 400, "chunk_overlap": 20}).json()
    assert service.http.post(f"/api/v1/jobs/{job['id']}/cancel").status_code == 200
    ended = service.wait_for(job["id"])
    assert ended["queued"] == 0
    assert_whole(service, "kb", *names)


def test_chatchat_bad_requests_that_succeed_or_crash(service: Service) -> None:
    """An unknown knowledge base found nothing, with code 200; a top_k of 0 was an error 500."""
    assert service.search("nowhere", "a question").status_code == 404
    assert service.upload("nowhere", {"a.md": PUMP_EN}).status_code == 404
    for top_k in (0, -1):
        assert service.search("kb", "a question", top_k=top_k).status_code == 422
    body = {"name": "other", "embedding_model": "no-such-model"}
    assert service.http.post("/api/v1/knowledge_bases", json=body).status_code == 422
