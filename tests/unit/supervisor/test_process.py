"""How the end of a process is told."""

import signal

import pytest

from server.datatypes import Language
from server.supervisor.process import describe_exit


@pytest.mark.parametrize(
    ("code", "language", "expected"),
    [
        (3, "en", "exit code 3"),
        (3, "zh", "退出码 3"),
        (-signal.SIGKILL, "en", "SIGKILL (out of memory?)"),
        (-signal.SIGKILL, "zh", "SIGKILL（内存不足？）"),
        (-signal.SIGSEGV, "zh", "SIGSEGV"),
    ],
)
def test_an_end_is_described_in_the_language(code: int, language: Language, expected: str) -> None:
    assert describe_exit(code, language) == expected
