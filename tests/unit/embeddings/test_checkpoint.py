"""What the files of a checkpoint say, read without torch."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from configs import ROOT
from configs.model_settings import EmbeddingModelSettings
from embeddings.checkpoint import Checkpoint, read_checkpoint
from embeddings.fingerprint import BLOCK, BLOCKS, find_blocks
from server.errors import EmbeddingFailed
from tests.embedding_checkpoints import (
    MAX_TOKENS,
    OUT_FEATURES,
    QUERY_PROMPT,
    WIDTH,
    write_json,
)

Copier = Callable[[str], Path]


def read(folder: Path, name: str = "mine", **wishes: Any) -> Checkpoint:
    return read_checkpoint(name, folder, EmbeddingModelSettings(**wishes))


@pytest.mark.parametrize(
    ("layout", "pooling", "dimension"),
    [
        ("bert-mean", "mean", WIDTH),
        ("bert-cls", "cls", WIDTH),
        ("xlm-roberta-cls", "cls", WIDTH),
        ("qwen3-last", "last", WIDTH),
        ("ernie-plain", "mean", WIDTH),
        ("bert-dense", "mean", OUT_FEATURES),
    ],
)
def test_the_files_say_pooling_dimension_and_length(
    embedding_checkpoint: Copier, layout: str, pooling: str, dimension: int
) -> None:
    found = read(embedding_checkpoint(layout))
    assert (found.pooling, found.dimension, found.max_tokens) == (pooling, dimension, MAX_TOKENS)


def test_a_plain_folder_has_the_pooling_that_was_published(embedding_checkpoint: Copier) -> None:
    found = read(embedding_checkpoint("bert-mean"), name="bge-large-zh-v1.5")
    assert found.pooling == "cls"
    assert found.query_instruction == "为这个句子生成表示以用于检索相关文章："


def test_the_files_win_over_what_was_published(embedding_checkpoint: Copier) -> None:
    found = read(embedding_checkpoint("qwen3-last"), name="multilingual-e5-base")
    assert (found.pooling, found.query_instruction) == ("last", QUERY_PROMPT)
    assert found.document_instruction == "passage: "  # the folder has none of its own
    assert found.max_tokens == MAX_TOKENS


def test_the_settings_win_over_the_files(embedding_checkpoint: Copier) -> None:
    found = read(
        embedding_checkpoint("qwen3-last"),
        query_instruction="",
        document_instruction="d: ",
        pooling="mean",
        max_tokens=32,
        dimension=16,
    )
    assert (found.pooling, found.is_pooling_own) == ("mean", False)
    assert (found.query_instruction, found.document_instruction) == ("", "d: ")
    assert (found.max_tokens, found.dimension) == (32, 16)


def test_a_folder_of_the_hub_s_cache_is_known_by_its_model(
    embedding_checkpoint: Copier, tmp_path: Path
) -> None:
    snapshots = tmp_path / "models--BAAI--bge-base-zh-v1.5" / "snapshots"
    snapshots.mkdir(parents=True)
    (snapshots / "f00d").symlink_to(embedding_checkpoint("bert-mean"))
    assert read(snapshots / "f00d").pooling == "cls"


@pytest.mark.parametrize("suffix", ["_keywords", "_keywords_keywords"])
def test_a_model_with_words_of_one_s_own_is_known_by_its_original(
    embedding_checkpoint: Copier, tmp_path: Path, suffix: str
) -> None:
    folder = tmp_path / f"bge-large-zh-v1.5{suffix}"
    folder.symlink_to(embedding_checkpoint("bert-mean"))
    found = read(folder)
    assert found.pooling == "cls"
    assert found.query_instruction == "为这个句子生成表示以用于检索相关文章："


@pytest.mark.parametrize("form", ["cls", ["cls", "mean"]])
def test_the_pooling_of_today_s_form_is_read(own_embedding_checkpoint: Copier, form: Any) -> None:
    folder = own_embedding_checkpoint("bert-cls")
    write_json(
        folder / "1_Pooling" / "config.json", {"embedding_dimension": WIDTH, "pooling_mode": form}
    )
    found = read(folder)
    count = 1 if form == "cls" else 2
    assert found.dimension == count * WIDTH
    assert found.pooling == "+".join(["cls", "mean"][:count])


def set_module(folder: Path, place: int, **values: str) -> None:
    modules = json.loads((folder / "modules.json").read_text())
    modules[place] |= values
    write_json(folder / "modules.json", modules)


def remove_weights(folder: Path) -> None:
    for path in folder.glob("model.safetensors"):
        path.unlink()


SPOILERS: dict[str, Callable[[Path], object]] = {
    "no model.safetensors": remove_weights,
    "config.json is no JSON": lambda folder: (folder / "config.json").write_text("{"),
    "is no JSON": lambda folder: (folder / "config.json").write_text("[" * 900_000),
    "holds no dict": lambda folder: (folder / "config.json").write_text("[]"),
    "too large": lambda folder: (folder / "config.json").write_text(" " * (1 << 21)),
    "does not say how large": lambda folder: write_json(folder / "config.json", {}),
    "none of sentence-transformers": lambda f: set_module(f, 1, type="os.system"),
    "leads out of the folder": lambda f: set_module(f, 1, path="../1_Pooling"),
    "is not supported": lambda f: set_module(f, 1, type="sentence_transformers.models.LSTM"),
    "no Transformer": lambda f: set_module(f, 0, type="sentence_transformers.models.BoW"),
}


@pytest.mark.parametrize("reason", SPOILERS)
def test_a_folder_that_says_nonsense_is_refused(
    own_embedding_checkpoint: Copier, reason: str
) -> None:
    folder = own_embedding_checkpoint("bert-cls")
    SPOILERS[reason](folder)
    with pytest.raises(EmbeddingFailed, match=reason):
        read(folder)


def test_more_dimensions_than_it_has_are_refused(embedding_checkpoint: Copier) -> None:
    with pytest.raises(EmbeddingFailed, match=f"have {WIDTH} dimensions, fewer than 65"):
        read(embedding_checkpoint("bert-cls"), dimension=65)


def test_code_of_its_own_is_refused_unless_the_settings_trust_it(
    own_embedding_checkpoint: Copier,
) -> None:
    folder = own_embedding_checkpoint("bert-cls")
    config = json.loads((folder / "config.json").read_text())
    write_json(folder / "config.json", {**config, "auto_map": {"AutoModel": "evil--Model"}})
    with pytest.raises(EmbeddingFailed, match="Python code of its own"):
        read(folder)
    assert read(folder, trust_remote_code=True).trust_remote_code
    assert read(folder, name="nomic-embed-text-v1.5").trust_remote_code is False


def test_a_generation_is_that_of_the_same_files_elsewhere(
    embedding_checkpoint: Copier, own_embedding_checkpoint: Copier
) -> None:
    copied = own_embedding_checkpoint("bert-dense")
    (copied / "README.md").write_text("a card says nothing of vectors")
    assert read(copied).generation == read(embedding_checkpoint("bert-dense")).generation


CHANGES: list[Callable[[Path], object]] = [
    lambda folder: flip_last_byte(folder / "model.safetensors"),
    lambda folder: flip_last_byte(folder / "2_Dense" / "model.safetensors"),
    lambda folder: (folder / "tokenizer.json").write_text("{}"),
    lambda folder: write_json(folder / "sentence_bert_config.json", {"max_seq_length": 9}),
]


def flip_last_byte(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("change", CHANGES)
def test_another_generation_when_the_files_change(
    own_embedding_checkpoint: Copier, change: Callable[[Path], object]
) -> None:
    folder = own_embedding_checkpoint("bert-dense")
    before = read(folder).generation
    change(folder)
    assert read(folder).generation != before


def test_another_generation_when_texts_are_embedded_in_another_way(
    embedding_checkpoint: Copier,
) -> None:
    folder = embedding_checkpoint("bert-mean")
    ways: list[dict[str, Any]] = [
        {},
        {"pooling": "cls"},
        {"max_tokens": 16},
        {"dimension": 16},
        {"document_instruction": "d: "},
    ]
    assert len({read(folder, **way).generation for way in ways}) == len(ways)
    # Documents are embedded as before, so a knowledge base need not be embedded again.
    assert read(folder, query_instruction="q: ").generation == read(folder).generation


def test_blocks_of_a_large_file_are_spread_over_all_of_it() -> None:
    size = 100 * BLOCK * BLOCKS + 7
    blocks = find_blocks(size)
    assert (len(blocks), blocks[0], blocks[-1]) == (BLOCKS, 0, size - BLOCK)
    assert find_blocks(BLOCK + 1) == [0, BLOCK]


def test_reading_it_loads_no_torch(embedding_checkpoint: Copier) -> None:
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from configs.model_settings import EmbeddingModelSettings\n"
        "from embeddings.checkpoint_embedder import CheckpointEmbedder\n"
        "from embeddings.interactive import InteractiveProcess\n"
        "process = InteractiveProcess(cache=Path('.'), batch_size=1, threads=1, runtime='auto')\n"
        "found = CheckpointEmbedder('m', Path(sys.argv[1]), EmbeddingModelSettings(), process)\n"
        "print(found.generation, found.languages, found.dimension, found.find_tokens('The pump'))\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, str(embedding_checkpoint("bert-dense"))],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == "[]"
