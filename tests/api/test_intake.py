"""What people put into content/ by themselves: on demand, by the command, by the watch."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from configs import ROOT
from server.container import Container
from tests.crash.api import Folder, running

BASE = "/api/v1/knowledge_bases/kb"
Put = Callable[[str, str], Path]


@pytest.fixture
def container(client: TestClient, kb: str) -> Container:
    return client.app.state.container


@pytest.fixture
def put(container: Container) -> Put:
    """Return what writes a file into content/ as a person does."""

    def write(name: str, text: str) -> Path:
        path = container.folder.content_folder("kb") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def wait_for(client: TestClient, jobs: list[str]) -> list[dict]:
    """Return the jobs once they have ended."""
    for job in jobs:
        client.get(f"/api/v1/jobs/{job}/events")  # ends with the job
    return [client.get(f"/api/v1/jobs/{job}").json() for job in jobs]


def names(client: TestClient) -> set[str]:
    return {file["name"] for file in client.get(f"{BASE}/files").json()}


def text_of(client: TestClient, name: str) -> str:
    return client.get(f"{BASE}/files/{name}/text").json()["text"]


def test_dropped_and_edited_files_are_taken_in(client: TestClient, put: Put) -> None:
    put("neu/boiler.txt", "The boiler B-7 is descaled every 14 weeks.")
    put("pump.md", "# Pump\n\nThe pump has another warranty: 36 months.")
    answer = client.post(f"{BASE}/scan")
    assert answer.status_code == 202
    body = answer.json()
    assert (body["files"], body["unchanged"], body["refused"]) == (2, 3, [])
    (job,) = wait_for(client, body["jobs"])
    assert (job["status"], job["done"]) == ("done", 2)
    assert "36 months" in text_of(client, "pump.md")
    assert "neu/boiler.txt" in names(client)


@pytest.mark.parametrize(
    "name", ["~$pump.docx", "sub/~$a.txt", "~WRL0003.tmp", "a.tmp", "Thumbs.db", "desktop.ini"]
)
def test_what_other_programs_leave_for_themselves_is_no_file(
    client: TestClient, put: Put, name: str
) -> None:
    put(name, "not for people")
    body = client.post(f"{BASE}/scan").json()
    assert (body["jobs"], body["files"], body["refused"]) == ([], 0, [])


def test_nothing_new_begins_no_job(client: TestClient, kb: str) -> None:
    body = client.post(f"{BASE}/scan").json()
    assert (body["jobs"], body["files"], body["unchanged"]) == ([], 0, 4)


def test_bad_files_are_told_and_stop_no_other(client: TestClient, put: Put) -> None:
    put("tool.exe", "MZ")
    put("good.txt", "Something that can be read.")
    (job,) = wait_for(client, client.post(f"{BASE}/scan").json()["jobs"])
    assert [failure["name"] for failure in job["failures"]] == ["tool.exe"]
    assert "good.txt" in names(client)


def unread(client: TestClient) -> dict[str, str]:
    return {file["name"]: file["error"]["code"] for file in client.get(f"{BASE}/scan").json()}


def test_what_lies_in_content_and_could_not_be_read_is_told_until_it_can(
    client: TestClient, put: Put, caplog: pytest.LogCaptureFixture
) -> None:
    broken = put("broken.docx", "no document")
    put("pump.md", " ")
    put("tool.exe", "MZ")
    wait_for(client, client.post(f"{BASE}/scan").json()["jobs"])
    assert unread(client) == {
        "broken.docx": "unreadable_document",
        "pump.md": "empty_document",
        "tool.exe": "unsupported_format",
    }
    for name in ("broken.docx", "pump.md", "tool.exe"):
        assert any(name in line.getMessage() for line in caplog.records if line.levelno >= 30)
    put("pump.md", "# Pump\n\nThe pump has another warranty: 36 months.")
    broken.unlink()
    put("tool.exe", "MZ").unlink()
    wait_for(client, client.post(f"{BASE}/scan").json()["jobs"])
    assert unread(client) == {}


def test_an_edit_that_is_taken_back_is_told_no_more(client: TestClient, put: Put) -> None:
    path = put("a.txt", "ABC")
    wait_for(client, client.post(f"{BASE}/scan").json()["jobs"])
    path.write_bytes(b"   ")  # as long as before
    wait_for(client, client.post(f"{BASE}/scan").json()["jobs"])
    assert unread(client) == {"a.txt": "empty_document"}
    path.write_text("ABC")
    assert unread(client) == {}


def test_a_bad_upload_is_nothing_that_lies_in_content(client: TestClient, kb: str) -> None:
    files = [("files", ("broken.docx", b"no document")), ("files", ("pump.md", b" "))]
    client.post(f"{BASE}/files", files=files, data={"override": "true"})
    assert unread(client) == {}


def test_a_folder_of_bad_files_tells_each_one(client: TestClient, put: Put) -> None:
    put("tool.exe", "MZ")
    put("empty.txt", "")
    body = client.post(f"{BASE}/scan").json()
    codes = {file["name"]: file["error"]["code"] for file in body["refused"]}
    assert codes == {"tool.exe": "unsupported_format", "empty.txt": "empty_document"}


def test_an_old_view_is_no_edit(client: TestClient, container: Container) -> None:
    old = container.folder.content("kb", "pump.md")
    before = old.read_bytes()
    replaced = client.post(
        f"{BASE}/files", files={"files": ("pump.md", b"Another text.")}, data={"override": "true"}
    )
    assert replaced.status_code == 201
    old.write_bytes(before)  # as after a crash before the view followed
    body = client.post(f"{BASE}/scan").json()
    assert body["files"] == 0
    assert text_of(client, "pump.md") == "Another text."


def test_links_and_hidden_files_are_left_alone(
    client: TestClient, put: Put, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("A secret of the host.")
    put("a.txt", "A file.").with_name("link.txt").symlink_to(secret)
    put(".hidden.txt", "A hidden one.")
    wait_for(client, client.post(f"{BASE}/scan").json()["jobs"])
    assert names(client) & {"link.txt", ".hidden.txt"} == set()


def test_an_unknown_knowledge_base_is_404(client: TestClient) -> None:
    assert client.post("/api/v1/knowledge_bases/nope/scan").status_code == 404


def test_the_watch_adds_edits_and_deletes(
    client: TestClient, container: Container, put: Put
) -> None:
    watch = container.knowledge_bases.watch

    def look() -> None:
        watch.look()
        open_jobs = client.get("/api/v1/jobs", params={"active": True}).json()
        wait_for(client, [job["id"] for job in open_jobs])

    path = put("boiler.txt", "The boiler is new.")
    look()
    assert "boiler.txt" not in names(client)  # somebody may still be writing it
    look()
    assert "boiler.txt" in names(client)
    path.write_text("The boiler was mended in May.")
    look()
    look()
    assert "mended" in text_of(client, "boiler.txt")
    path.unlink()
    look()
    look()
    assert "boiler.txt" not in names(client)
    assert len(names(client)) == 4


def test_the_watch_deletes_nothing_for_a_folder_that_is_gone(
    client: TestClient, container: Container, put: Put, tmp_path: Path
) -> None:
    put("boiler.txt", "The boiler is new.")
    watch = container.knowledge_bases.watch
    watch.look()
    watch.look()
    folder = container.folder.content_folder("kb")
    folder.rename(tmp_path / "away")
    for _ in range(3):
        watch.look()
    new = client.post(f"{BASE}/files", files={"files": ("new.txt", b"Makes the folder anew.")})
    assert new.status_code == 201
    for _ in range(3):
        watch.look()
    assert len(names(client)) >= 5


def test_the_watch_takes_a_link_for_no_deletion(
    client: TestClient, container: Container, put: Put, tmp_path: Path
) -> None:
    watch = container.knowledge_bases.watch
    pump = container.folder.content("kb", "pump.md")
    watch.look()
    watch.look()
    pump.rename(tmp_path / "pump.md")
    pump.symlink_to(tmp_path / "pump.md")
    for _ in range(3):
        watch.look()
    assert "pump.md" in names(client)


def test_a_name_that_is_no_text_is_told_and_stops_no_other(
    client: TestClient, container: Container, put: Put
) -> None:
    good = put("good.txt", "Something that can be read.")
    old = good.with_name(os.fsdecode("手册.txt".encode("gb18030")))
    old.write_text("The name is in an old encoding.")
    body = client.post(f"{BASE}/scan").json()
    assert [file["error"]["code"] for file in body["refused"]] == ["invalid_name"]
    wait_for(client, body["jobs"])
    assert "good.txt" in names(client)


def test_an_edit_outlives_a_start_and_another_reading(
    client: TestClient, container: Container, kb: str
) -> None:
    path = container.folder.content("kb", "pump.md")
    path.write_text("# Pump\n\nEdited by hand: 36 months.")
    container.knowledge_bases.view.repair()
    job = client.post(f"{BASE}/reindex", json={}).json()["id"]
    wait_for(client, [job])
    assert "36 months" in path.read_text()
    wait_for(client, client.post(f"{BASE}/scan").json()["jobs"])
    assert "36 months" in text_of(client, "pump.md")


def take_in(data: Path, *flags: str, port: int = 7861) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "ZHIWEN_PATHS__DATA": str(data),
        "ZHIWEN_SERVER__PORT": str(port),
        "ZHIWEN_EMBEDDING__MODEL": "none",
        "ZHIWEN_SERVER__LANGUAGE": "en",
    }
    command = [sys.executable, str(ROOT / "init_database.py"), "--increment", *flags]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_command_makes_knowledge_bases_of_folders_and_sums_up(tmp_path: Path) -> None:
    content = tmp_path / "mine" / "content"
    content.mkdir(parents=True)
    (content / "boiler.txt").write_text("The boiler B-7 is descaled every 14 weeks.")
    (content / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    first = take_in(tmp_path)
    assert first.returncode == 1
    assert "mine: 1 added, 0 unchanged, 1 failed" in first.stdout
    assert "broken.pdf: 'broken.pdf' could not be read" in first.stdout
    (content / "broken.pdf").unlink()
    again = take_in(tmp_path, "-n", "mine")
    assert (again.returncode, again.stdout.strip()) == (0, "mine: 0 added, 1 unchanged, 0 failed")


def test_the_command_names_an_unknown_knowledge_base(tmp_path: Path) -> None:
    done = take_in(tmp_path, "-n", "nope")
    assert done.returncode == 1
    assert "nope" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_uses_the_service_that_runs(tmp_path: Path) -> None:
    with running(Folder(tmp_path)) as api:
        assert api.request("POST", "/knowledge_bases", json={"name": "mine"}).status_code == 201
        data = next(path.parent for path in tmp_path.rglob("zhiwen.db"))
        (data / "mine" / "content").mkdir(exist_ok=True)
        (data / "mine" / "content" / "boiler.txt").write_text("The boiler is descaled in May.")
        done = take_in(data, port=api.http.base_url.port)
        assert (done.returncode, done.stdout.strip()) == (0, "mine: 1 added, 0 unchanged, 0 failed")
        assert "in use" not in done.stderr
        assert [file["name"] for file in api.get("/knowledge_bases/mine/files")] == ["boiler.txt"]
