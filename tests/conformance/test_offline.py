"""Every format is read where there is no network at all."""

import subprocess
import sys
from pathlib import Path
from shutil import which

import pytest

from configs import ROOT
from server.knowledge_base.loaders import LOADERS
from tests.conformance.test_loaders import OLD, SENTENCE, sample

READ_ALL = """
import sys, time
from pathlib import Path
from server.knowledge_base.loaders import load_document
from server.knowledge_base.loaders.limits import Limits, OcrTime
limits = Limits(100_000, 100, 64, OcrTime(time.monotonic() + 600))
for path in sorted(Path(sys.argv[1]).iterdir()):
    text = load_document(path, path.name, limits).text
    assert sys.argv[2] in text.replace(" ", ""), path.name
    print(path.suffix)
"""


def has_namespaces() -> bool:
    command = ["unshare", "-rn", "true"]
    return bool(which("unshare")) and not subprocess.run(command, capture_output=True).returncode


@pytest.mark.skipif(not has_namespaces(), reason="needs unshare(1) and user namespaces")
def test_every_format_is_read_without_a_network(tmp_path: Path) -> None:
    known = set(LOADERS) if which("soffice") else set(LOADERS) - set(OLD)
    for extension in known:
        (tmp_path / f"a{extension}").write_bytes(sample(extension))
    words = SENTENCE.replace(" ", "")
    command = ["unshare", "-rn", sys.executable, "-c", READ_ALL, str(tmp_path), words]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert set(run.stdout.split()) == known
