"""Where the CPU time of an upload goes: reading, splitting, embedding, storing, indexing.

Knows which modules belong to which stage, and nothing of what they do.
"""

import json
import signal
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import psutil

from benchmarks.api_process import Api, process_clock_s, serve_api
from benchmarks.sampled_api import NATIVE
from benchmarks.texts import Prose

FILE_BYTES = 40_000
STAGES = ("read", "split", "embed", "store", "index", "rest")
WATCHED_MS = 25.0  # of CPU time within a tenth of a second: the watcher itself takes a third of it
PARTS: Mapping[str, str] = MappingProxyType(
    {  # the longest prefix counts; what is not named is "rest"
        "server.knowledge_base.loaders": "read",
        "server.knowledge_base.parse": "read",
        "server.knowledge_base.chunking": "split",
        "server.knowledge_base.splitters": "split",
        "server.knowledge_base.titles": "split",
        "server.knowledge_base.document_embedder": "embed",
        "server.knowledge_base.embedders": "embed",
        "embeddings": "embed",
        "server.db": "store",
        "server.knowledge_base.blobs": "store",
        "server.knowledge_base.indexes": "index",
        "server.knowledge_base.derived": "index",
        "server.knowledge_base.analysis": "index",
        NATIVE: "index",  # tantivy's; the model has a process of its own
    }
)


def measure_shares(model: str, chunks: int) -> dict[str, float]:
    """Return the share of each stage in percent, for about so many chunks in English."""
    prose = Prose(5)
    texts = {"warm-up.txt": prose.write(1000, chinese=0)}
    count = max(1, chunks * 420 // FILE_BYTES)
    texts |= {f"{number}.txt": prose.write(FILE_BYTES, chinese=0) for number in range(count)}
    with tempfile.TemporaryDirectory(prefix="zhiwen-bench-") as folder:
        report = Path(folder) / "report.json"
        with serve_api("-m", "benchmarks.sampled_api", str(report)) as api:
            body = {"name": "shares", "embedding_model": model}
            api.request("POST", "/knowledge_bases", 201, json=body)
            upload(api, "warm-up.txt", texts.pop("warm-up.txt"))
            api.settle(quiet_ms=WATCHED_MS)
            before = read_children(api)
            children = dict(before)
            api.process.send_signal(signal.SIGUSR1)
            for name, text in texts.items():
                upload(api, name, text)
                children |= read_children(api)  # often, for they come and go
            api.settle(quiet_ms=WATCHED_MS)
            children |= read_children(api)
            api.process.send_signal(signal.SIGUSR2)
            while not report.exists():
                time.sleep(0.05)
        parts: dict[str, float] = json.loads(report.read_text())
    sums = dict.fromkeys(STAGES, 0.0)
    for child, seconds in children.items():
        sums[child.stage] += seconds - before.get(child, 0.0)
    for part, seconds in parts.items():
        sums[stage_of(part)] += seconds
    total = sum(sums.values())
    return {stage: 100 * sums[stage] / total for stage in STAGES}


def upload(api: Api, name: str, text: str) -> None:
    """Upload one file."""
    files = {"files": (name, text.encode())}
    api.request("POST", "/knowledge_bases/shares/files", 201, files=files)


@dataclass(frozen=True, slots=True)
class Child:
    """A process of the API, and what it does."""

    pid: int
    stage: str


def read_children(api: Api) -> dict[Child, float]:
    """Return the CPU seconds of each child; their command lines tell what they do."""
    found: dict[Child, float] = {}
    for process in api.process.children(recursive=True):
        try:
            words = " ".join(process.cmdline())
            stage = "embed" if "embeddings" in words else "read" if "parse" in words else "rest"
            found[Child(process.pid, stage)] = process_clock_s(process.pid)
        except (psutil.NoSuchProcess, OSError):  # it has just ended
            continue
    return found


def stage_of(part: str) -> str:
    """Return the stage that a module belongs to."""
    fitting = [prefix for prefix in PARTS if part.startswith(prefix)]
    return PARTS[max(fitting, key=len)] if fitting else "rest"
