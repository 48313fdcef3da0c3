"""The log file of a service."""

from pathlib import Path

import pytest

from server.supervisor.log import LogFollower, rotate


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "api.log"


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as log:
        log.write(content)


def test_only_what_is_new_is_read(path: Path) -> None:
    append(path, b"old\n")
    follower = LogFollower(path)

    append(path, b"new\n")

    assert follower.new_lines() == ["new"]
    assert follower.new_lines() == []


def test_a_line_waits_for_its_end(path: Path) -> None:
    follower = LogFollower(path)
    word = "知问".encode()

    append(path, word[:2])
    assert follower.new_lines() == []
    append(path, word[2:] + b"\n")

    assert follower.new_lines() == ["知问"]


def test_the_final_line_needs_no_end(path: Path) -> None:
    follower = LogFollower(path)
    append(path, b"last words")

    assert follower.new_lines(is_final=True) == ["last words"]


def test_the_last_lines_are_kept(path: Path) -> None:
    follower = LogFollower(path, kept_lines=2)
    append(path, b"1\n2\n3\n")
    follower.new_lines()

    assert list(follower.last_lines) == ["2", "3"]


def test_a_log_that_someone_emptied_is_read_from_its_start(path: Path) -> None:
    append(path, b"a long line\n")
    follower = LogFollower(path)

    path.write_bytes(b"new\n")

    assert follower.new_lines() == ["new"]


def test_a_log_that_someone_deleted_has_nothing_new(path: Path) -> None:
    append(path, b"a line\n")
    follower = LogFollower(path)

    path.unlink()

    assert follower.new_lines() == []


def test_bytes_that_are_no_text_do_not_fail(path: Path) -> None:
    follower = LogFollower(path)
    append(path, b"\xff!\n")

    assert follower.new_lines() == ["\ufffd!"]


def test_a_large_log_is_moved_over_the_one_before(path: Path) -> None:
    append(path, b"x" * 11)
    append(path.with_name("api.log.1"), b"older")

    rotate(path, max_bytes=10)

    assert not path.exists()
    assert path.with_name("api.log.1").read_bytes() == b"x" * 11


def test_a_small_log_stays(path: Path) -> None:
    append(path, b"x" * 10)

    rotate(path, max_bytes=10)

    assert path.exists()
