"""What is checked before a start."""

import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from server.errors import StartError
from server.supervisor import preflight
from tests.unit.supervisor.conftest import free_port


def test_a_missing_folder_is_created(tmp_path: Path) -> None:
    preflight.check_folder(tmp_path / "a" / "b", "paths.data")

    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_file_in_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(StartError) as told:
        preflight.check_folder(tmp_path / "data", "paths.data")

    assert "paths.data" in told.value.message("en")
    assert f"{tmp_path / 'data'}" in told.value.message("zh")


def test_a_full_disk_is_told_with_what_is_free(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free

    with pytest.raises(StartError, match=r"has \d+ MB free, \d+ MB are needed"):
        preflight.check_space(tmp_path, min_free_bytes=2 * free + 2**20)


def test_enough_room_passes(tmp_path: Path) -> None:
    preflight.check_space(tmp_path, min_free_bytes=1)


def test_no_temporary_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with pytest.raises(StartError, match="TMPDIR"):
        preflight.check_temporary_folder()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0.0.0.0", ""])
def test_a_taken_port_is_told_with_who_has_it(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StartError) as told:
            preflight.check_port(host, port)

    assert f"by {os.getpid()} " in told.value.message("en")
    assert "--port" in told.value.message("zh")


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", ""])
def test_a_free_port_passes(host: str) -> None:
    preflight.check_port(host, free_port())


@pytest.mark.parametrize("host", ["203.0.113.7", "no such name"])
def test_an_address_of_another_machine_is_told(host: str) -> None:
    with pytest.raises(StartError, match="--host"):
        preflight.check_port(host, free_port())


def test_a_taken_port_is_told_with_the_setting_that_chose_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StartError, match=r"Choose another with ui\.port in zhiwen\.yaml"):
            preflight.check_port("127.0.0.1", port, setting="ui.port")


def test_two_services_on_one_port_are_told() -> None:
    ports = [(20001, "workers.controller_port"), (7861, "server.port"), (20001, "workers.port")]

    with pytest.raises(StartError, match=r"controller_port and workers\.port both .* 20001"):
        preflight.check_distinct(ports)
