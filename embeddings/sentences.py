"""Vectors of a checkpoint by sentence-transformers; imported in the embedding process alone.

Knows no knowledge base and no protocol. A request never waits for the network: all is in the
folder, or it fails.
"""

import logging
import threading
from typing import Any

import numpy as np
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sentence_transformer.modules import Pooling

from embeddings import Vectors
from embeddings.checkpoint import Checkpoint
from server.errors import EmbeddingFailed

ON_ACCELERATOR = 8  # times the batch: it is idle with less
MODES = {"last": "lasttoken"}  # as sentence-transformers calls them


class SentenceEncoder:
    """A loaded checkpoint; takes one call at a time."""

    def __init__(self, name: str, checkpoint: Checkpoint, *, batch_size: int, threads: int) -> None:
        """Load the model.

        Raises:
            EmbeddingFailed: the files are not those that the service has read, or do not load.
        """
        self.dimension = checkpoint.dimension
        self.computed_dimension = checkpoint.computed_dimension
        if checkpoint.find_generation() != checkpoint.generation:
            reason = "its files have changed since the service started; start it again"
            raise EmbeddingFailed(model=name, reason=reason)
        quieten()
        if threads:
            torch.set_num_threads(threads)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.batch_size = batch_size * (1 if device == "cpu" else ON_ACCELERATOR)
        self._model = load_model(checkpoint, device)
        self._turn = threading.Lock()

    def embed(self, texts: list[str], prompt: str) -> Vectors:
        """Return float32 (n, dimension), unit rows; ``prompt`` stands before each text.

        Raises:
            ValueError: the vectors are not of the dimension that the files say, or one is zero or
                has values that are no numbers.
        """
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        with self._turn:
            rows = self._model.encode(
                # Without special tokens an empty text has no token, and no vector.
                [text if text.strip() else "." for text in texts],
                prompt=prompt,
                batch_size=self.batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        if rows.shape[1] != self.computed_dimension:
            raise ValueError(
                f"the model gave {rows.shape[1]} dimensions, but its files say "
                f"{self.computed_dimension}"
            )
        vectors = np.asarray(rows, np.float32)[:, : self.dimension]
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not (np.isfinite(lengths) & (lengths > 0)).all():
            raise ValueError("the model gave a vector that has no direction")
        return np.asarray(vectors / lengths, np.float32)


def quieten() -> None:
    """Keep what the libraries tell of their progress out of the log."""
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    transformers.utils.logging.disable_progress_bar()  # type: ignore[no-untyped-call]


def load_model(checkpoint: Checkpoint, device: str) -> SentenceTransformer:
    """Return the model in a folder, with the pooling that was chosen for it."""
    options: dict[str, Any] = {
        "trust_remote_code": checkpoint.trust_remote_code,
        "local_files_only": True,
    }
    # Half precision is slow on most processors; on an accelerator the weights stay as they are.
    weights = {**options, "dtype": torch.float32 if device == "cpu" else "auto"}
    if checkpoint.module_paths:
        model = SentenceTransformer(
            checkpoint.folder, device=device, model_kwargs={"dtype": weights["dtype"]}, **options
        )
        if not checkpoint.is_pooling_own:
            model = SentenceTransformer(modules=replace_pooling(model, checkpoint), device=device)
    else:
        body = Transformer(
            checkpoint.folder,
            model_kwargs=weights,
            processor_kwargs=options,
            config_kwargs=options,
        )
        pooling = make_pooling(body.get_embedding_dimension(), checkpoint.pooling)
        model = SentenceTransformer(modules=[body, pooling], device=device)
    model.max_seq_length = checkpoint.max_tokens
    return model.eval()


def replace_pooling(model: SentenceTransformer, checkpoint: Checkpoint) -> list[torch.nn.Module]:
    """Return the modules of a model with the chosen pooling in the place of theirs."""
    body, *others = list(model)
    assert isinstance(body, Transformer)  # noqa: S101  # ``read_modules`` refuses others
    rest = [module for module in others if not isinstance(module, Pooling)]
    return [body, make_pooling(body.get_embedding_dimension(), checkpoint.pooling), *rest]


def make_pooling(width: int, mode: str) -> Pooling:
    """Return a module that makes one vector of those of the tokens."""
    pooling: Pooling = Pooling(width, pooling_mode=MODES.get(mode, mode))
    return pooling
