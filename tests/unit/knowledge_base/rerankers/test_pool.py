"""From a name to a reranker."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from configs.settings import RetrievalSettings, SettingsError, load_settings
from server.errors import EmbeddingFailed, RerankingFailed
from server.knowledge_base.rerankers import PairScorer, Scores
from server.knowledge_base.rerankers.cross_encoder import CrossEncoderReranker
from server.knowledge_base.rerankers.http import HttpReranker
from server.knowledge_base.rerankers.pool import CATALOGUE, RerankerPool


def retrieval(**settings: Any) -> RetrievalSettings:
    return load_settings(retrieval=settings).retrieval


def score_by_folder(folder: Path, _: str, texts: list[str]) -> Scores:
    return np.full(len(texts), len(folder.name) / 100, np.float32)


def open_pool(
    root: Path, *, score_pairs: PairScorer = score_by_folder, **settings: Any
) -> RerankerPool:
    return RerankerPool(retrieval(**settings), root=root, score_pairs=score_pairs)


def folder_of(pool: RerankerPool, name: str) -> Path:
    reranker = pool.get(name)
    assert isinstance(reranker, CrossEncoderReranker)
    return reranker.folder


def test_without_a_name_there_is_none(tmp_path: Path) -> None:
    assert open_pool(tmp_path).get("") is None


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_known_name_is_its_folder_under_the_root(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert folder_of(open_pool(tmp_path), name) == tmp_path / name


@pytest.mark.parametrize("at", ["BAAI/bge-reranker-base", "bge-reranker-base"])
def test_the_hub_id_names_the_same_folder(tmp_path: Path, at: str) -> None:
    (tmp_path / at).mkdir(parents=True)
    for name in ("BAAI/bge-reranker-base", "bge-reranker-base"):
        assert folder_of(open_pool(tmp_path), name) == tmp_path / at


def test_a_folder_of_any_name_and_place_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    pool = open_pool(tmp_path / "root")
    assert folder_of(pool, str(tmp_path / "elsewhere")) == tmp_path / "elsewhere"


def test_the_settings_win_over_folders(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    pool = open_pool(tmp_path, rerankers={"mine": {"base_url": "http://localhost:9/v1"}})
    assert isinstance(pool.get("mine"), HttpReranker)
    pool.close()


def test_a_reranker_is_built_once_for_each_name(tmp_path: Path) -> None:
    for name in ("mine", "other"):
        (tmp_path / name).mkdir()
    pool = open_pool(tmp_path)
    assert pool.get("mine") is pool.get("mine")
    assert (folder_of(pool, "mine"), folder_of(pool, "other")) == (
        tmp_path / "mine",
        tmp_path / "other",
    )


def test_a_name_without_a_folder_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RerankingFailed) as caught:
        open_pool(tmp_path).get("bge-reranker-v2-m3")
    assert "Download BAAI/bge-reranker-v2-m3 into it" in caught.value.message("en")
    assert str(tmp_path / "bge-reranker-v2-m3") in caught.value.message("zh")


@pytest.mark.parametrize("name", ["~nobody-of-that-name", "a" * 300, "/" + "a" * 300])
def test_a_name_that_no_folder_can_have_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(RerankingFailed, match="cannot be looked for"):
        open_pool(tmp_path).get(name)


@pytest.mark.parametrize("path", ["~nobody-of-that-name/model", "/" + "a" * 300])
def test_a_path_that_no_folder_can_have_is_told(tmp_path: Path, path: str) -> None:
    pool = open_pool(tmp_path, rerankers={"mine": {"path": path}})
    with pytest.raises(RerankingFailed, match="cannot be looked for"):
        pool.get("mine").score("pump?", ["a text"])  # type: ignore[union-attr]


def test_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    pool = open_pool(tmp_path, rerankers={"mine": {"path": "/nowhere/model"}})
    reranker = pool.get("mine")
    assert reranker is not None
    with pytest.raises(RerankingFailed, match="/nowhere/model does not exist"):
        reranker.score("pump?", ["a text"])


def test_a_failure_of_the_process_is_one_of_the_reranker(tmp_path: Path) -> None:
    def fail(folder: Path, _: str, __: list[str]) -> Scores:
        raise EmbeddingFailed(model=str(folder), reason="its process ended (SIGKILL)")

    (tmp_path / "mine").mkdir()
    reranker = open_pool(tmp_path, score_pairs=fail).get("mine")
    assert reranker is not None
    with pytest.raises(RerankingFailed, match="'mine' failed: its process ended"):
        reranker.score("pump?", ["a text"])


@pytest.mark.parametrize(
    "reranker",
    [
        {},
        {"path": "here", "base_url": "http://localhost:9"},
        {"base_url": "localhost:9"},
        {"path": "here", "format": "cohere"},
        {"base_url": "http://localhost:9", "api_key": "密钥"},
        {"base_url": "http://localhost:9", "timeout_s": 0},
        {"path": "here", "languages": ["fr"]},
    ],
    ids=str,
)
def test_settings_of_a_reranker_that_cannot_work_are_refused(reranker: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"retrieval\.rerankers\.mine"):
        retrieval(rerankers={"mine": reranker})
