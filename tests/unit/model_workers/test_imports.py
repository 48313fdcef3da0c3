"""What the processes of the serving chain load, and what FastChat's import leaves behind."""

import subprocess
import sys
from pathlib import Path

import pytest

from configs import ROOT


def run(code: str, folder: Path) -> str:
    environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert list(folder.iterdir()) == []
    return done.stdout


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("endpoint", {"torch", "transformers", "fastchat", "fastapi", "numpy", "requests"}),
        ("controller", {"torch", "transformers", "httpx", "sqlalchemy"}),
        ("worker_app", {"torch", "transformers", "sqlalchemy"}),
        ("engine_worker", {"torch", "transformers", "fastchat"}),
        ("engine_guard", {"pydantic", "httpx", "psutil"}),
    ],
)
def test_a_process_loads_only_what_it_needs(module: str, heavy: set[str], tmp_path: Path) -> None:
    loaded = run(f"import sys, server.model_workers.{module}; print(*sys.modules)", tmp_path)
    assert heavy & set(loaded.split()) == set()


@pytest.mark.parametrize("module", ["controller", "worker"])
def test_fastchat_leaves_streams_and_log_alone(module: str, tmp_path: Path) -> None:
    code = (
        "import logging, sys; logging.basicConfig(format='%(message)s', stream=sys.stdout);"
        f"import server.model_workers.{module}; print(sys.stdout is sys.__stdout__);"
        "logging.warning('plain')"
    )
    assert run(code, tmp_path) == "True\nplain\n"
