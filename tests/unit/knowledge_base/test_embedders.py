"""Embedding models by name: where they are found, what is refused, who computes."""

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from configs.settings import SettingsError
from embeddings.checkpoint_embedder import CheckpointEmbedder
from embeddings.process import EmbeddingProcess
from server.errors import EmbeddingFailed, InvalidRequest
from server.knowledge_base.document_embedder import DocumentEmbedder
from server.knowledge_base.embedders import EmbedderPool
from tests.conftest import make_settings
from tests.unit.embeddings.vector_service import VECTORS, serving

Opener = Callable[..., EmbedderPool]
Finder = Callable[[str], Path]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Opener]:
    made = []

    def build(**embedding: Any) -> EmbedderPool:
        chosen = {"root": str(tmp_path / "root"), "threads": 1, **embedding}
        settings = make_settings(tmp_path, embedding=chosen)
        made.append(EmbedderPool(settings.embedding, tmp_path / "models"))
        return made[-1]

    yield build
    for pool in made:
        pool.close()


def folder_of(pool: EmbedderPool, name: str) -> Path:
    embedder = pool.get(pool.check_name(name))
    assert isinstance(embedder, CheckpointEmbedder)
    return embedder.folder


@pytest.mark.parametrize(
    "place",
    [
        "text2vec",
        "GanymedeNil/text2vec-large-chinese",
        "text2vec-large-chinese",
        "models--GanymedeNil--text2vec-large-chinese/snapshots/0123abcd",
        "hub/models--GanymedeNil--text2vec-large-chinese/snapshots/0123abcd",
    ],
)
def test_a_known_model_is_found_under_the_root(
    make: Opener, embedding_checkpoint: Finder, tmp_path: Path, place: str
) -> None:
    folder = tmp_path / "root" / place
    folder.parent.mkdir(parents=True)
    folder.symlink_to(embedding_checkpoint("bert-mean"))
    assert folder_of(make(), "text2vec") == folder
    assert make().languages("text2vec") == ["zh"]


def test_the_cache_s_own_branch_comes_before_other_revisions(
    make: Opener, embedding_checkpoint: Finder, tmp_path: Path
) -> None:
    cached = tmp_path / "root" / "models--BAAI--bge-m3"
    (cached / "snapshots").mkdir(parents=True)
    for name in ("aaa", "bbb"):
        (cached / "snapshots" / name).symlink_to(embedding_checkpoint("xlm-roberta-cls"))
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text("bbb")
    assert folder_of(make(), "bge-m3").name == "bbb"


def test_a_model_without_files_says_where_to_put_them(make: Opener, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        make().check_name("bge-m3")
    folder = tmp_path / "root" / "bge-m3"
    assert f"Put those of BAAI/bge-m3 into {folder}" in caught.value.message("en")
    assert f"请将 BAAI/bge-m3 的文件放入 {folder}" in caught.value.message("zh")
    with pytest.raises(EmbeddingFailed, match="Put those of BAAI/bge-m3 into"):
        make().get("bge-m3")
    assert make().languages("bge-m3") == []


def test_a_model_of_a_service_says_that_it_needs_a_key(make: Opener) -> None:
    with pytest.raises(InvalidRequest, match=r"text-embedding-ada-002\.api_key"):
        make().check_name("text-embedding-ada-002")
    pool = make(models={"text-embedding-ada-002": {"api_key": "sk-of-the-tests"}})
    assert pool.check_name("text-embedding-ada-002")
    assert pool.languages("text-embedding-ada-002") == ["en", "zh"]


@pytest.mark.parametrize("name", ["/etc", "../root/bge-m3", ".", "models", "bge-m3/../bge-m3"])
def test_a_path_is_no_name(
    make: Opener, embedding_checkpoint: Finder, tmp_path: Path, name: str
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "bge-m3").symlink_to(embedding_checkpoint("bert-cls"))
    with pytest.raises(InvalidRequest, match=r"no embedding model .* Known: .*bge-m3, none"):
        make().check_name(name)
    with pytest.raises(InvalidRequest, match="no embedding model"):
        make().check_name(str(root / "bge-m3"))


def test_a_model_of_the_settings_has_its_path_and_languages(
    make: Opener, embedding_checkpoint: Finder
) -> None:
    folder = embedding_checkpoint("bert-dense")
    pool = make(models={"ours": {"path": str(folder), "languages": ["zh"]}})
    assert folder_of(pool, "ours") == folder
    assert pool.languages("ours") == ["zh"]


def test_a_path_of_the_settings_that_is_gone_is_an_error(make: Opener, tmp_path: Path) -> None:
    pool = make(models={"ours": {"path": str(tmp_path / "gone")}})
    with pytest.raises(InvalidRequest, match=r"embedding\.models\.ours\.path"):
        pool.check_name("ours")


def test_a_folder_that_holds_no_model_is_an_error(make: Opener, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    pool = make(models={"ours": {"path": str(tmp_path / "empty")}})
    with pytest.raises(EmbeddingFailed, match="holds no embedding model"):
        pool.check_name("ours")


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ({"path": "a", "base_url": "http://localhost/v1"}, "a path or a base_url, not both"),
        ({"languages": ["de"]}, "models.ours.languages"),
        ({"pooling": "max"}, "models.ours.pooling"),
        ({"base_url": "localhost"}, "must begin with http"),
        ({"api_key": "a key\n"}, "models.ours.api_key: "),
        ({"folder": "a"}, "no such setting"),
    ],
)
def test_settings_that_make_no_sense_are_refused(
    tmp_path: Path, model: dict[str, Any], reason: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(reason)):
        make_settings(tmp_path, embedding={"models": {"ours": model}})


@pytest.mark.slow
def test_a_question_does_not_wait_for_the_process_of_the_files(
    make: Opener, embedding_checkpoint: Finder
) -> None:
    pool = make(models={"ours": {"path": str(embedding_checkpoint("bert-cls"))}})
    documents = DocumentEmbedder(pool)
    embedder = pool.get("ours")
    assert embedder is not None
    texts = [f"The pump {number} is noisy. " * 40 for number in range(3000)]
    began = threading.Event()
    stopping = threading.Event()

    def upload() -> None:
        with pytest.raises(Exception, match="cancelled"):
            documents.embed(
                "ours",
                texts,
                on_progress=lambda done: began.set(),
                is_cancelled=stopping.is_set,
            )

    thread = threading.Thread(target=upload)
    thread.start()
    try:
        assert began.wait(120)
        assert embedder.embed_query("Is the pump noisy?").shape == (embedder.dimension,)
        assert thread.is_alive()
        interactive, bulk = pool.interactive.process.pid, documents.process.pid
        assert interactive is not None
        assert bulk is not None
        assert psutil.Process(interactive).nice() == psutil.Process().nice()
        assert psutil.Process(bulk).nice() > psutil.Process().nice()
    finally:
        stopping.set()
        thread.join()
        documents.close()


@pytest.mark.slow
def test_files_and_questions_share_a_space(make: Opener, embedding_checkpoint: Finder) -> None:
    pool = make(models={"ours": {"path": str(embedding_checkpoint("bert-cls"))}})
    documents = DocumentEmbedder(pool)
    embedder = pool.get("ours")
    assert embedder is not None
    row = documents.embed("ours", ["the noisy pump"])[0]
    documents.close()
    assert row @ embedder.embed_query("the noisy pump") == pytest.approx(1, abs=1e-5)


def test_a_service_needs_no_process(make: Opener) -> None:
    with serving() as service:
        pool = make(models={"small": {"base_url": service.url}})
        documents = DocumentEmbedder(pool)
        assert documents.embed("small", ["one", "two"]) == pytest.approx(
            VECTORS.embed_documents(["one", "two"]), abs=1e-6
        )
        assert (documents.process.pid, pool.interactive.process.pid) == (None, None)
        documents.close()


def test_a_closed_pool_starts_nothing(make: Opener, embedding_checkpoint: Finder) -> None:
    pool = make(models={"ours": {"path": str(embedding_checkpoint("bert-mean"))}})
    embedder = pool.get("ours")
    assert embedder is not None
    embedder.embed_query("x")
    pid = pool.interactive.process.pid
    pool.close()
    assert pid is not None
    assert not psutil.pid_exists(pid)
    with pytest.raises(EmbeddingFailed, match="stopping"):
        embedder.embed_query("x")
    assert pool.interactive.process.pid is None


def test_what_is_scored_has_a_score_each(make: Opener, tmp_path: Path) -> None:
    folder = make_cross_encoder(tmp_path / "encoder")
    scores = make().score_pairs(folder, "Is the pump noisy?", ["The pump is noisy.", "", "柜机"])
    assert (scores.shape, scores.dtype) == ((3,), np.float32)
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_folder_that_scores_nothing_is_an_error(make: Opener, tmp_path: Path) -> None:
    with pytest.raises(EmbeddingFailed):
        make().score_pairs(tmp_path / "gone", "question", ["text"])


def test_scores_that_are_none_are_refused(tmp_path: Path) -> None:
    process = EmbeddingProcess(
        cache=tmp_path,
        batch_size=1,
        threads=1,
        runtime="auto",
        module="tests.unit.embeddings.misbehaving",
    )
    with pytest.raises(EmbeddingFailed, match="not from 0 to 1"):
        process.rerank("wild", "question", ["one", "two"])
    process.stop()


def make_cross_encoder(folder: Path) -> Path:
    from transformers import BertConfig, BertForSequenceClassification

    from tests.embedding_checkpoints import MAX_TOKENS, learned_wordpieces, make_wordpieces

    config = BertConfig(
        vocab_size=len(learned_wordpieces()),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=MAX_TOKENS,
        num_labels=1,
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    make_wordpieces().save_pretrained(folder)
    return folder
