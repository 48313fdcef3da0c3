"""The gate of CI and answers that it cannot use: it ends with 2 and says why."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from configs import ROOT
from server.evaluation.comparison import compare
from server.quality_gate import NOT_RUN, GateError, check_intervals, main, read_limits
from server.schemas.evaluation import NewQuestion, Outcome, RunQuestion
from tests.conftest import make_settings

# The library of locks leaves the file of a lock open that it did not get.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

MADE = {
    **{"id": 1, "name": "gate", "accepted": 1, "drafts": 0, "created_at": "2026-01-01T00:00:00Z"},
    **{"skipped": ["Where?"], "skipped_total": 1},
}
# Holds a data folder as a service does, until it is told to end.
HOLD = """
import sys
from pathlib import Path
from server.knowledge_base.lock import FolderLock
from server.knowledge_base.paths import DataFolder
with FolderLock(DataFolder(Path(sys.argv[1]))).hold():
    print("held", flush=True)
    sys.stdin.read()
"""


@dataclass
class Stranger:
    """What a server answers, request after request; then it closes connections."""

    answers: list[tuple[int, bytes]] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    """Answers as its stranger says."""

    def answer(self) -> None:
        self.rfile.read(int(self.headers["content-length"] or 0))
        answers = self.server.stranger.answers  # type: ignore[attr-defined]
        if not answers:
            self.close_connection = True
            return
        status, body = answers.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815  # as the base class has them

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serve(stranger: Stranger) -> Iterator[int]:
    """Serve on a free port of this machine and yield it."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.stranger = stranger  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder whose data folder another process has."""
    folder = tmp_path_factory.mktemp("taken")
    (folder / "questions.json").write_text("[]", "utf-8")
    command = [sys.executable, "-c", HOLD, str(folder / "data")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT) as held:
        assert held.stdout
        assert held.stdin
        assert held.stdout.readline() == b"held\n"
        yield folder
        held.stdin.close()


def gate(taken: Path, answers: list[tuple[int, bytes]], *flags: str) -> int:
    """Run the gate against a server that answers so, and return its exit status."""
    questions = str(taken / "questions.json")
    with serve(Stranger(answers)) as port:
        settings = make_settings(taken, server={"language": "en", "port": port})
        return main(settings, ["gate", "--kb", "kb", "--questions", questions, *flags])


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ([(200, b"<html>")], "not the answer of this service"),
        ([(502, b"<html>")], "HTTP 502"),
        ([(500, b'{"detail": "x"}')], "HTTP 500"),
        ([(500, b"[]")], "HTTP 500"),
        ([(201, b"{}")], "another version"),
        ([], "127.0.0.1"),
        ([(201, json.dumps(MADE).encode())], "was not deleted"),
        ([(201, json.dumps(MADE).encode()), (202, b"{}")], "another version"),
    ],
)
def test_an_answer_that_is_none_ends_the_gate(
    taken: Path,
    capsys: pytest.CaptureFixture[str],
    answers: list[tuple[int, bytes]],
    said: str,
) -> None:
    assert gate(taken, answers) == NOT_RUN
    assert said in capsys.readouterr().err


def test_questions_that_were_skipped_are_told(
    taken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate(taken, [(201, json.dumps(MADE).encode())])
    assert "1 questions skipped" in capsys.readouterr().out


def test_a_run_that_is_not_done_is_no_baseline(
    taken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = {
        **{"id": 7, "test_set": 1, "knowledge_base": "kb", "name": "", "status": "cancelled"},
        **{"done": 1, "total": 2, "overrides": {}, "settings": {}, "revision": 1},
        **{"embedding_model": "hashing", "metrics": None, "counts": None, "to_look_at": None},
        **{"error": None, "created_at": "2026-01-01T00:00:00Z", "finished_at": None},
    }
    assert gate(taken, [(200, json.dumps(run).encode())], "--against", "7") == NOT_RUN
    assert "'cancelled'" in capsys.readouterr().err


@pytest.mark.parametrize("limit", ["nan", "inf", "-inf"])
def test_a_limit_is_finite(limit: str) -> None:
    with pytest.raises(GateError, match="finite"):
        read_limits([f"hit@1={limit}"])


def measured(files: int, foreign: int) -> list[RunQuestion]:
    """Return questions of a run: one for each file, and some that are refused."""
    outcome = Outcome(
        ranks=[1],
        gold=1,
        judged_by="file",
        is_covered=True,
        is_supported=True,
        is_answered=None,
        answer=[],
        found=[],
    )
    asked = [NewQuestion(question=f"a{number}", files=[f"{number}.md"]) for number in range(files)]
    asked += [NewQuestion(question=f"f{number}", kind="foreign") for number in range(foreign)]
    return [
        RunQuestion(question_id=place, expected=one, outcome=outcome, is_good=True)
        for place, one in enumerate(asked, 1)
    ]


def test_too_few_documents_are_not_judged(capsys: pytest.CaptureFixture[str]) -> None:
    few = measured(4, 0)
    with pytest.raises(GateError, match="fewer than 5 documents"):
        check_intervals(compare(few, few))
    some = measured(4, 5)
    check_intervals(compare(some, some))
    assert "hit@1, hit@5, false_refusals" in capsys.readouterr().out
    enough = measured(5, 0)
    check_intervals(compare(enough, enough))
    assert capsys.readouterr().out == ""
