"""A checkpoint as an embedding model. Knows no torch: its texts go to the embedding process."""

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from configs.model_settings import EmbeddingModelSettings
from embeddings import Vectors
from embeddings.catalogue import find_known
from embeddings.checkpoint import Checkpoint, hub_name, read_checkpoint
from embeddings.interactive import InteractiveProcess
from embeddings.process import EmbeddingProcess
from embeddings.vocabulary import find_languages, load_tokenizer
from server.datatypes import Language
from server.errors import EmbeddingFailed

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class CheckpointEmbedder:
    """The model in a folder; nothing is read before it is needed."""

    def __init__(
        self,
        name: str,
        folder: Path,
        wishes: EmbeddingModelSettings,
        process: InteractiveProcess,
    ) -> None:
        self.name = name
        self.folder = folder
        self.wishes = wishes
        self.process = process
        self._reading = threading.Lock()

    @property
    def checkpoint(self) -> Checkpoint:
        """What the files say.

        Raises:
            EmbeddingFailed: they say nonsense, or there are none.
        """
        with self._reading:  # an exception leaves nothing behind, so the next call tries again
            return self._checkpoint

    @property
    def dimension(self) -> int:
        return self.checkpoint.dimension

    @property
    def generation(self) -> str:
        return self.checkpoint.generation

    @property
    def languages(self) -> frozenset[Language]:
        """Those of the settings, else the published ones, else what card and vocabulary show."""
        if self.wishes.languages:
            return frozenset(self.wishes.languages)
        known = find_known(self.name) or find_known(hub_name(self.folder))
        return known.languages if known else self._found_languages

    def embed_documents(self, texts: list[str]) -> Vectors:
        """Return float32 (n, dimension), unit rows; for few texts that somebody waits for."""
        return self._embed(self.process, texts, self.checkpoint.document_instruction)

    def embed_in(self, process: EmbeddingProcess, texts: list[str]) -> Vectors:
        """Return what ``embed_documents`` returns, computed in another process.

        Raises:
            EmbeddingFailed: as ``EmbeddingProcess.embed``.
        """
        return self._embed(process, texts, self.checkpoint.document_instruction)

    def embed_query(self, text: str) -> Vectors:
        """Return float32 (dimension,), a unit vector, with the model's query instruction."""
        row: Vectors = self._embed(self.process, [text], self.checkpoint.query_instruction)[0]
        return row

    def find_tokens(self, text: str) -> Sequence[int]:
        """Return where the tokens of a text begin."""
        with self._reading:
            tokenizer = self._tokenizer
        (encoding,) = tokenizer.encode_batch([text], add_special_tokens=False)
        return [start for start, _ in encoding.offsets]

    def _embed(
        self, process: EmbeddingProcess | InteractiveProcess, texts: list[str], prompt: str
    ) -> Vectors:
        checkpoint = self.checkpoint
        return process.embed(
            self.name, texts, checkpoint.dimension, checkpoint=checkpoint.to_json(), prompt=prompt
        )

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        return read_checkpoint(self.name, self.folder, self.wishes)

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        body = self.folder / (self._checkpoint.module_paths or ("",))[0]
        try:
            return load_tokenizer(body)
        except (OSError, ValueError) as error:
            raise EmbeddingFailed(model=self.name, reason=str(error)) from error

    @cached_property
    def _found_languages(self) -> frozenset[Language]:
        body = self.folder / (self.checkpoint.module_paths or ("",))[0]
        return find_languages(self.folder, body)
