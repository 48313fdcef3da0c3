from pathlib import Path

import pytest

from server.supervisor.accelerator import tell_cpu
from server.supervisor.console import Console


def test_a_start_without_a_gpu_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tell_cpu(Console("en"), (tmp_path / "nvidiactl",))
    assert "models run on the CPU" in capsys.readouterr().out


def test_a_start_with_a_gpu_says_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "nvidiactl").touch()
    tell_cpu(Console("en"), (tmp_path / "nvidiactl",))
    assert capsys.readouterr().out == ""
