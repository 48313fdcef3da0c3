import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs import ROOT
from server.supervisor.welcome import featured_questions
from tests.container.image import Image
from tests.container.running import API, UI, Options, Running, launch, make_volume, running

pytestmark = [pytest.mark.container, pytest.mark.timeout(3600)]

QUESTIONS = [each for each in featured_questions(ROOT / "samples") if each.is_answerable]


@pytest.fixture(scope="module")
def container(image: Image, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run what ``docker run --read-only --tmpfs /tmp IMAGE`` runs."""
    folder = tmp_path_factory.mktemp("container")
    with running(image, folder / "run", make_volume(image, folder)) as started:
        yield started


def ask(container: Running, question: str, key: str) -> tuple[int, str]:
    body = {"question": question, "knowledge_base": "samples", "stream": False}
    options = ["--data", json.dumps(body), "--header", "Content-Type: application/json"]
    return container.request(
        f"{API}/api/v1/chat", *options, "--header", f"Authorization: Bearer {key}"
    )


@pytest.mark.parametrize("question", [each.text for each in QUESTIONS])
def test_a_sample_question_is_answered_with_its_source(container: Running, question: str) -> None:
    status, body = ask(container, question, container.key)
    assert status == 200, body
    answer = json.loads(body)
    assert "[1]" in answer["answer"]
    assert answer["sources"][0]["file_name"]


def test_the_api_wants_the_key(container: Running) -> None:
    assert ask(container, QUESTIONS[0].text, "zw-wrong-key-wrong-key")[0] == 401


def test_the_ui_wants_the_key(container: Running) -> None:
    status, _ = container.request(UI, "--header", "Accept: text/html")
    assert status == 303


def test_the_url_in_the_log_logs_in(container: Running) -> None:
    cookies = str(container.folder / "cookies")
    container.request(f"{UI}/login?key={container.key}", "--cookie-jar", cookies)
    status, page = container.request(UI, "--cookie", cookies, "--header", "Accept: text/html")
    assert (status, '<div id="root">' in page) == (200, True)


def test_without_a_gpu_it_says_that_models_run_on_the_cpu(container: Running) -> None:
    assert "models run on the CPU" in container.log


def test_its_processes_are_those_of_a_user_without_rights(container: Running) -> None:
    done = container.run("id")
    assert done.stdout.startswith("uid=10001(zhiwen) gid=0(root)"), done.stderr


def test_it_writes_its_knowledge_bases_and_logs_to_the_volume_and_no_more(
    container: Running,
) -> None:
    assert container.run("ls", "-A", "/data").stdout.split() == ["knowledge_base", "logs"]


def test_the_root_of_its_files_cannot_be_written(container: Running) -> None:
    assert "Read-only file system" in container.run("touch", "/app/file").stderr


def test_it_speaks_to_nobody_outside(container: Running) -> None:
    done = subprocess.run(
        container.beside("ss", "-Htn", "state", "syn-sent", "state", "established"),
        capture_output=True,
        text=True,
        check=True,
    )
    peers = {line.split()[-1].rpartition(":")[0].strip("[]") for line in done.stdout.splitlines()}
    assert {peer.removeprefix("::ffff:") for peer in peers} <= {"127.0.0.1", "::1"}


def test_process_1_buries_what_others_leave(container: Running) -> None:
    container.run("sh", "-c", "sleep 0.1 & exec true")
    container.wait(lambda: "Z sleep" not in container.processes(), within_s=30)
    assert "S tini" in container.processes()


@pytest.fixture(scope="module")
def kept(image: Image, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a folder and a volume that several starts use."""
    folder = tmp_path_factory.mktemp("kept")
    return folder, make_volume(image, folder)


ANYBODY = Options(user="12345:0")


def test_any_user_can_run_it_and_the_data_outlive_it(image: Image, kept: tuple[Path, Path]) -> None:
    folder, volume = kept
    with running(image, folder / "first", volume, ANYBODY) as container:
        key = container.key
        assert container.stop() == 0, container.log
        assert container.log.endswith("Stopped.\n")
    with running(image, folder / "second", volume, ANYBODY) as container:
        assert "login?key=" not in container.log
        assert ask(container, QUESTIONS[0].text, key)[0] == 200


def test_a_new_key_can_be_made(image: Image, kept: tuple[Path, Path]) -> None:
    folder, volume = kept
    command = ("python", "init_database.py", "--new-key")
    container = launch(
        image, folder / "new-key", volume, Options(user=ANYBODY.user, command=command)
    )
    assert container.end() == 0, container.log
    assert "zw-" in container.log
