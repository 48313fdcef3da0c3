"""A few of the fault points of ``make crash``, for every test run."""

from pathlib import Path

import pytest

from tests.crash import faults
from tests.crash.scenarios import SCENARIOS

CHOSEN = ("upload several files as a job", "delete a knowledge base", "re-index")
pytestmark = pytest.mark.slow


def test_a_kill_at_a_fault_point_leaves_the_old_state_or_the_new_one(tmp_path: Path) -> None:
    bench = faults.Bench(tmp_path)
    for number, scenario in enumerate(item for item in SCENARIOS if item.name in CHOSEN):
        cases = faults.trace(bench, scenario)
        case = cases[len(cases) // 2]
        try:
            faults.run_case(bench, case, f"kill-{number}")
        except AssertionError as error:
            raise AssertionError(f"{case}: {error}") from error
