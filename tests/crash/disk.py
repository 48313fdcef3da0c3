"""Small, read-only and damaged disks for the tests, and the skip where they cannot be made."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

FILLER = "filler"
BLOCK = 4096


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[Path]:
    """Mount a small disk in memory at ``place``; skip the test where that is refused."""
    place.mkdir(parents=True, exist_ok=True)
    mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place))
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)


def mount(*arguments: str) -> None:
    """Mount, or skip the test with the reason."""
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is refused here: {done.stderr.strip()}")


def without_privilege() -> tuple[str, ...]:
    """Return the command by which a process obeys permissions even if root runs it, or skip."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and setpriv is not installed")
    rights = "-dac_override"
    return ("setpriv", f"--bounding-set={rights}", f"--inh-caps={rights}", "--")


def set_writable(folder: Path, is_writable: bool) -> None:
    """Give or take the right to write in a folder and to all that is in it."""
    for path in [folder, *folder.rglob("*")]:
        mode = path.stat().st_mode
        path.chmod(mode | 0o200 if is_writable else mode & ~0o222)


def fill_disk(place: Path, *, leave_bytes: int) -> None:
    """Fill a disk but for some bytes."""
    free_disk(place)
    left = shutil.disk_usage(place).free - leave_bytes
    with (place / FILLER).open("wb") as filler:
        if left > 0:
            with suppress(OSError):
                os.posix_fallocate(filler.fileno(), 0, left // BLOCK * BLOCK)


def free_disk(place: Path) -> None:
    """Make room again."""
    (place / FILLER).unlink(missing_ok=True)


def flip_bit(path: Path, position: int | None = None) -> None:
    """Change one bit of a file, in the middle unless told otherwise."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if position is None else position] ^= 1
    path.write_bytes(bytes(content))


def truncate(path: Path) -> None:
    """Cut a file off in the middle."""
    os.truncate(path, path.stat().st_size // 2)
