"""The list of our processes."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from server.supervisor import pidfile
from server.supervisor.pidfile import Entry


def own_entry() -> Entry:
    return Entry("supervisor", os.getpid(), psutil.Process().create_time())


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "zhiwen.json"

    pidfile.write(path, [own_entry()])

    assert pidfile.read(path) == [own_entry()]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '[{"pid": 1}]', "\\ud800"])
def test_a_damaged_file_lists_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "zhiwen.json"
    path.write_text(content, "utf-8")

    assert pidfile.read(path) == []


def test_a_missing_file_lists_nothing(tmp_path: Path) -> None:
    assert pidfile.read(tmp_path / "zhiwen.json") == []


def test_an_entry_finds_its_process() -> None:
    assert own_entry().process() == psutil.Process()


def test_a_process_that_got_the_id_of_ours_is_not_ours() -> None:
    reused = replace(own_entry(), create_time=own_entry().create_time - 60)

    assert reused.process() is None


def test_an_ended_process_is_not_found() -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        entry = pidfile.entry_of("api", process.pid)
        process.kill()

    assert entry is not None
    assert entry.process() is None
    assert pidfile.entry_of("api", process.pid) is None


def test_a_zombie_counts_as_ended() -> None:
    with subprocess.Popen(["sleep", "600"]) as process:
        entry = pidfile.entry_of("api", process.pid)
        assert entry is not None
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

        assert entry.process() is None


def test_only_one_process_holds_the_pid_file(tmp_path: Path) -> None:
    path = tmp_path / ".run" / "zhiwen.json"

    with pidfile.hold(path) as first, pidfile.hold(path) as second:
        assert (first, second) == (True, False)


def test_a_killed_holder_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "zhiwen.json"
    code = (
        "import sys, pathlib, time\n"
        "from server.supervisor import pidfile\n"
        "with pidfile.hold(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    time.sleep(600)\n"
    )
    command = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        holder.kill()

    with pidfile.hold(path) as is_held:
        assert is_held
