"""Runtimes for the default embedding model on this processor, and how well they agree.

``python -m benchmarks.embed --json``

Every backend embeds the same English chunks of 100 to 500 characters, in turns; ``ratio`` is the
median over the rounds of chunks per second, against float32 in torch with the same batches
(``torch``); ``cpu_ratio`` the same for CPU time. ``_vs_one_by_one`` compares with torch embedding
one text after the other. Cosines compare the vectors with the latter's. OpenVINO takes part if it
is installed.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from benchmarks.report import label, print_report
from configs import ROOT
from embeddings import Vectors
from embeddings.minilm import (
    USUAL_TOKENS,
    MiniLmEmbedder,
    find_graph,
    group_by_length,
    load_tokenizer,
    locate_model,
    pad,
)
from embeddings.openvino_session import OpenVinoSession
from embeddings.process import EmbeddingProcess

SAMPLES = ("api-integration-guide.md", "crop-recipes.md", "HubOS release notes.md")
BATCH_TOKENS = 8 * USUAL_TOKENS  # as the product does with its default settings
ONE_BY_ONE, TORCH = "torch_one_by_one", "torch"
BASELINES = (ONE_BY_ONE, TORCH, "torch_batch32")

Inputs = Mapping[str, NDArray[np.int64]]
Run = Callable[[Inputs], Vectors]
Embed = Callable[[list[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Backend:
    """One way to embed; ``pid`` is the process that does the work."""

    embed: Embed
    pid: int


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--texts", type=int, default=128, help="chunks of a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    flags = parser.parse_args()
    texts = make_chunks(flags.texts)
    with tempfile.TemporaryDirectory(prefix="zhiwen-bench-") as folder:
        process = EmbeddingProcess(
            cache=Path(folder), batch_size=8, threads=flags.threads, runtime="auto"
        )
        try:
            backends = open_backends(Path(folder), flags.threads, process)
            figures = measure(backends, texts, flags.rounds)
            figures["process"]["rss_mb"] = psutil.Process(process.pid).memory_info().rss / 1e6
        finally:
            process.stop()
    settings = {"texts": flags.texts, "rounds": flags.rounds, "threads": flags.threads}
    results, baselines = split(figures)
    if flags.json:
        print_report("embed", settings, results, baselines)
    else:
        for name, value in {**baselines, **results}.items():
            print(f"{name:48} {value:10.4f}")


def make_chunks(count: int) -> list[str]:
    """Return passages of the English samples, of 100 to 500 characters, from random places."""
    folder = ROOT / "samples" / "documents"
    words = " ".join((folder / name).read_text("utf-8") for name in SAMPLES).split()
    random = Random(1)
    chunks = []
    for _ in range(count):
        size, start = random.randint(100, 500), random.randrange(len(words))
        passage = " ".join(words[(start + offset) % len(words)] for offset in range(size // 2))
        chunks.append(passage[:size])
    return chunks


def open_backends(folder: Path, threads: int, process: EmbeddingProcess) -> dict[str, Backend]:
    """Return all that this installation can run, loaded."""
    ours = MiniLmEmbedder(cache=folder, batch_size=8, threads=threads)
    ours.embed_query("build the graph")
    graph = find_graph(folder)
    assert graph is not None  # it has just been built
    int8 = quantize(graph, folder)
    fp32, bf16 = open_torch(threads, "float32"), open_torch(threads, "bfloat16")
    chosen: dict[str, Embed] = {
        ONE_BY_ONE: in_batches(fp32, tokens=1),
        TORCH: in_batches(fp32),
        "torch_batch32": in_batches(fp32, texts_at_once=32),
        "torch_bf16": in_batches(bf16),
        "onnxruntime": ours.embed_documents,
        "onnxruntime_batch8": in_batches(open_onnxruntime(graph, threads), texts_at_once=8),
        "onnxruntime_batch32": in_batches(open_onnxruntime(graph, threads), texts_at_once=32),
        "onnxruntime_arena": in_batches(open_onnxruntime(graph, threads, arena=True)),
        "onnxruntime_spinning": in_batches(open_onnxruntime(graph, threads, spinning=True)),
        "onnxruntime_int8": in_batches(open_onnxruntime(int8, threads)),
    }
    if find_spec("openvino"):
        chosen["openvino"] = in_batches(open_openvino(graph, threads))
        chosen["openvino_fp32"] = in_batches(open_openvino(graph, threads, precision="f32"))
        chosen["openvino_int8"] = in_batches(open_openvino(int8, threads))
    backends = {name: Backend(embed, os.getpid()) for name, embed in chosen.items()}
    through = in_process(process)
    through(["load the model"])
    assert process.pid is not None  # it has just answered
    return {**backends, "process": Backend(through, process.pid)}


def in_process(process: EmbeddingProcess) -> Embed:
    """Return the product's way: everything in the embedding process."""
    return lambda texts: process.embed("all-MiniLM-L6-v2", texts, MiniLmEmbedder.dimension)


def in_batches(run: Run, *, tokens: int = BATCH_TOKENS, texts_at_once: int = 0) -> Embed:
    """Return a function that embeds in batches by tokens, or of a number of texts."""
    tokenizer = load_tokenizer(locate_model())

    def embed(texts: list[str]) -> Vectors:
        rows = [np.array(encoding.ids, np.int64) for encoding in tokenizer.encode_batch(texts)]
        if texts_at_once:
            order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
            starts = range(0, len(order), texts_at_once)
            batches = [order[start : start + texts_at_once] for start in starts]
        else:
            batches = list(group_by_length(rows, tokens))
        vectors = np.empty((len(texts), MiniLmEmbedder.dimension), np.float32)
        for batch in batches:
            vectors[batch] = run(pad([rows[place] for place in batch]))
        return vectors

    return embed


def open_torch(threads: int, precision: str) -> Run:
    """Return the model in torch, as its makers publish it."""
    # Threads that spin while they wait would count as work wherever something else runs.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch
    from transformers import AutoModel

    torch.set_num_threads(threads)
    kind = getattr(torch, precision)
    model = AutoModel.from_pretrained(str(locate_model()), dtype=kind).eval()

    @torch.inference_mode()
    def run(inputs: Inputs) -> Vectors:
        tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
        states = model(**tensors).last_hidden_state.float()
        mask = tensors["attention_mask"][..., None]
        mean = (states * mask).sum(1) / mask.sum(1)
        vectors: Vectors = torch.nn.functional.normalize(mean, dim=1).numpy()
        return vectors

    return run


def open_onnxruntime(
    graph: Path, threads: int, *, arena: bool = False, spinning: bool = False
) -> Run:
    """Return our graph in onnxruntime, with other options than the product's."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = arena
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    session = onnxruntime.InferenceSession(str(graph), options, ["CPUExecutionProvider"])
    return lambda inputs: session.run(["vectors"], inputs)[0]


def open_openvino(graph: Path, threads: int, precision: str = "") -> Run:
    """Return our graph in OpenVINO; without a precision it chooses one for the processor."""
    session = OpenVinoSession(graph, threads, precision)
    return lambda inputs: session.run(["vectors"], inputs)[0]


def quantize(graph: Path, folder: Path) -> Path:
    """Return our graph with int8 weights, activations scaled while it runs."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    path = folder / "int8.onnx"
    quantize_dynamic(str(graph), str(path), weight_type=QuantType.QInt8, per_channel=True)
    return path


def measure(
    backends: Mapping[str, Backend], texts: list[str], rounds: int
) -> dict[str, dict[str, float]]:
    """Return the figures of each backend."""
    vectors = {name: backend.embed(texts) for name, backend in backends.items()}
    walls: dict[str, list[float]] = {name: [] for name in backends}
    cpus: dict[str, list[float]] = {name: [] for name in backends}
    for round_ in range(rounds):
        print(f"round {round_ + 1} of {rounds}", file=sys.stderr)
        for name, backend in backends.items():
            process: Any = psutil.Process(backend.pid)  # psutil has no types
            before = time.monotonic(), sum(process.cpu_times()[:2])
            backend.embed(texts)
            walls[name].append(time.monotonic() - before[0])
            cpus[name].append(sum(process.cpu_times()[:2]) - before[1])
    figures = {}
    for name in backends:
        cosines = (vectors[name] * vectors[ONE_BY_ONE]).sum(1)
        figures[name] = {
            "chunks_per_s": len(texts) / statistics.median(walls[name]),
            "cpu_ms": 1000 * statistics.median(cpus[name]) / len(texts),
            "ratio": median_ratio(walls[TORCH], walls[name]),
            "cpu_ratio": median_ratio(cpus[TORCH], cpus[name]),
            "ratio_vs_one_by_one": median_ratio(walls[ONE_BY_ONE], walls[name]),
            "cpu_ratio_vs_one_by_one": median_ratio(cpus[ONE_BY_ONE], cpus[name]),
            "min_cosine": float(cosines.min()),
            "mean_cosine": float(cosines.mean()),
        }
    return figures


def median_ratio(theirs: list[float], ours: list[float]) -> float:
    """Return the median over the rounds of how many times longer theirs takes."""
    return statistics.median(a / b for a, b in zip(theirs, ours, strict=True))


def split(figures: Mapping[str, Mapping[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """Return the results and the baselines under flat names."""
    results: dict[str, float] = {}
    baselines: dict[str, float] = {}
    for name, values in figures.items():
        (baselines if name in BASELINES else results).update(label(name, values))
    return results, baselines


if __name__ == "__main__":
    main()
