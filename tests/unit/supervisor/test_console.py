"""Messages at the terminal."""

import io
import os
import sys

import pytest

from server.errors import StartError
from server.supervisor.console import Console


def test_an_error_goes_to_stderr_in_the_language(capsys: pytest.CaptureFixture[str]) -> None:
    Console("zh").fail(StartError(reason_en="No.", reason_zh="不行。"))

    assert capsys.readouterr() == ("", "不行。\n")


def test_chinese_on_a_latin_terminal_does_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", terminal)

    Console("zh").say("ready", "就绪!")

    assert terminal.buffer.getvalue() == b"??!\n"  # type: ignore[attr-defined]


def test_a_closed_terminal_does_not_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    terminal = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stdout", terminal)
    console = Console("en")

    console.say("ready", "就绪")

    assert console.is_quiet
    with pytest.raises(BrokenPipeError):  # what could not be written is still there
        terminal.close()
