"""The launcher of one process of the serving chain: what it refuses, and which address it tells."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from configs import ROOT
from server.supervisor.serve_models import own_address


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "LC_ALL": "C.UTF-8",
        "PATH": "",
        "ZHIWEN_PATHS__DATA": str(folder / "data"),
        "ZHIWEN_WORKERS__MODELS": '{"known": {"path": "-"}}',
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "server" / "model_process.py"), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("arguments", [(), ("worker",), ("controller", "known"), ("webui",)])
def test_wrong_flags_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert run(tmp_path, *arguments).returncode == 2


def test_an_unknown_model_is_refused_with_those_known(tmp_path: Path) -> None:
    done = run(tmp_path, "worker", "other")
    assert done.returncode == 1
    assert "'other'" in done.stderr
    assert "known" in done.stderr


@pytest.mark.parametrize("role", ["controller", "endpoint"])
def test_a_taken_port_is_told(tmp_path: Path, role: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path, role, f"--port={port}")
    assert done.returncode == 1
    assert str(port) in done.stderr


@pytest.mark.parametrize(
    ("host", "controller", "address"),
    [
        ("127.0.0.1", "http://10.0.0.5:20001", "127.0.0.1"),
        ("192.168.0.7", "http://10.0.0.5:20001", "192.168.0.7"),
        ("0.0.0.0", "http://127.0.0.1:20001", "127.0.0.1"),
        ("::", "http://[::1]:20001", "::1"),
        ("0.0.0.0", "http://no-such-host.invalid:20001", "0.0.0.0"),
    ],
)
def test_a_worker_tells_an_address_that_the_controller_reaches(
    host: str, controller: str, address: str
) -> None:
    assert own_address(host, controller) == address
