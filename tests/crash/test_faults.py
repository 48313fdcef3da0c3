"""A few of the fault points of ``make crash``, and whether all can be reached, for every run."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.crash import faults
from tests.crash.faults import Bench, Case
from tests.crash.points import SERVER, named_points
from tests.crash.reasons import UNREACHED
from tests.crash.scenarios import SCENARIOS
from tests.crash.starter import Starter

KILLED = ("upload several files as a job", "delete a knowledge base", "change the embedding model")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    starter = Starter()
    yield Bench(tmp_path_factory.mktemp("faults"), starter)
    starter.close()


@pytest.fixture(scope="module")
def cases(bench: Bench) -> list[Case]:
    for scenario in SCENARIOS:
        bench.prepare(scenario)
    with ThreadPoolExecutor(2) as lanes:
        traced = lanes.map(lambda scenario: faults.trace(bench, scenario), SCENARIOS)
        return [case for some in traced for case in some]


def test_every_fault_point_is_reached_by_a_scenario(cases: list[Case]) -> None:
    reached = {case.point for case in cases}
    named = {place.what for place in named_points(SERVER)}
    assert named - reached - set(UNREACHED) == set()


def test_a_kill_at_a_fault_point_leaves_the_old_state_or_the_new_one(
    bench: Bench, cases: list[Case]
) -> None:
    for name in KILLED:
        some = [case for case in cases if case.scenario == name]
        case = some[len(some) // 2]
        try:
            faults.run_case(bench, case, f"kill-{name}")
        except AssertionError as error:
            raise AssertionError(f"{case}: {error}") from error
