"""Disks that are full, read-only or damaged, a locked database, a second process."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from tests.crash.api import Api, Folder, running, start
from tests.crash.audit import check_folder
from tests.crash.disk import (
    fill_disk,
    flip_bit,
    free_disk,
    mount,
    set_writable,
    small_disk,
    truncate,
    without_privilege,
)
from tests.crash.documents import World, allow, write_document
from tests.crash.seen import check_world, search
from tests.crash.usual import A2, BEFORE, C1, KB, OTHER, Request, delete, fill, post_files

LOCKED_S = 10.0  # longer than a writer waits
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = Folder(tmp_path_factory.mktemp("prepared"))
    fill(folder)
    return folder


@pytest.fixture
def folder(prepared: Folder, tmp_path: Path) -> Folder:
    shutil.copytree(prepared.root, tmp_path / "copy")
    return Folder(tmp_path / "copy")


def with_main(**files: bytes) -> World:
    """Return the usual state with more files in the main knowledge base."""
    return {**BEFORE, KB: replace(BEFORE[KB], files={**BEFORE[KB].files, **files})}


def is_full(answer: httpx.Response) -> bool:
    return answer.status_code == 507 and "The disk cannot be written" in answer.text


def send(api: Api, request: Request) -> httpx.Response:
    answer = request(api)
    assert answer is not None
    return answer


def check_usual(api: Api, *worlds: World) -> None:
    """Check that nothing is lost and nothing is left over, once all jobs have ended."""
    api.wait_all_jobs()
    check_folder(api.folder)
    check_world(api, allow(*(worlds or (BEFORE,))))


def test_uploads_on_a_full_disk_are_refused_and_nothing_is_lost(
    prepared: Folder, tmp_path: Path
) -> None:
    folder = Folder(tmp_path)
    files: dict[str, bytes] = {}
    with small_disk(folder.data, 32):
        shutil.copytree(prepared.data, folder.data, dirs_exist_ok=True)
        with running(folder) as api:
            for left in (0, 40_000, 200_000, 600_000, 1_500_000):  # where it ends differs
                name = f"{left}.md"
                request = post_files(KB, {name: write_document(name, 1, 4000)})
                fill_disk(folder.data, leave_bytes=left)
                answer = send(api, request)
                assert answer.status_code == 201 or is_full(answer), answer.text
                assert search(api, OTHER, "how heavy is item 3")[0]
                free_disk(folder.data)
                again = send(api, request)
                assert again.status_code == 201, again.text
                files[name] = write_document(name, 1, 4000)
            check_usual(api, with_main(**files))
            api.stop()


def test_a_data_folder_that_becomes_read_only_still_answers(folder: Folder) -> None:
    folder.command = without_privilege()
    with running(folder) as api:
        assert search(api, KB, "how heavy is item 3")[0]
        set_writable(folder.data, False)
        try:
            assert is_full(send(api, post_files(KB, {"c.md": C1})))
            assert search(api, KB, "how heavy is item 3")[0]
        finally:
            set_writable(folder.data, True)
        assert send(api, post_files(KB, {"c.md": C1})).status_code == 201
        check_usual(api, with_main(**{"c.md": C1}))
        api.stop()


def test_a_start_on_a_read_only_data_folder_says_so(prepared: Folder, tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    with small_disk(folder.data, 8):
        mount("-o", "remount,ro", str(folder.data))
        with running(folder, is_awaited=False) as api:
            assert not api.wait_ready()
            assert api.process.returncode == 1
            assert str(folder.data) in api.output()
            assert "cannot be written: Read-only file system" in api.output()
            assert "Traceback" not in api.output()


def test_a_lost_blob_is_told_and_costs_no_other_file(folder: Folder) -> None:
    with running(folder) as api:
        blob_of(api, "a.md").unlink()
        answer = api.request("GET", f"/knowledge_bases/{KB}/files/a.md/content")
        assert answer.json()["error"]["code"] == "lost_file"
        assert search(api, KB, "how heavy is item 3")[0]
        other = api.request("GET", f"/knowledge_bases/{KB}/files/b.md/content")
        assert other.content == BEFORE[KB].files["b.md"]
        again = send(api, post_files(KB, {"a.md": A2}, override="true"))
        assert again.status_code == 201, again.text
        check_usual(api)


def test_a_changed_blob_is_never_read_for_the_file(folder: Folder) -> None:
    with running(folder) as api:
        flip_bit(blob_of(api, "a.md"))
        path = f"/knowledge_bases/{KB}/reindex"
        job = api.wait_job(api.request("POST", path, json={"chunk_size": 180}).json()["id"])
        assert job["status"] == "failed", job
        assert [item["name"] for item in job["failures"]] == ["a.md"]
        assert job["failures"][0]["error"]["code"] == "lost_file"
        texts = [chunk["text"] for chunk in api.get(f"/knowledge_bases/{KB}/files/a.md/chunks")]
        assert texts
        assert search(api, KB, "how heavy is item 3")[0]


def blob_of(api: Api, name: str) -> Path:
    """Return where the bytes of a file of the main knowledge base lie."""
    listed = {file["name"]: file for file in api.get(f"/knowledge_bases/{KB}/files")}
    return api.folder.data / KB / "blobs" / str(listed[name]["sha256"])


@pytest.mark.parametrize("damage", [truncate, flip_bit, Path.unlink])
def test_damaged_caches_and_vectors_are_made_again(
    folder: Folder, damage: Callable[[Path], None]
) -> None:
    with running(folder) as api:
        assert search(api, KB, "how heavy is item 3")[0]
        api.kill()
    for path in sorted((folder.data / ".cache" / "api").rglob("*")):
        if path.is_file() and path.stat().st_size:
            damage(path)
    with closing(sqlite3.connect(folder.data / "zhiwen.db")) as sql:
        sql.execute("UPDATE vector SET data = zeroblob(length(data))")
        sql.commit()
    with running(folder) as api:
        check_world(api, allow(BEFORE))
        api.stop()


@contextmanager
def locked(folder: Folder) -> Iterator[None]:
    """Hold the database for a while, as another process would."""
    with closing(sqlite3.connect(folder.data / "zhiwen.db", check_same_thread=False)) as sql:
        sql.isolation_level = None
        sql.execute("BEGIN EXCLUSIVE")
        end = threading.Timer(LOCKED_S, lambda: sql.execute("ROLLBACK"))
        end.start()
        try:
            yield
        finally:
            end.join()


def test_a_locked_database_is_waited_for_or_told(folder: Folder) -> None:
    files = {f"{number}.md": write_document(f"{number}.md", 1) for number in range(4)}
    requests: list[Request] = [
        *(post_files(KB, {name: content}) for name, content in files.items()),
        delete(f"/knowledge_bases/{KB}/files/b.md"),
    ]
    with running(folder) as api:
        with locked(folder), ThreadPoolExecutor(8) as pool:
            writes = [pool.submit(send, api, request) for request in requests]
            reads = [pool.submit(search, api, OTHER, f"entry {n}") for n in range(8)]
            assert all(read.result()[0] for read in reads)
            answers = [write.result() for write in writes]
        for answer in answers:
            assert answer.status_code in (201, 204, 503), answer.text
            if answer.status_code == 503:
                assert int(answer.headers["retry-after"]) > 0
        api.wait_all_jobs()
        again = [send(api, request).status_code for request in requests]
        assert again[:-1] == [201] * len(files)
        assert again[-1] in (204, 404)
        kept = {name: text for name, text in BEFORE[KB].files.items() if name != "b.md"}
        check_usual(api, {**BEFORE, KB: replace(BEFORE[KB], files={**kept, **files})})
        api.stop()


def test_a_second_process_on_the_same_folder_is_refused(folder: Folder) -> None:
    with running(folder) as api:
        second = start(folder)
        try:
            assert second.process.wait(60) == 1
        finally:
            if second.is_alive:
                second.kill()
            second.http.close()
        assert f"process {api.process.pid}" in api.output()
        assert send(api, post_files(KB, {"c.md": C1})).status_code == 201
        check_usual(api, with_main(**{"c.md": C1}))
        api.stop()
