"""What this machine gives a build, and why it may be unable to make one. Knows no Dockerfile.

A build sees the package index and the certificates of this machine, which are in no tracked file.
"""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

TOOLS = ("buildah", "curl", "debootstrap", "nsenter", "runc")
CERTIFICATES = Path("/etc/ssl/certs")


def obstacle() -> str:
    """Return why no image can be built and run here, "" if nothing is in the way."""
    if not os.environ.get("ZHIWEN_TEST_IMAGE"):
        return "takes minutes and about 10 GB of disk: make test-image"
    if os.geteuid() != 0:
        return "only root can build and run images without an engine"
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    return f"missing: {', '.join(missing)}" if missing else ""


def pip_options() -> dict[str, str]:
    """Return how pip is configured here, by files and by the environment."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    pairs = (line.partition("=") for line in listed.splitlines() if "=" in line)
    return {name.rpartition(".")[2]: ast.literal_eval(value) for name, _, value in pairs}


def pip_folders(options: dict[str, str]) -> set[Path]:
    """Return the folders with packages that the options name; the pages of an index lead aside."""
    indexes = {
        Path(word.removeprefix("file://")).parent
        for value in options.values()
        for word in value.split()
        if word.startswith("file:///")
    }
    links = {Path(word) for word in options.get("find-links", "").split() if word.startswith("/")}
    return {folder for folder in indexes | links if folder.is_dir()}


def build_mounts(folder: Path) -> list[str]:
    """Return the volumes of a build, all read-only; ``folder`` takes the file for pip."""
    options = pip_options()
    file = folder / "pip.conf"
    lines = [f"{name} = {value}" for name, value in options.items()]
    file.write_text("\n".join(["[global]", *lines, ""]))
    mounts = [f"{file}:/etc/pip.conf:ro"]
    same = {*pip_folders(options), CERTIFICATES}
    return mounts + [f"{path}:{path}:ro" for path in sorted(same) if path.is_dir()]
