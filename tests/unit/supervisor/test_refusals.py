"""What the scripts refuse, each in one sentence, with real runs that end before any service."""

import os
import socket
import subprocess
from pathlib import Path

import pytest

from tests.e2e.processes import Place, new_place, run_script

SCRIPTS = pytest.mark.parametrize(
    ("script", "flags"), [("startup.py", ("-a",)), ("server/api.py", ())]
)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return new_place(tmp_path)


def test_without_a_flag_the_help_is_shown(place: Place) -> None:
    done = run_script(place, "startup.py")

    assert done.returncode == 2
    assert "--all-webui" in done.stdout


@pytest.mark.parametrize("script", ["startup.py", "server/api.py"])
def test_help_works_on_a_terminal_without_chinese(place: Place, script: str) -> None:
    done = run_script(place, script, "-h", PYTHONIOENCODING="latin-1")

    assert done.returncode == 0
    assert "--port" in done.stdout


@SCRIPTS
def test_wrong_settings_are_named(place: Place, script: str, flags: tuple[str, ...]) -> None:
    done = run_script(place, script, *flags, "--port=70000")

    assert done.returncode == 2
    assert "server.port = 70000" in done.stderr
    assert "Traceback" not in done.stderr


@SCRIPTS
def test_a_taken_port_is_named_with_its_owner(
    place: Place, script: str, flags: tuple[str, ...]
) -> None:
    with socket.create_server(("127.0.0.1", place.port)):
        done = run_script(place, script, *flags)

    assert done.returncode == 1
    assert f"Port {place.port} on '127.0.0.1' is already in use by {os.getpid()} " in done.stderr
    assert "Traceback" not in done.stderr


def test_the_refusal_follows_the_locale(place: Place) -> None:
    with socket.create_server(("127.0.0.1", place.port)):
        done = run_script(place, "startup.py", "-a", LC_ALL="zh_CN.UTF-8")

    assert f"端口 {place.port} 已被占用" in done.stderr


@pytest.mark.parametrize(("name", "setting"), [("data", "paths.data"), ("logs", "paths.logs")])
def test_a_folder_that_cannot_be_written_is_named(place: Place, name: str, setting: str) -> None:
    (place.folder / name).write_text("a file in its place")

    done = run_script(place, "startup.py", "-a")

    assert done.returncode == 1
    assert f"The folder {place.folder / name} ({setting}) cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_https_needs_both_files(place: Place) -> None:
    done = run_script(place, "server/api.py", "--ssl_keyfile=key.pem")

    assert done.returncode == 2
    assert "--ssl_certfile" in done.stderr


def refuse_certificate(place: Place) -> subprocess.CompletedProcess[str]:
    return run_script(place, "server/api.py", "--ssl_keyfile=key.pem", "--ssl_certfile=cert.pem")


def test_a_missing_certificate_is_named(place: Place) -> None:
    done = refuse_certificate(place)

    assert done.returncode == 1
    assert "The certificate 'cert.pem' with the key 'key.pem' cannot be used" in done.stderr


def test_a_broken_certificate_is_named(place: Place) -> None:
    for name in ("key.pem", "cert.pem"):
        (place.folder / name).write_text("no PEM")

    done = refuse_certificate(place)

    assert done.returncode == 1
    assert "The certificate 'cert.pem'" in done.stderr
    assert "Traceback" not in done.stderr
