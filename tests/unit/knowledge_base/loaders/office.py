"""Makes files of the old formats, by the LibreOffice of this machine. Knows no loader."""

import subprocess
import tempfile
from functools import cache
from pathlib import Path
from shutil import which

import pytest

REASON = "needs LibreOffice: apt-get install libreoffice-writer-nogui libreoffice-impress-nogui"
needs_libreoffice = pytest.mark.skipif(not which("soffice"), reason=REASON)


@cache
def make_old(name: str, content: bytes, form: str) -> bytes:
    """Return a file converted to a format; skips the test where LibreOffice is missing."""
    if not which("soffice"):
        pytest.skip(REASON)
    with tempfile.TemporaryDirectory() as held:
        folder = Path(held)
        (folder / name).write_bytes(content)
        profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
        command = ["soffice", "--headless", profile, "--convert-to", form, "--outdir", held, name]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
        return (folder / name).with_suffix(f".{form}").read_bytes()
