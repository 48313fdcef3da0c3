"""Rerankers by name, each built once. Knows no models and no retrieval."""

import threading
from pathlib import Path

from configs.model_settings import RerankerSettings
from configs.settings import RetrievalSettings
from server.errors import RerankingFailed
from server.knowledge_base.rerankers import RERANKERS, PairScorer, Reranker, unfindable

# Names that people know, with where each model comes from; its folder has the same name.
CATALOGUE = {
    "bge-reranker-base": "BAAI/bge-reranker-base",
    "bge-reranker-large": "BAAI/bge-reranker-large",
    "bge-reranker-v2-m3": "BAAI/bge-reranker-v2-m3",
    "bce-reranker-base_v1": "maidalun1020/bce-reranker-base_v1",
    "Qwen3-Reranker-0.6B": "Qwen/Qwen3-Reranker-0.6B",
    "Qwen3-Reranker-4B": "Qwen/Qwen3-Reranker-4B",
    "Qwen3-Reranker-8B": "Qwen/Qwen3-Reranker-8B",
    "jina-reranker-v2-base-multilingual": "jinaai/jina-reranker-v2-base-multilingual",
}


class RerankerPool:
    """From the name of a reranker to one for all; safe to use from several threads.

    ``root`` is the folder that holds model folders, each called by the last part of its hub id.
    """

    def __init__(self, settings: RetrievalSettings, *, root: Path, score_pairs: PairScorer) -> None:
        self.settings = settings
        self.root = root
        self.score_pairs = score_pairs
        self._lock = threading.Lock()
        self._built: dict[str, Reranker] = {}

    def get(self, name: str) -> Reranker | None:
        """Return the reranker of a name, which loads its model when first used; None for "".

        Raises:
            RerankingFailed: the name says neither a reranker of the settings nor a folder.
        """
        with self._lock:
            if name and name not in self._built:
                chosen = self._find(name)
                make = RERANKERS.get("http" if chosen.base_url else "cross_encoder")
                self._built[name] = make(name, chosen, score_pairs=self.score_pairs)
            return self._built.get(name)

    def close(self) -> None:
        """Close those that were built."""
        with self._lock:
            for reranker in self._built.values():
                reranker.close()

    def _find(self, name: str) -> RerankerSettings:
        """Return the settings of a name, else those of a folder: a whole path, or one of ours."""
        if name in self.settings.rerankers:
            return self.settings.rerankers[name]
        try:
            folders = self._list_folders(name)
            found = next((folder for folder in folders if folder.is_dir()), None)
        except (OSError, RuntimeError) as error:  # too long, or "~name" of an unknown user
            raise unfindable(name, name, error) from error
        if found:
            return RerankerSettings(path=str(found))
        folder = folders[0]
        source = CATALOGUE.get(folder.name, "the model")
        known = ", ".join([*self.settings.rerankers, *CATALOGUE])
        raise RerankingFailed(
            model=name,
            reason_en=f"there is no folder {folder}. Download {source} into it, or describe the "
            f"reranker under retrieval.rerankers. Known names: {known}.",
            reason_zh=f"目录 {folder} 不存在。请将 {source} 下载到该目录，或在 "
            f"retrieval.rerankers 中说明该重排模型。已知名称：{known}。",
        )

    def _list_folders(self, name: str) -> list[Path]:
        """Return where a model may lie: by the last part of its hub id, or by the whole of it."""
        path = Path(name).expanduser()
        if path.is_absolute():
            return [path]
        short = path.name
        return [self.root / short, self.root / CATALOGUE.get(short, short)]
