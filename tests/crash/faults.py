"""One scenario, ended at one fault point: the process dies there, and nothing is lost."""

import json
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from tests.crash.api import DEAD, Api, Folder, running, wait_childless
from tests.crash.audit import age, check_folder, rows_of
from tests.crash.documents import World, allow
from tests.crash.scenarios import CLOCK, SCENARIOS, Scenario
from tests.crash.seen import answers, check_world
from tests.crash.starter import Starter
from tests.crash.usual import OTHER, QUESTIONS, fill

OFTEN = ("file.", "reindexed_file", "other_vectors", "remove_kb", "lexical", "content", "blob")
FULL = "The disk cannot be written"  # begins the error that a client or a start is told


@dataclass(frozen=True)
class Case:
    """A scenario that is killed when it passes a point for the n-th time."""

    scenario: str
    point: str
    number: int

    def __str__(self) -> str:
        return f"{self.scenario}: {self.point}" + (f":{self.number}" if self.number > 1 else "")


class Bench:
    """Prepared data folders, each made once and copied for every case."""

    def __init__(self, root: Path, starter: Starter | None = None) -> None:
        self.root = root
        self.starter = starter
        self._prepared: dict[object, Path] = {}

    def prepare(self, scenario: Scenario) -> Path:
        """Return the folder that a scenario begins with."""
        is_usual = OTHER in scenario.before
        key = (is_usual, scenario.prepare)
        if key not in self._prepared:
            place = self.root / f"prepared-{len(self._prepared)}"
            if is_usual:
                shutil.copytree(self.fill(), place)
            else:
                place.mkdir()
            if scenario.prepare is not None:
                scenario.prepare(Folder(place, starter=self.starter))
            self._prepared[key] = place
        return self._prepared[key]

    def fill(self) -> Path:
        """Return a folder in the usual state."""
        place = self.root / "usual"
        if not place.exists():
            place.mkdir()
            fill(Folder(place, starter=self.starter))
        return place

    def copy(self, scenario: Scenario, name: str) -> Folder:
        """Return a copy of that folder."""
        place = self.root / name
        shutil.copytree(self.prepare(scenario), place)
        return Folder(place, scenario.settings, starter=self.starter)


def trace(bench: Bench, scenario: Scenario) -> list[Case]:
    """Carry a scenario out to its end; return the points that it passes, each as a case.

    A point that is passed several times gives a second case in the middle.
    """
    folder = bench.copy(scenario, f"trace-{scenario.name}")
    with running(folder, f"trace={folder.trace}") as api:
        before = passed_at_start(api, scenario)
        carry_out(api, scenario)
        api.wait_quiet()
        passed = folder.passed()
        check_end(api, scenario)
        check_folder(folder)
    return [
        Case(scenario.name, point, number)
        for point, count in sorted(passed.items())
        if point not in before and counts(scenario, point)
        for number in ([1, 1 + count // 2] if count > 1 and point.startswith(OFTEN) else [1])
    ]


def counts(scenario: Scenario, point: str) -> bool:
    """Return whether a scenario is killed at a point that it passes."""
    return point.startswith(scenario.only) if scenario.only else not point.startswith(CLOCK)


def passed_at_start(api: Api, scenario: Scenario) -> set[str]:
    """Return the points of every start: the scenarios that are a start are killed there."""
    if scenario.is_start:
        return set()
    api.wait_quiet()
    return set(api.folder.passed())


def run_case(bench: Bench, case: Case, name: str) -> None:
    """Kill a scenario at a point, start again and check everything."""
    scenario = scenario_of(case)
    folder = bench.copy(scenario, name)
    is_accepted = kill(folder, scenario, f"kill={case.point}:{case.number}")
    age(folder)
    worlds = allowed_worlds(scenario, is_accepted)
    check_recovered(folder, bench.prepare(scenario), scenario, worlds)
    shutil.rmtree(folder.root)


def run_full_case(bench: Bench, case: Case, name: str) -> None:
    """Let the disk be full at a point, make room by a new start, and check everything."""
    scenario = scenario_of(case)
    folder = bench.copy(scenario, name)
    is_accepted = meet_full_disk(folder, scenario, f"full={case.point}")
    age(folder)
    worlds = allowed_worlds(scenario, is_accepted)
    check_recovered(folder, bench.prepare(scenario), scenario, worlds)
    shutil.rmtree(folder.root)


def meet_full_disk(folder: Folder, scenario: Scenario, fault: str) -> bool:
    """Carry a scenario out on a full disk; return whether the request was accepted."""
    with running(folder, fault, is_awaited=False) as api:
        if not api.wait_ready():
            assert api.process.returncode == 1, api.output()
            assert FULL in api.output(), api.output()
            return False
        answer = scenario.request(api)
        is_accepted = answer is None or answer.status_code in scenario.accepted
        if answer is not None and not is_accepted:
            right = {507: FULL, 503: "No space left"}  # 503: an index that cannot be made
            assert answer.status_code in right, f"{answer.status_code} {answer.text}"
            assert right[answer.status_code] in answer.text, answer.text
        if OTHER in scenario.before:
            answers(api, OTHER, QUESTIONS)
        api.stop()
        return is_accepted


def allowed_worlds(scenario: Scenario, is_accepted: bool) -> list[World]:
    """Return the states of which one must be there after a fault."""
    is_sure = is_accepted or scenario.is_start
    ends = [scenario.after, *scenario.or_after]
    return ends if is_sure else [scenario.before, *ends]


def scenario_of(case: Case) -> Scenario:
    return next(scenario for scenario in SCENARIOS if scenario.name == case.scenario)


def kill(folder: Folder, scenario: Scenario, fault: str) -> bool:
    """Let a scenario run into its death; return whether the request had been accepted."""
    with running(folder, fault, is_awaited=False) as api:
        is_accepted = False
        if api.wait_ready():
            with suppress(*DEAD):
                is_accepted = send(api, scenario) is not None
        api.wait_dead()
        return is_accepted


def check_recovered(
    folder: Folder, prepared: Path, scenario: Scenario, worlds: Sequence[World]
) -> None:
    """Start again: wholly old or wholly new, no orphan, and a repetition that succeeds."""
    with running(folder) as api:
        wait_childless(folder, api.process.pid)
        api.wait_all_jobs()
        check_world(api, allow(*worlds))
        check_folder(folder)
        check_untouched(api, Folder(prepared), worlds)
        carry_out(api, scenario, is_repeated=True)
        api.wait_all_jobs()
        check_end(api, scenario)
        check_untouched(api, Folder(prepared), worlds)
        api.stop()


def check_end(api: Api, scenario: Scenario) -> None:
    """Check that all is as it must be when the scenario was carried out."""
    ends = [scenario.after, *scenario.or_after]
    assert check_world(api, allow(*ends)) in ends


def check_untouched(api: Api, prepared: Folder, worlds: Iterable[World]) -> None:
    """Check that the other knowledge base has the same rows and gives the same answers."""
    if all(OTHER in world for world in worlds):
        assert rows_of(api.folder, OTHER) == rows_before(prepared)
        assert answers(api, OTHER, QUESTIONS) == json.loads(prepared.answers.read_text())


def rows_before(prepared: Folder) -> list[tuple[object, ...]]:
    """Return the rows of the other knowledge base before; reads a copy.

    SQLite makes files beside a database that it reads, and removes them again, while others copy
    the folder.
    """
    with TemporaryDirectory() as name:
        copy = Folder(Path(name))
        copy.data.mkdir()
        for file in prepared.data.glob("zhiwen.db*"):
            shutil.copy(file, copy.data)
        return rows_of(copy, OTHER)


def carry_out(api: Api, scenario: Scenario, *, is_repeated: bool = False) -> None:
    """Send the request of a scenario and wait for its job, if it has one."""
    answer = send(api, scenario, is_repeated=is_repeated)
    if answer is not None and answer.status_code == 202:
        job = api.wait_job(answer.json()["id"])
        assert job["status"] == "done", job


def send(api: Api, scenario: Scenario, *, is_repeated: bool = False) -> httpx.Response | None:
    """Send the request of a scenario, which must be accepted."""
    answer = scenario.request(api)
    if answer is not None:
        right = scenario.accepted + (scenario.again if is_repeated else ())
        assert answer.status_code in right, f"{answer.status_code} {answer.text}"
    return answer
