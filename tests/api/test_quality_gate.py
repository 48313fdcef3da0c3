"""The gate of CI over the samples: it passes, and fails when retrieval gets worse."""

import asyncio
import json
import threading
from pathlib import Path

import pytest
import uvicorn

from configs import ROOT, Settings
from server.app import create_app
from server.container import Container
from server.quality_gate import FAILED, NOT_RUN, PASSED, main
from tests.conftest import make_settings
from tests.e2e.processes import free_port, wait_until

pytestmark = pytest.mark.slow

QUESTIONS = str(ROOT / "samples" / "questions.yaml")
GATE = ["gate", "--kb", "samples", "--questions", QUESTIONS]
LIMITS = ["--min", "hit@5=70", "--min", "refused_foreign=90", "--max", "false_refusals=35"]
WORSE = [f"--set={each}" for each in ("lexical_weight=0", "candidates=1", "top_k=1")]


@pytest.fixture(scope="module")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of a data folder with the samples."""
    folder = tmp_path_factory.mktemp("gate")
    settings = make_settings(
        folder, kb={"create_samples": True}, server={"language": "en", "port": free_port()}
    )
    built = Container(settings)
    built.prepare()
    built.readiness.check()
    asyncio.run(built.close())
    return settings


@pytest.fixture(scope="module")
def baseline(sampled: Settings) -> Path:
    """Return a baseline of the samples."""
    path = sampled.paths.data.parent / "baseline.json"
    save = ["save", "--kb", "samples", "--questions", QUESTIONS, "--out", str(path)]
    assert main(sampled, save) == PASSED
    return path


def test_the_gate_passes_on_the_samples(
    sampled: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(sampled, [*GATE, *LIMITS]) == PASSED, capsys.readouterr().out
    assert "PASSED" in capsys.readouterr().out


def test_the_gate_fails_when_retrieval_is_worse(
    sampled: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(sampled, [*GATE, *LIMITS, *WORSE]) == FAILED
    said = capsys.readouterr().out
    assert "hit@5" in said.rpartition("FAILED 未通过: ")[2], said


def test_the_gate_passes_against_its_own_baseline(sampled: Settings, baseline: Path) -> None:
    assert json.loads(baseline.read_text("utf-8"))["metrics"]["hit@5"] > 0
    assert main(sampled, [*GATE, "--against", str(baseline)]) == PASSED


def test_the_gate_fails_when_it_is_surely_worse_than_the_baseline(
    sampled: Settings, baseline: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(sampled, [*GATE, *WORSE, "--against", str(baseline)]) == FAILED
    said = capsys.readouterr().out
    assert "hit@1" in said.rpartition("FAILED 未通过: ")[2]
    assert "worse 变差" in said


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--kb", "none"], "no knowledge base called 'none'"),
        (["--questions", "/gone.yaml"], "/gone.yaml"),
        (["--questions", str(ROOT / "README.md")], "must end in one of"),
        (["--min", "hit@7=3"], "'hit@7' was not measured"),
        (["--min", "hit@1"], "NAME=VALUE"),
        (["--min", "hit@1=x"], "no number"),
        (["--set", "top_k=0"], "settings.top_k must be at least 1"),
        (["--against", "/gone.json"], "/gone.json"),
        (["--against", str(ROOT / "pyproject.toml")], "no baseline"),
        (["--against", "999"], "no evaluation run with the id 999"),
    ],
)
def test_a_gate_that_cannot_judge_says_why(
    sampled: Settings, capsys: pytest.CaptureFixture[str], flags: list[str], said: str
) -> None:
    assert main(sampled, [*GATE, *flags]) == NOT_RUN
    assert said in capsys.readouterr().err


def test_the_gate_asks_the_service_that_runs(
    sampled: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    config = uvicorn.Config(create_app(sampled), port=sampled.server.port, log_config=None)
    service = uvicorn.Server(config)
    thread = threading.Thread(target=service.run)
    thread.start()
    container: Container = config.app.state.container  # type: ignore[union-attr]
    try:
        wait_until(lambda: container.readiness.read().is_ready, 60, "ready")
        assert main(sampled, [*GATE, *LIMITS]) == PASSED, capsys.readouterr().out
        assert container.test_sets.list_all("samples") == []
    finally:
        service.should_exit = True
        thread.join()
