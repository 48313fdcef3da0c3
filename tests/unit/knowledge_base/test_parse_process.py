import signal
import subprocess
import sys

import pytest

from configs import ROOT

HANG = """
import re, signal, sys
from server.knowledge_base import parse_process
for number in (signal.SIGIO, signal.SIGALRM):
    signal.signal(number, signal.SIG_IGN)  # as a process may inherit it
parse_process.take_signals()
parse_process.die_with_service(0)
signal.alarm(int(sys.argv[1]))
print("begun", flush=True)
re.match(r"(a+)+$", "a" * 60 + "b")  # years, and no other thread runs meanwhile
"""


@pytest.mark.parametrize(
    ("timeout_s", "is_left", "number"), [(600, True, signal.SIGIO), (1, False, signal.SIGALRM)]
)
def test_parser_that_hangs_in_a_library_dies(
    timeout_s: int, is_left: bool, number: signal.Signals
) -> None:
    command = [sys.executable, "-c", HANG, str(timeout_s)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"begun\n"
        if is_left:
            process.stdin.close()
        try:
            assert process.wait(60) == -number
        finally:
            process.kill()


def test_parser_whose_service_is_gone_before_it_listens_does_not_begin() -> None:
    code = (
        "import os; from server.knowledge_base.parse_process import die_with_service\n"
        "ours, theirs = os.pipe(); os.close(theirs); die_with_service(ours); print('begun')"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert run.stdout == b""


def test_parser_that_would_be_killed_first_already_starts() -> None:
    code = (
        "from pathlib import Path; from server.knowledge_base.parse_process import *\n"
        "OOM_SCORE.write_text('900'); die_first(); print(OOM_SCORE.read_text())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (run.stdout.split(), run.stderr) == (["900"], "")


def test_what_a_loader_prints_or_reads_does_not_disturb_the_answers() -> None:
    code = (
        "import os, subprocess, sys; from server.knowledge_base.parse_process import take_pipes\n"
        "requests, answers = take_pipes(); os.write(1, b'noise'); print('noise', flush=True)\n"
        "subprocess.run(['cat']); assert sys.stdin.read() == ''\n"
        "answers.write(requests.read()); answers.flush()"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, input=b"request", capture_output=True, check=True
    )
    assert (run.stdout, run.stderr) == (b"request", b"noisenoise\n")


def test_parser_imports_nothing_that_it_does_not_need() -> None:
    code = (
        "import sys, server.knowledge_base.parse_process\n"
        "from server.knowledge_base.loaders import LOADERS\n"
        "for name in LOADERS: LOADERS.get(name)\nprint(*sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"faiss", "sqlalchemy", "fastapi", "tantivy", "onnxruntime", "pydantic", "configs"}
    assert heavy & set(run.stdout.split()) == set()
