"""Half an hour of mixed load: does anything go wrong, and does anything grow that should not?

``python -m benchmarks.soak --minutes 30 --json``

Six users upload, replace, delete, cancel, restore, re-index, search and ask (``load.py``) while
memory, descriptors and threads are read every two seconds. The first third is warm-up; over the
rest a line is laid (Theil-Sen: the median of the slopes between all pairs, which no peak bends).
Ends with status 1 if an answer was unexpected, the log holds an error, or a slope is beyond its
limit; runs under ten minutes are too short for slopes, and only what they are is told.
"""

import argparse
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from types import MappingProxyType

import numpy as np
import psutil
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.api_process import Api, serve_api
from benchmarks.load import Tally, prepare, visited
from benchmarks.report import label, print_report

USERS = 6
EVERY_S = 2.0
WARM_UP = 1 / 3  # of the run
SLOPES_FROM_MIN = 10.0
LIMITS: Mapping[str, float] = MappingProxyType(
    {  # per hour; memory breathes by tens of megabytes, which over half an hour looks like a slope
        "api_rss_mb": 60.0,
        "children_rss_mb": 120.0,
        "descriptors": 20.0,
        "threads": 10.0,
    }
)
TROUBLE = ("Traceback (most recent call last)", " ERROR ", " CRITICAL ")  # in the log


@dataclass(frozen=True, slots=True)
class Sample:
    """What the service holds at a moment."""

    hours: float  # since the load began
    api_rss_mb: float
    children_rss_mb: float
    descriptors: float  # of the API
    threads: float  # of the API


class Sampler:
    """Reads what the service holds, in a thread of its own."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.samples: list[Sample] = []
        self._started = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Sampler":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            try:
                self.samples.append(self._read())
            except psutil.NoSuchProcess:  # the API is gone: its visitors tell
                return

    def _read(self) -> Sample:
        own, children = self.api.rss_mb()
        process = self.api.process
        hours = (time.monotonic() - self._started) / 3600
        return Sample(hours, own, children, process.num_fds(), process.num_threads())


def main() -> None:
    """Load, watch and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    flags = parser.parse_args()
    tally = Tally()
    with serve_api(ZHIWEN_EMBEDDING__MODEL="hashing") as api:
        prepare(api.url)
        with Sampler(api) as sampler, visited(api.url, tally, range(1, USERS + 1)):
            wait(flags.minutes * 60, api)
        lines = api.log.read_text("utf-8", "replace").splitlines()
        troubles = [line for line in lines if any(word in line for word in TROUBLE)]
    figures = judge(sampler.samples)
    figures |= {
        "operations": float(sum(map(len, tally.seconds.values()))),
        "errors": float(len(tally.errors)),
        "log_errors": float(len(troubles)),
    }
    for name, seconds in sorted(tally.seconds.items()):
        figures |= label(name, {"count": float(len(seconds)), "p50_s": median(seconds)})
        figures[f"{name}.max_s"] = max(seconds)
    for line in [*tally.errors[:20], *troubles[:20]]:
        print(line, file=sys.stderr)
    if flags.json:
        settings = {"minutes": flags.minutes, "users": USERS, "limits_per_h": dict(LIMITS)}
        print_report("soak", settings, figures, {})
    else:
        for name, value in figures.items():
            print(f"{name:35} {value:10.2f}")
    too_steep = find_steep(figures) if flags.minutes >= SLOPES_FROM_MIN else []
    for name in too_steep:
        print(f"{name} grows by {figures[f'{name}_per_h']:.1f} an hour", file=sys.stderr)
    sys.exit(1 if tally.errors or troubles or too_steep else 0)


def wait(seconds: float, api: Api) -> None:
    """Wait, and show how far it is; an API that ends ends the wait."""
    started = time.monotonic()
    with tqdm(total=round(seconds), unit="s", file=sys.stderr, mininterval=10) as bar:
        while (passed := time.monotonic() - started) < seconds and api.process.is_running():
            time.sleep(min(1.0, seconds - passed))
            bar.update(round(passed) - bar.n)


def judge(samples: Sequence[Sample]) -> dict[str, float]:
    """Return the slope and the end of every figure, after the warm-up."""
    kept = samples[round(len(samples) * WARM_UP) :]
    if len(kept) < 2:
        raise SystemExit("The run was too short to say anything.")
    hours = np.array([sample.hours for sample in kept])
    figures: dict[str, float] = {}
    for name in LIMITS:
        values = np.array([asdict(sample)[name] for sample in kept])
        figures[f"{name}_per_h"] = fit_slope(hours, values)
        figures[f"{name}_median"] = float(np.median(values))
        figures[f"{name}_max"] = float(values.max())
    return figures


def fit_slope(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the median of the slopes between all pairs of points."""
    first, second = np.triu_indices(len(x), 1)
    return float(np.median((y[second] - y[first]) / (x[second] - x[first])))


def find_steep(figures: Mapping[str, float]) -> list[str]:
    """Return the names of what grows beyond its limit."""
    return [name for name, limit in LIMITS.items() if figures[f"{name}_per_h"] > limit]


if __name__ == "__main__":
    main()
