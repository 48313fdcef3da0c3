"""The image, built by buildah in a store of its own. Does not know how it is run."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from configs import ROOT
from tests.container import host

BASE = "docker.io/library/python:3.11-slim-bookworm"
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"
MIRROR = "http://deb.debian.org/debian"
NAME = "localhost/zhiwen:cpu"


@dataclass(frozen=True)
class Store:
    """A folder with images, apart from those of the machine."""

    folder: Path

    def buildah(self, *arguments: str) -> str:
        """Run buildah, with the least of priorities; return what it printed."""
        places = [f"--root={self.folder}/root", f"--runroot={self.folder}/run"]
        command = ["nice", "-n15", "buildah", *places, "--storage-driver=vfs", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{arguments}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout.strip()

    def has(self, name: str) -> bool:
        """Return whether there is an image of that name."""
        names = [name for each in self.images() for name in each.get("names") or ()]
        return name in names

    def images(self) -> list[dict[str, Any]]:
        """Return what there is."""
        listed: list[dict[str, Any]] = json.loads(self.buildah("images", "--json") or "null") or []
        return listed

    def make_base(self) -> None:
        """Make a stand-in for the official base image, for which a registry would be needed."""
        if self.has(BASE):
            return
        files = self.folder / "base"
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm"]
        subprocess.run([*command, files, MIRROR], check=True, capture_output=True)
        (files / "usr/bin/python").symlink_to("python3")
        container = self.buildah("from", "scratch")
        self.buildah("add", "--quiet", container, str(files), "/")
        self.buildah("config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin", container)
        self.buildah("commit", "--quiet", "--rm", container, BASE)
        shutil.rmtree(files)

    def build(self) -> "Image":
        """Build the Dockerfile as it is, unless the store has the image already."""
        if not self.has(NAME):
            self.make_base()
            mounts = [f"--volume={mount}" for mount in host.build_mounts(self.folder)]
            how = ["--isolation=chroot", "--pull-never", "--format=docker", *mounts]
            self.buildah("bud", *how, "--build-arg=TORCH=cpu", f"--tag={NAME}", ".")
        return Image(self, self.buildah("from", "--pull-never", NAME))


@dataclass(frozen=True)
class Image:
    """A built image, with its files laid out for reading."""

    store: Store
    container: str

    @cached_property
    def files(self) -> Path:
        """The root folder of its files."""
        return Path(self.store.buildah("mount", self.container))

    @cached_property
    def inspected(self) -> dict[str, Any]:
        """All that buildah knows about it."""
        found: dict[str, Any] = json.loads(self.store.buildah("inspect", "--type=image", NAME))
        return found

    @property
    def config(self) -> dict[str, Any]:
        """How it is to be run, in Docker's words."""
        config: dict[str, Any] = self.inspected["Docker"]["config"]
        return config

    @property
    def size_mb(self) -> int:
        """The size of its files in MiB."""
        counted = subprocess.run(
            ["du", "--summarize", "--block-size=1M", self.files],
            capture_output=True,
            text=True,
            check=True,
        )
        return int(counted.stdout.split()[0])
