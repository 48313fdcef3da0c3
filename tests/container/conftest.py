"""One image for all tests of a run; building it is most of the time."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container import host
from tests.container.image import Image, Store

SIZE_MB = pytest.StashKey[int]()


@pytest.fixture(scope="session")
def image(request: pytest.FixtureRequest) -> Iterator[Image]:
    """Build the image; ``ZHIWEN_TEST_STORE`` names a folder that keeps it for the next run."""
    if reason := host.obstacle():
        pytest.skip(reason)
    kept = os.environ.get("ZHIWEN_TEST_STORE")
    with tempfile.TemporaryDirectory(prefix="zhiwen-image-") as passing:
        store = Store(Path(kept or passing))
        built = store.build()
        request.config.stash[SIZE_MB] = built.size_mb
        yield built
        store.buildah("rm", "--all")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Report the size."""
    if SIZE_MB in config.stash:
        terminalreporter.line(f"The image for CPUs: {config.stash[SIZE_MB]} MiB")
