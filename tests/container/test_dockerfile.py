import re
import subprocess
import sys
from pathlib import Path

import pytest

from configs import ROOT
from server.version import VERSION

DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def test_hadolint_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_label_has_the_version_of_the_product() -> None:
    assert re.findall(r"^ARG VERSION=(\S+)$", DOCKERFILE, re.MULTILINE) == [VERSION]


NAMED = [
    line[1:]
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    if line.startswith("!")
]


@pytest.mark.parametrize("path", NAMED)
def test_what_goes_into_the_image_exists(path: str) -> None:
    assert list(ROOT.glob(path))


@pytest.mark.parametrize("package", ["configs", "embeddings", "server", "webui_pages"])
def test_every_package_goes_into_the_image(package: str) -> None:
    assert package in NAMED
