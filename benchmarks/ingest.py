"""What adding and deleting files costs, and whether it costs the same at any size.

``python -m benchmarks.ingest --json``

A real API serves throughout. CPU time is that of its process and all its children, until they rest.
Uploads into a knowledge base of 0 and into one of 100k chunks take turns, so that a busy machine
troubles both alike. Growth is measured without vectors ("none") and with vectors that cost next to
nothing ("hashing"), so that the dense index is in it; ``visible_growth_ratio`` adds what the next
search has to catch up with. The last figures compare with the usual way in the same run: a text
file through unstructured (``peer_loader.py``), the default model in torch (``one_by_one.py``).

"At 0" are in truth two hundred files of a line: off-topic detection is calibrated anew whenever a
quarter of the files has changed, which in an empty knowledge base is every time. What that costs
there is told apart: ``first_files.after_cpu_ms``, the work after the answer.

The processors are kept awake for it (``awake.py``), and a fixed loop of Python is timed beside
every upload, as a shared machine may be half as fast a minute later: ``yardstick_cpu_ms`` tells how
fast it was, and ``file4k_at0_per_yardstick`` is the median of each upload in terms of the loop.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median

from tqdm import tqdm

from benchmarks.api_process import Api, serve_api
from benchmarks.awake import keep_awake
from benchmarks.report import label, print_report
from benchmarks.stages import measure_shares
from benchmarks.texts import Prose, shuffle_samples
from configs import ROOT

FILE_BYTES = 4096
FILL_BYTES = 48_000  # of a file that fills: about a hundred chunks
FILLED_AT_ONCE = 40  # files of one request
YARDSTICK = 150_000  # rounds of a loop of Python, some milliseconds
LINES = 200  # files of a line in the small knowledge base
QUIET = {"UNSTRUCTURED_DISABLE_NOTICE": "1", "SCARF_NO_ANALYTICS": "true", "DO_NOT_TRACK": "true"}


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    chunks: int = 100_000  # of the large knowledge base
    repeats: int = 40  # uploads into each knowledge base
    text_bytes: int = 5 << 20
    rounds: int = 3  # of text files and of embedding; a round of the peer's loader takes a minute
    peer_rounds: int = 1
    embedded: int = 400  # chunks per round


QUICK = Plan(chunks=1_000, repeats=4, text_bytes=100_000, rounds=1, embedded=20)


@dataclass(slots=True)
class Costs:
    """What each file cost, in CPU milliseconds."""

    upload: list[float] = field(default_factory=list)
    delete: list[float] = field(default_factory=list)  # with the catch-up of the indexes
    catch_up: list[float] = field(default_factory=list)  # of the first search after an upload
    wall_s: list[float] = field(default_factory=list)  # of an upload, until it is answered
    yardstick: list[float] = field(default_factory=list)  # of a fixed loop beside each upload


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    parser.add_argument("--quick", action="store_true", help="a trial with figures of no meaning")
    flags = parser.parse_args()
    plan = QUICK if flags.quick else Plan()
    results: dict[str, float] = {}
    baselines: dict[str, float] = {}
    with serve_api() as api:
        with keep_awake():
            results |= measure_first_files(api, plan)
            for model, prefix in (("none", ""), ("hashing", "hashing_")):
                results |= measure_growth(api, plan, model, prefix)
        for language in ("en", "zh"):
            ratios, peer = measure_text(api, plan, language)
            results |= ratios
            baselines |= peer
    with serve_api() as api:
        ratios, peer = measure_embedding(api, plan)
        results |= ratios
        baselines |= peer
        own, children = api.rss_mb()
        results |= {"rss_mb": own + children, "rss_mb.api": own, "rss_mb.children": children}
    results |= label("share", measure_shares("all-MiniLM-L6-v2", plan.embedded))
    results |= label("share_lexical", measure_shares("none", plan.embedded * 10))
    settings = {name: getattr(plan, name) for name in Plan.__slots__}
    if flags.json:
        print_report("ingest", settings, results, baselines)
    else:
        for name, value in (results | baselines).items():
            print(f"{name:45} {value:10.2f}")


def measure_first_files(api: Api, plan: Plan) -> dict[str, float]:
    """Return what the first files of a knowledge base cost until the answer, and after it."""
    create(api, "first", "none")
    prose = Prose(4)
    answered: list[float] = []
    after: list[float] = []
    for number in progress(range(plan.repeats), "first files"):
        before = api.settle()
        upload(api, "first", {f"{number}.txt": prose.write(FILE_BYTES)})
        answered.append(api.cpu_ms() - before)
        after.append(api.settle() - before - answered[-1])
    return label("first_files", {"cpu_ms": fmean(answered), "after_cpu_ms": fmean(after)})


def measure_growth(api: Api, plan: Plan, model: str, prefix: str) -> dict[str, float]:
    """Return what a file of 4 KB costs in an empty and in a filled knowledge base."""
    names = {"at0": f"{model}-0", "at100k": f"{model}-100k"}
    for name in names.values():
        create(api, name, model)
    upload(api, names["at0"], {f"line-{n}.txt": Prose(n).write(60) for n in range(LINES)})
    filled_s = fill(api, names["at100k"], plan.chunks)
    costs = {size: Costs() for size in names}
    prose = Prose(2)
    for number in progress(range(plan.repeats), f"{model}: upload"):
        text = prose.write(FILE_BYTES)
        for size, name in names.items():
            add_one(api, name, f"new-{number}.txt", text, costs[size])
    for number in progress(range(plan.repeats), f"{model}: delete"):
        for size, name in names.items():
            delete_one(api, name, f"new-{number}.txt", prose, costs[size])
    figures: dict[str, float] = {f"fill_{prefix}chunks_per_s": plan.chunks / filled_s}
    for size, cost in costs.items():
        figures |= {
            f"file4k_{prefix}{size}_cpu_ms": median(cost.upload),
            f"file4k_{prefix}{size}_mean_cpu_ms": fmean(cost.upload),
            f"file4k_{prefix}{size}_s": median(cost.wall_s),
            f"delete_{prefix}{size}_cpu_ms": median(cost.delete),
        }
    small, large = costs["at0"], costs["at100k"]
    return figures | {
        f"{prefix}yardstick_cpu_ms": median(small.yardstick),
        f"file4k_{prefix}at0_per_yardstick": median(
            cost / unit for cost, unit in zip(small.upload, small.yardstick, strict=True)
        ),
        f"{prefix}growth_ratio": grow(small.upload, large.upload),
        f"{prefix}visible_growth_ratio": grow(seen(small), seen(large)),
        f"delete_{prefix}growth_ratio": grow(small.delete, large.delete),
    }


def grow(small: Sequence[float], large: Sequence[float]) -> float:
    """Return how many times as much the large one costs."""
    return median(large) / median(small)


def seen(costs: Costs) -> list[float]:
    """Return what each upload cost with the catch-up of the search that follows."""
    return [upload + later for upload, later in zip(costs.upload, costs.catch_up, strict=True)]


def add_one(api: Api, kb: str, name: str, text: str, costs: Costs) -> None:
    """Upload a file and note what it costs, alone and with the search that follows."""
    before = api.settle()
    started = time.monotonic()
    upload(api, kb, {name: text})
    costs.wall_s.append(time.monotonic() - started)
    done = api.settle()
    costs.upload.append(done - before)
    costs.yardstick.append(measure_yardstick())
    costs.catch_up.append(search_twice(api, kb, text[:60].split("\n")[0], done))


def measure_yardstick() -> float:
    """Return the CPU milliseconds of a fixed loop."""
    before = time.process_time()
    sum(number * number for number in range(YARDSTICK))
    return 1000 * (time.process_time() - before)


def delete_one(api: Api, kb: str, name: str, prose: Prose, costs: Costs) -> None:
    """Delete a file and note what it costs until the indexes have caught up."""
    before = api.settle()
    api.request("DELETE", f"/knowledge_bases/{kb}/files/{name}", 204)
    done = api.settle()
    costs.delete.append(done - before + search_twice(api, kb, prose.word(), done))


def search_twice(api: Api, kb: str, query: str, before: float) -> float:
    """Return how much more a first search costs than the same one again: what it caught up with."""
    search(api, kb, query)
    first = api.settle()
    search(api, kb, query)
    return (first - before) - (api.settle() - first)


def create(api: Api, name: str, model: str, **options: int) -> None:
    """Create a knowledge base."""
    body = {"name": name, "embedding_model": model, **options}
    api.request("POST", "/knowledge_bases", 201, json=body)


def upload(api: Api, kb: str, files: dict[str, str]) -> None:
    """Upload texts as files in one request, each of which must be added."""
    parts = [("files", (name, text.encode())) for name, text in files.items()]
    api.request("POST", f"/knowledge_bases/{kb}/files", 201, files=parts)


def search(api: Api, kb: str, query: str) -> None:
    """Search a knowledge base."""
    api.request("POST", f"/knowledge_bases/{kb}/search", json={"query": query})


def count_chunks(api: Api, kb: str) -> int:
    """Return how many chunks a knowledge base has."""
    files = api.request("GET", f"/knowledge_bases/{kb}/files").json()
    return sum(file["chunks"] for file in files)


def fill(api: Api, kb: str, chunks: int) -> float:
    """Upload files until the knowledge base has so many chunks; return the seconds it took."""
    prose = Prose(1)
    started = time.monotonic()
    have, number = 0, 0
    with tqdm(total=chunks, desc=f"{kb}: fill", file=sys.stderr, mininterval=2) as bar:
        while have < chunks:
            numbers = range(number, number + FILLED_AT_ONCE)
            upload(api, kb, {f"{n:05}.txt": prose.write(FILL_BYTES) for n in numbers})
            number += FILLED_AT_ONCE
            bar.update(-have + (have := count_chunks(api, kb)))
    return time.monotonic() - started


def measure_text(api: Api, plan: Plan, language: str) -> tuple[dict[str, float], dict[str, float]]:
    """Return what a large text file costs through all of ours, and through the peer's loader."""
    kb, prefix = f"text-{language}", "text5mb" if language == "en" else f"text5mb_{language}"
    create(api, kb, "none", chunk_size=250, chunk_overlap=50)
    ours: list[float] = []
    theirs: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="zhiwen-bench-") as folder:
        for number in progress(range(plan.rounds), f"text file, {language}"):
            text = shuffle_samples(number, plan.text_bytes, language)
            path = Path(folder) / f"{number}.txt"
            path.write_text(text, "utf-8")
            before = api.settle()
            upload(api, kb, {path.name: text})
            ours.append((api.settle() - before) / 1000)
            if number < plan.peer_rounds:
                theirs.append(run_child("benchmarks.peer_loader", str(path)))
    peer_s = median(run["load_cpu_s"] + run["split_cpu_s"] for run in theirs)
    loader_s = median(run["load_cpu_s"] for run in theirs)
    results = {
        f"{prefix}_cpu_s": median(ours),
        f"{prefix}_vs_unstructured_ratio": peer_s / median(ours),
    }
    baselines = {f"{prefix}_cpu_s": peer_s, f"{prefix}_load_s": loader_s}
    return results, label("unstructured", baselines)


def measure_embedding(api: Api, plan: Plan) -> tuple[dict[str, float], dict[str, float]]:
    """Return chunks per second with the default model, beside one text at a time in torch."""
    create(api, "vectors", "all-MiniLM-L6-v2")
    prose = Prose(3)
    upload(api, "vectors", {"first.txt": prose.write(FILE_BYTES, chinese=0)})  # loads the model
    speeds: list[float] = []
    theirs: list[float] = []
    efforts: list[float] = []  # CPU time of theirs over ours, for the same texts
    for number in progress(range(plan.rounds), "embedding"):
        name = f"{number}.txt"
        text = prose.write(plan.embedded * 420, chinese=0)  # a chunk of 500 shares 100 characters
        before = api.settle()
        started = time.monotonic()
        upload(api, "vectors", {name: text})
        elapsed_s = time.monotonic() - started
        cpu_s = (api.settle() - before) / 1000
        path = f"/knowledge_bases/vectors/files/{name}/chunks"
        texts = [chunk["text"] for chunk in api.request("GET", path).json()]
        speeds.append(len(texts) / elapsed_s)
        run = run_child("benchmarks.one_by_one", stdin=json.dumps(texts))
        theirs.append(run["texts"] / run["wall_s"])
        efforts.append(run["cpu_s"] / cpu_s)
    ratio = median(ours / other for ours, other in zip(speeds, theirs, strict=True))
    results = {
        "chunks_per_s": median(speeds),
        "chunks_per_s_vs_one_by_one_ratio": ratio,
        "chunks_per_cpu_s_vs_one_by_one_ratio": median(efforts),
    }
    return results, {"one_by_one.chunks_per_s": median(theirs)}


def run_child(module: str, *arguments: str, stdin: str = "") -> dict[str, float]:
    """Run a baseline in a process of its own and return the line of JSON that it prints."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        input=stdin,
        cwd=ROOT,
        env=os.environ | QUIET,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    report: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return report


def progress(numbers: range, text: str) -> Iterator[int]:
    """Yield the numbers and show how far it is."""
    yield from tqdm(numbers, desc=text, file=sys.stderr, mininterval=2)


if __name__ == "__main__":
    main()
