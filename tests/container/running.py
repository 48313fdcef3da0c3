"""A container of the image, run by runc with a read-only root. Knows no tests.

It has a network of its own, so the ports of the image can be used as they are.
"""

import json
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.container.image import Image

READY_WITHIN_S = 300.0  # the first start reads the samples, on a busy machine
ENDED_WITHIN_S = 60.0
API = "http://127.0.0.1:7861"
UI = "http://127.0.0.1:8501"
LOGIN = re.compile(r"http://\S+/login\?key=([\w-]+)")


@dataclass
class Running:
    """A container that runs; ``folder`` holds its bundle and the state of runc."""

    image: Image
    folder: Path
    process: subprocess.Popen[bytes]
    name: str

    def runc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run runc on this container's state."""
        return subprocess.run(
            ["runc", f"--root={self.folder}/state", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as the container's user."""
        return self.runc("exec", self.name, *command)

    @property
    def log(self) -> str:
        """What the container has printed."""
        return (self.folder / "log").read_text("utf-8")

    @property
    def key(self) -> str:
        """The key that the log shows."""
        found = LOGIN.search(self.log)
        assert found, self.log
        return found[1]

    @property
    def pid(self) -> int:
        """The number that process 1 has outside."""
        return int(json.loads(self.runc("state", self.name).stdout)["pid"])

    def beside(self, *command: str) -> list[str]:
        """Return a command of this machine as one that runs in the container's network."""
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", *command]

    def request(self, url: str, *options: str) -> tuple[int, str]:
        """Return status and body of a request from the container's own network."""
        command = self.beside("curl", "--silent", "--noproxy", "*", "--max-time", "120")
        written = ["--write-out", "\n%{http_code}", *options, url]
        done = subprocess.run([*command, *written], capture_output=True, text=True, check=False)
        body, _, status = done.stdout.rpartition("\n")
        return int(status or 0), body

    def is_healthy(self) -> bool:
        """Return whether the health check of the image succeeds."""
        kind, *command = self.image.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return self.run(*command).returncode == 0

    def wait_until_healthy(self) -> None:
        """Wait for the health check."""
        self.wait(self.is_healthy, READY_WITHIN_S)

    def wait(self, claim: Callable[[], bool], within_s: float) -> None:
        """Wait until something holds; the log tells why it does not."""
        deadline = time.monotonic() + within_s
        while not claim():
            assert self.process.poll() is None, f"ended: {self.process.returncode}\n{self.log}"
            assert time.monotonic() < deadline, f"not within {within_s} s:\n{self.log}"
            time.sleep(0.5)

    def processes(self) -> list[str]:
        """Return states and names of the processes inside; Z: dead and not buried."""
        script = "cat /proc/[0-9]*/stat | sed 's/^[0-9]* (\\(.*\\)) \\(.\\) .*/\\2 \\1/'"
        return self.run("sh", "-c", script).stdout.splitlines()

    def stop(self) -> int:
        """Ask process 1 to end, as an engine does; return how it ended."""
        self.runc("kill", self.name, "TERM")
        return self.end()

    def end(self) -> int:
        """Wait for the end of process 1; return how it ended."""
        return self.process.wait(ENDED_WITHIN_S)

    def kill(self) -> None:
        """End it whatever it does."""
        self.runc("delete", "--force", self.name)
        self.process.wait(ENDED_WITHIN_S)


@dataclass(frozen=True)
class Options:
    """What ``docker run`` would be told."""

    user: str = ""
    command: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)


def make_volume(image: Image, folder: Path) -> Path:
    """Make a volume as an engine does: with the owner and the mode that the image has there."""
    volume = folder / "volume"
    original = image.files / "data"
    volume.mkdir()
    shutil.copystat(original, volume)
    shutil.chown(volume, original.stat().st_uid, original.stat().st_gid)
    return volume


def write_bundle(image: Image, folder: Path, volume: Path, options: Options) -> None:
    """Write what runc needs: the default command of the image over its files."""
    subprocess.run(["runc", "spec"], cwd=folder, check=True)
    path = folder / "config.json"
    spec: dict[str, Any] = json.loads(path.read_text())
    config = image.config
    user, _, group = (options.user or config["User"]).partition(":")
    process = spec["process"]
    process["user"] = {"uid": int(user), "gid": int(group or 0)}
    process["args"] = [*config["Entrypoint"], *(options.command or config["Cmd"])]
    process["env"] = [*config["Env"], *(f"{k}={v}" for k, v in options.environment.items())]
    process["cwd"] = config["WorkingDir"]
    process["terminal"] = False
    process.pop("rlimits", None)  # only a privileged runc may set them
    spec["root"] = {"path": str(image.files), "readonly": True}
    (folder / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
    spec["mounts"] += [
        bind(volume, "/data", "rw"),
        bind(folder / "hosts", "/etc/hosts", "ro"),
        {
            "destination": "/tmp",
            "type": "tmpfs",
            "source": "tmpfs",
            "options": ["nosuid", "nodev", "mode=1777"],
        },
    ]
    path.write_text(json.dumps(spec))


def bind(source: Path, destination: str, mode: str) -> dict[str, Any]:
    """Return a mount of something of this machine."""
    return {
        "destination": destination,
        "type": "bind",
        "source": str(source),
        "options": ["rbind", mode],
    }


def launch(image: Image, folder: Path, volume: Path, options: Options | None = None) -> Running:
    """Start a container; ``folder`` is made for it."""
    folder.mkdir()
    write_bundle(image, folder, volume, options or Options())
    name = f"zhiwen-{secrets.token_hex(4)}"
    command = ["runc", f"--root={folder}/state", "run", f"--bundle={folder}", name]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["nice", "-n15", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    return Running(image, folder, process, name)


@contextmanager
def running(
    image: Image, folder: Path, volume: Path, options: Options | None = None
) -> Iterator[Running]:
    """Run the default command of the image, wait until it is healthy, leave nothing behind."""
    container = launch(image, folder, volume, options)
    try:
        container.wait_until_healthy()
        yield container
    finally:
        container.kill()
