"""A few of the kills of ``make crash``, for every test run; ``ZHIWEN_KILLS`` asks for more."""

import os
import secrets
from pathlib import Path

import pytest

from tests.crash import kills
from tests.crash.api import Folder
from tests.crash.starter import Starter

pytestmark = pytest.mark.slow


@pytest.mark.timeout(3600)
def test_kills_at_random_moments_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    seed = secrets.randbelow(10**6)
    starter = Starter()
    folder, ledger = Folder(tmp_path, starter=starter), kills.Ledger()
    kills.prepare(folder, ledger)
    for number in range(int(os.environ.get("ZHIWEN_KILLS", "6"))):
        try:
            kills.kill_once(folder, ledger, number, seed)
        except AssertionError as error:
            raise AssertionError(f"kill {number} with the seed {seed}: {error}") from error
    starter.close()
