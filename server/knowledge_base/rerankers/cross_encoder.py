"""A reranker from a folder of this machine. Does not know how or where it is run."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from configs.model_settings import RerankerSettings
from configs.settings import resolve
from server.datatypes import Language
from server.errors import EmbeddingFailed, RerankingFailed
from server.knowledge_base.rerankers import PairScorer, Scores, unfindable


class CrossEncoderReranker:
    """Passes pairs on to the process that holds the model."""

    def __init__(self, name: str, settings: RerankerSettings, *, score_pairs: PairScorer) -> None:
        self.name = name
        try:
            self.folder = resolve(Path(settings.path).expanduser())
        except RuntimeError as error:  # "~name" of an unknown user
            raise unfindable(name, settings.path, error) from error
        self.languages: frozenset[Language] = frozenset(settings.languages)
        self.score_pairs = score_pairs

    def score(self, question: str, texts: Sequence[str]) -> Scores:
        """Return float32 (n,), each 0..1, higher is closer."""
        if not texts:
            return np.zeros(0, np.float32)
        try:
            is_there = self.folder.is_dir()
        except OSError as error:
            raise unfindable(self.name, str(self.folder), error) from error
        if not is_there:
            raise RerankingFailed(
                model=self.name,
                reason_en=f"the folder {self.folder} does not exist. Download the model, or "
                "correct its path.",
                reason_zh=f"目录 {self.folder} 不存在。请下载模型，或修改其路径。",
            )
        try:
            return self.score_pairs(self.folder, question, list(texts))
        except EmbeddingFailed as error:
            reason = error.values["reason"]
            raise RerankingFailed(model=self.name, reason_en=reason, reason_zh=reason) from error

    def close(self) -> None:
        """Leave the process to whoever started it."""
