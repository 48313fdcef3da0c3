"""``python -m tests.crash``: every fault point of every scenario, then kills at random moments."""

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from configs import ROOT
from tests.crash import faults, kills
from tests.crash.api import Folder
from tests.crash.faults import Bench, Case
from tests.crash.points import SERVER, named_points
from tests.crash.reasons import UNREACHED
from tests.crash.scenarios import SCENARIOS
from tests.crash.starter import Starter

LANES = 2  # data folders side by side
KILLS = 50
NEVER_FULL = (".after_", "unlink", "removal", "drop")  # all is written, or something is deleted
OTHER_TESTS = ("tests/crash/test_points.py", "tests/crash/test_disk.py")


@dataclass(frozen=True)
class Result:
    """One line of the table."""

    group: str
    name: str
    error: str = ""  # "": it passed

    def __str__(self) -> str:
        return f"  {'FAIL' if self.error else 'ok  '}  {self.name}"


def main() -> int:
    """Run everything, print the table and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("--kills", type=int, default=int(os.environ.get("ZHIWEN_KILLS", KILLS)))
    add("--seed", type=int, default=secrets.randbelow(10**6), help="of the random moments")
    add("--only", default="", help="run the scenarios whose name holds this; no random kills")
    add("--keep", action="store_true", help="keep the data folders of what failed")
    flags = parser.parse_args()
    started = time.monotonic()
    root = Path(tempfile.mkdtemp(prefix="zhiwen-crash-"))
    starter = Starter()
    if flags.only:
        results = run_scenarios(root, starter, flags.only)
    else:
        with ThreadPoolExecutor(1) as beside:
            others = beside.submit(run_other_tests)
            results = run_scenarios(root, starter, "")
            results += run_kills(root, starter, flags.kills, flags.seed)
            results += others.result()
    starter.close()
    print_table(results, time.monotonic() - started)
    if not flags.keep:
        shutil.rmtree(root, ignore_errors=True)
    return int(any(result.error for result in results))


def run_scenarios(root: Path, starter: Starter, only: str) -> list[Result]:
    """Trace every scenario, then kill it at each of its points, then let the disk be full there."""
    bench = Bench(root, starter)
    wanted = [scenario for scenario in SCENARIOS if only in scenario.name]
    for scenario in wanted:
        bench.prepare(scenario)
    cases: list[Case] = []

    def trace(number: int) -> None:
        cases.extend(faults.trace(bench, wanted[number]))

    results = side_by_side("scenarios", [scenario.name for scenario in wanted], trace)
    cases.sort(key=lambda case: [scenario.name for scenario in wanted].index(case.scenario))
    results += side_by_side(
        "fault points",
        [str(case) for case in cases],
        lambda number: faults.run_case(bench, cases[number], f"kill-{number}"),
    )
    full = first_of_each_point(cases)
    results += side_by_side(
        "full disks",
        [str(case) for case in full],
        lambda number: faults.run_full_case(bench, full[number], f"full-{number}"),
    )
    if not only:
        results.append(check_reached({case.point for case in cases}))
    return results


def first_of_each_point(cases: Sequence[Case]) -> list[Case]:
    """Return one case for each point at which a disk can be full."""
    first: dict[str, Case] = {}
    for case in cases:
        if not any(word in case.point for word in NEVER_FULL):
            first.setdefault(case.point, case)
    return list(first.values())


def check_reached(reached: set[str]) -> Result:
    """Compare the points in the source with those that the scenarios passed."""
    missing = {place.what for place in named_points(SERVER)} - reached - set(UNREACHED)
    error = f"no scenario reaches {sorted(missing)}" if missing else ""
    return Result("scenarios", "all fault points in the source are reached", error)


def run_kills(root: Path, starter: Starter, count: int, seed: int) -> list[Result]:
    """Kill a loaded service again and again, on one data folder for each lane."""
    tell(f"random kills: --seed {seed}")
    results: list[list[Result]] = [[] for _ in range(LANES)]

    def run_lane(lane: int) -> None:
        place = root / f"lane-{lane}"
        place.mkdir()
        folder, ledger = Folder(place, starter=starter), kills.Ledger()
        kills.prepare(folder, ledger)
        for number in range(lane, count, LANES):
            done = attempt(
                "random kills",
                f"kill {number}",
                partial(kills.kill_once, folder, ledger, number, seed),
            )
            results[lane].append(done)
            if done.error:  # what is on this folder now is not what the ledger says
                return

    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(run_lane, range(LANES)))
    return [result for lane in results for result in lane]


def run_other_tests() -> list[Result]:
    """Run the tests of broken disks and locked databases."""
    command = [sys.executable, "-m", "pytest", "-q", "-rs", *OTHER_TESTS]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = run.stdout.strip().splitlines()
    for line in lines:
        if line.startswith("SKIPPED"):
            tell(line)
    return [
        Result("tests", f"pytest: {lines[-1].strip('= ')}", run.stdout if run.returncode else "")
    ]


def side_by_side(group: str, names: Sequence[str], work: Callable[[int], object]) -> list[Result]:
    """Do numbered pieces of work in lanes; none stops another."""
    with ThreadPoolExecutor(LANES) as pool:
        return list(
            pool.map(lambda item: attempt(group, item[1], lambda: work(item[0])), enumerate(names))
        )


def attempt(group: str, name: str, work: Callable[[], object]) -> Result:
    """Do a piece of work and return what became of it."""
    try:
        told = work()
        result = Result(group, f"{name} {told or ''}".strip())
    except Exception as error:  # noqa: BLE001  # the border of the case: others are to come
        result = Result(group, name, f"{type(error).__name__}: {error}")
    tell(f"{group}: {result}")
    if result.error:
        tell(result.error)
    return result


def print_table(results: Sequence[Result], seconds: float) -> None:
    """Print what passed and what did not, group by group, and the sums."""
    groups = dict.fromkeys(result.group for result in results)
    for group in groups:
        tell(f"\n{group}")
        for result in results:
            if result.group == group:
                tell(str(result))
    for result in results:
        if result.error:
            tell(f"\n--- {result.group}: {result.name}\n{result.error}")
    sums = [
        f"{sum(not r.error for r in some)} of {len(some)} {group}"
        for group in groups
        if (some := [result for result in results if result.group == group])
    ]
    tell(f"\n{', '.join(sums)}; {seconds:.0f} s")


def tell(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
