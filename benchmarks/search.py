"""What a search costs, and how it holds under load, at 1k, 10k and 100k chunks.

``python -m benchmarks.search --json``

The knowledge bases are written straight into SQL (``filled.py``). CPU time of the legs is taken
inside one process, in turns; ``embed_query_cpu_ms`` is told apart from ``dense_cpu_ms``, which
includes it. ``restart_s`` is the first answer at 100k chunks after a restart, without loading the
model. Requests per second and waiting times go over HTTP to a real API; the clients share the
machine with it. ``two_kbs.reload_ratio`` compares questions that go to two knowledge bases in turn
with as many that go to one. ``ingest.p99_ratio`` compares waiting times while files are uploaded
into the same knowledge base with those while none are.
"""

import argparse
import asyncio
import http.client
import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from urllib.parse import urlsplit

import numpy as np

from benchmarks.api_process import Api, serve_api
from benchmarks.filled import fill
from benchmarks.report import label, print_report
from benchmarks.texts import Prose
from configs import load_settings
from server.container import Container
from server.db.knowledge_bases import find_kb
from server.knowledge_base.analysis import analyze, language_of

MODEL = "all-MiniLM-L6-v2"
TWIN = "twin"  # as large as the middle one
DEPTH = 50
UPLOAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    sizes: tuple[tuple[str, int], ...] = (("1k", 1_000), ("10k", 10_000), ("100k", 100_000))
    clients: tuple[int, ...] = (1, 8, 32)
    questions: int = 200
    seconds: float = 6.0  # of each load
    rounds: int = 3  # of what is measured in turns


QUICK = Plan(
    sizes=(("1k", 1_000), ("2k", 2_000)), clients=(1, 4), questions=20, seconds=1, rounds=1
)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    parser.add_argument("--quick", action="store_true", help="a trial with figures of no meaning")
    flags = parser.parse_args()
    plan = QUICK if flags.quick else Plan()
    questions = make_questions(plan.questions)
    with tempfile.TemporaryDirectory(prefix="zhiwen-bench-") as folder:
        results = measure_inside(Path(folder), plan, questions)
        with serve_api(ZHIWEN_PATHS__DATA=folder, ZHIWEN_EMBEDDING__MODEL=MODEL) as api:
            results |= measure_served(api, plan, questions)
    settings = {name: getattr(plan, name) for name in Plan.__slots__} | {"model": MODEL}
    if flags.json:
        print_report("search", settings, results, {})
    else:
        for name, value in results.items():
            print(f"{name:35} {value:10.2f}")


def make_questions(count: int) -> list[str]:
    """Return questions of about six words, three of ten in Chinese."""
    prose, random = Prose(7), Random(7)
    questions = []
    for _ in range(count):
        if random.random() < 0.3:
            questions.append(prose.write(36, chinese=1))
        else:
            questions.append(" ".join(prose.word() for _ in range(6)))
    return questions


@contextmanager
def open_container(folder: Path) -> Iterator[Container]:
    """Open a service without samples on a data folder."""
    logs = folder / "logs"
    container = Container(
        load_settings(
            paths={"data": str(folder), "logs": str(logs)},
            kb={"create_samples": False},
            embedding={"model": MODEL},
        )
    )
    container.prepare()
    container.readiness.check()
    try:
        yield container
    finally:
        asyncio.run(container.close())


def measure_inside(folder: Path, plan: Plan, questions: Sequence[str]) -> dict[str, float]:
    """Fill all knowledge bases and return what a question costs at the largest, leg by leg."""
    largest = plan.sizes[-1][0]
    with open_container(folder) as container:
        for name, chunks in [*plan.sizes, (TWIN, plan.sizes[-2][1])]:
            fill(container, name, chunks, model=MODEL)
            say(f"index {name}")
            container.retriever.retrieve(name, questions[0])
            container.calibrator.refresh(name)
    with open_container(folder) as container:
        embedder = container.embedders.get(MODEL)
        assert embedder is not None  # it is no "none"
        embedder.embed_query("a word, so that the model is loaded")
        started, cpu = time.perf_counter(), time.process_time()
        container.retriever.retrieve(largest, questions[0])
        results = {
            "restart_s": time.perf_counter() - started,
            "restart_cpu_ms": 1000 * (time.process_time() - cpu),
        }
        say(f"legs at {largest}")
        without = container.settings.retrieval.model_copy(update={"sentence_vectors": 0})
        with container.database.read() as session:
            kb = find_kb(session, largest)
            with container.indexes.use(session, kb, embedder) as indexes:

                def lexical(question: str) -> None:
                    terms = analyze(question)
                    indexes.lexical.search(terms, DEPTH, language=language_of(question))
                    indexes.lexical.weights(terms)

                def dense(question: str) -> None:
                    vector = embedder.embed_query(question)[None, :]
                    if indexes.dense is not None:
                        indexes.dense.search(vector, DEPTH)

                legs: dict[str, Callable[[str], object]] = {
                    "lexical": lexical,
                    "dense": dense,
                    "embed_query": embedder.embed_query,
                    "hybrid": partial(container.retriever.retrieve, largest),
                    "hybrid_without_sentence_vectors": partial(
                        container.make_retriever(without).retrieve, largest
                    ),
                }
                english = [text for text in questions if language_of(text) == "en"]
                costs = {name: [cost(leg, text) for text in english] for name, leg in legs.items()}
        results |= {f"{name}_cpu_ms": median(values) for name, values in costs.items()}
        return results | measure_words(container, plan, questions)


def measure_words(container: Container, plan: Plan, questions: Sequence[str]) -> dict[str, float]:
    """Return what the whole retrieval of a question costs without vectors, and stage by stage.

    The stages are waiting times from the trace, the wholes are CPU times.
    """
    name, chunks = "words", plan.sizes[-1][1]
    fill(container, name, chunks, model="none")
    say(f"words alone, {name}")
    container.retriever.retrieve(name, questions[0])
    results: dict[str, float] = {}
    for language in ("en", "zh"):
        asked = [text for text in questions if language_of(text) == language]
        costs, stages = [], []
        for text in asked:
            started = time.process_time()
            found = container.retriever.retrieve(name, text)
            costs.append(1000 * (time.process_time() - started))
            stages.append(found.trace["timings_ms"])
        results[f"words_alone.{language}.cpu_ms"] = median(costs)
        for stage in stages[0]:
            waits = [each[stage] for each in stages]
            results[f"words_alone.{language}.{stage}_ms"] = median(waits)
    return results


def cost(leg: Callable[[str], object], question: str) -> float:
    """Return the CPU milliseconds of one call."""
    started = time.process_time()
    leg(question)
    return 1000 * (time.process_time() - started)


def measure_served(api: Api, plan: Plan, questions: Sequence[str]) -> dict[str, float]:
    """Return what clients see over HTTP."""
    results: dict[str, float] = {}
    names = [name for name, _ in plan.sizes]
    for name in [*names, TWIN]:
        run_load(api, [name], questions[:5], clients=1, seconds=0.5)  # opens the indexes
    for name in names:
        for clients in plan.clients:
            say(f"{name}, clients: {clients}")
            waits, elapsed_s = run_load(
                api, [name], questions, clients=clients, seconds=plan.seconds
            )
            figures = {"rps": len(waits) / elapsed_s, **quantiles(waits)}
            results |= label(f"{name}.{clients}", figures)
    return (
        results
        | compare_two(api, names[-2], plan, questions)
        | compare_ingest(api, names[-1], plan, questions)
    )


def compare_two(api: Api, name: str, plan: Plan, questions: Sequence[str]) -> dict[str, float]:
    """Return how much longer a question takes when the one before went to another one."""
    ratios = []
    for _ in range(2 * plan.rounds):
        one, _ = run_load(api, [name], questions, clients=1, seconds=plan.seconds / 2)
        two, _ = run_load(api, [name, TWIN], questions, clients=1, seconds=plan.seconds / 2)
        ratios.append(median(two) / median(one))
    return {"two_kbs.reload_ratio": median(ratios)}


def compare_ingest(api: Api, name: str, plan: Plan, questions: Sequence[str]) -> dict[str, float]:
    """Return how much longer the slowest questions take while files come in."""
    idle: list[float] = []
    busy: list[float] = []
    uploads = 0
    for number in range(plan.rounds):
        say(f"{name}: idle and while files come in, {number + 1} of {plan.rounds}")
        idle += run_load(api, [name], questions, clients=1, seconds=plan.seconds)[0]
        with uploading(api, name, first=number * 10_000) as done:
            busy += run_load(api, [name], questions, clients=1, seconds=plan.seconds)[0]
        uploads += len(done)
    before, during = quantiles(idle), quantiles(busy)
    return {
        "ingest.p50_ratio": during["p50_ms"] / before["p50_ms"],
        "ingest.p99_ratio": during["p99_ms"] / before["p99_ms"],
        **label("ingest.idle", before),
        **label("ingest.busy", during),
        "ingest.files_per_s": uploads / (plan.rounds * plan.seconds),
    }


@contextmanager
def uploading(api: Api, name: str, *, first: int) -> Iterator[list[str]]:
    """Upload small files one after another while the block runs; yields their names."""
    done: list[str] = []
    stop = threading.Event()
    prose = Prose(first)

    def work() -> None:
        while not stop.is_set():
            file = f"new-{first + len(done)}.txt"
            parts = [("files", (file, prose.write(UPLOAD_BYTES).encode()))]
            api.request("POST", f"/knowledge_bases/{name}/files", 201, files=parts)
            done.append(file)

    with ThreadPoolExecutor(1) as pool:
        working = pool.submit(work)
        try:
            yield done
        finally:
            stop.set()
            working.result()


def run_load(
    api: Api, names: Sequence[str], questions: Sequence[str], *, clients: int, seconds: float
) -> tuple[list[float], float]:
    """Ask from several clients at once; return the milliseconds of each answer and the seconds."""
    end = time.monotonic() + seconds

    def ask_on(client: int) -> list[float]:
        waits: list[float] = []
        with open_connection(api) as connection:
            number = client * len(questions) // clients
            while time.monotonic() < end or not waits:
                name = names[number % len(names)]
                started = time.perf_counter()
                ask(connection, name, questions[number % len(questions)])
                waits.append(1000 * (time.perf_counter() - started))
                number += 1
        return waits

    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        waits = [wait for part in pool.map(ask_on, range(clients)) for wait in part]
    return waits, time.perf_counter() - started


@contextmanager
def open_connection(api: Api) -> Iterator[http.client.HTTPConnection]:
    """Open a connection that costs the client little CPU time: it shares the machine."""
    address = urlsplit(api.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=600)
    try:
        yield connection
    finally:
        connection.close()


def ask(connection: http.client.HTTPConnection, name: str, question: str) -> None:
    """Search once.

    Raises:
        SystemExit: the answer is an error.
    """
    body = json.dumps({"query": question}).encode()
    path = f"/api/v1/knowledge_bases/{name}/search"
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise SystemExit(f"{path}: {answer.status} {content[:500]!r}")


def quantiles(waits: Sequence[float]) -> dict[str, float]:
    """Return the median and the 99th percentile."""
    return {
        "p50_ms": float(np.percentile(waits, 50)),
        "p99_ms": float(np.percentile(waits, 99)),
    }


def say(text: str) -> None:
    """Show how far it is."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
