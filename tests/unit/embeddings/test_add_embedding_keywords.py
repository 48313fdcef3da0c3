"""Words that a tokenizer learns: one token each, and nothing else changes."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from configs.model_settings import EmbeddingModelSettings
from embeddings.add_embedding_keywords import add_keywords, main
from embeddings.checkpoint import read_checkpoint
from embeddings.sentences import SentenceEncoder
from embeddings.vocabulary import load_tokenizer
from server.errors import EmbeddingFailed, InvalidRequest

WORDS = ["泵站巡检", "NF-A320", "", "泵站巡检"]
PLAIN_TEXTS = ["The cabinet is cleaned every week.", "柜机每周清洁一次。", "pumps"]
LAYOUTS = ["bert-mean", "bert-dense"]


def encode(folder: Path, texts: list[str]) -> np.ndarray:
    checkpoint = read_checkpoint("m", folder, EmbeddingModelSettings())
    return SentenceEncoder("m", checkpoint, batch_size=8, threads=1).embed(texts, "")


def tokens(folder: Path, text: str) -> list[str]:
    return list(load_tokenizer(folder).encode(text, add_special_tokens=False).tokens)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_words_that_were_several_tokens_become_one(
    own_embedding_checkpoint: Callable[[str], Path], layout: str
) -> None:
    folder = own_embedding_checkpoint(layout)
    assert len(tokens(folder, "泵站巡检")) > 1
    made = add_keywords(folder, WORDS)
    assert made == folder.with_name(f"{folder.name}_keywords")
    assert len(tokens(made, "泵站巡检")) == 1
    assert len(tokens(made, "NF-A320")) == 1
    assert len(tokens(made, "今天泵站巡检。")) == len(tokens(folder, "今天。")) + 1


@pytest.mark.parametrize("layout", LAYOUTS)
def test_texts_without_the_words_keep_their_vectors(
    own_embedding_checkpoint: Callable[[str], Path], layout: str
) -> None:
    folder = own_embedding_checkpoint(layout)
    before = encode(folder, [*PLAIN_TEXTS, "泵站巡检"])
    made = add_keywords(folder, [*WORDS, "pump system"])
    after = encode(made, [*PLAIN_TEXTS, "泵站巡检"])
    assert after[:-1] == pytest.approx(before[:-1], abs=1e-6)
    assert not np.allclose(after[-1], before[-1], atol=1e-3)


def test_the_vector_of_a_new_word_is_the_mean_of_its_pieces(
    own_embedding_checkpoint: Callable[[str], Path],
) -> None:
    from safetensors.numpy import load_file

    folder = own_embedding_checkpoint("bert-mean")
    tokenizer = load_tokenizer(folder)
    pieces = tokenizer.encode("泵站巡检", add_special_tokens=False).ids
    former = [piece for piece in pieces if piece != tokenizer.token_to_id("[UNK]")]
    assert len(former) > 1
    made = add_keywords(folder, WORDS)
    (new,) = load_tokenizer(made).encode("泵站巡检", add_special_tokens=False).ids
    name = "embeddings.word_embeddings.weight"
    old_rows = load_file(folder / "model.safetensors")[name]
    rows = load_file(made / "model.safetensors")[name]
    assert rows[new] == pytest.approx(old_rows[former].mean(0), abs=1e-6)
    assert (rows[: len(old_rows)] == old_rows).all()


def test_the_original_is_not_changed(own_embedding_checkpoint: Callable[[str], Path]) -> None:
    folder = own_embedding_checkpoint("bert-dense")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    add_keywords(folder, WORDS)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_weights_in_other_formats_are_not_taken_along(
    own_embedding_checkpoint: Callable[[str], Path],
) -> None:
    folder = own_embedding_checkpoint("bert-mean")
    (folder / "pytorch_model.bin").write_bytes(b"old")
    (folder / "onnx").mkdir()
    (folder / "onnx" / "model.onnx").write_bytes(b"old")
    made = add_keywords(folder, WORDS)
    assert not (made / "pytorch_model.bin").exists()
    assert not (made / "onnx").exists()


def test_an_existing_folder_is_never_written_over(
    own_embedding_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(InvalidRequest, match="exists already"):
        add_keywords(own_embedding_checkpoint("bert-mean"), WORDS, tmp_path / "taken")


def test_words_that_are_one_token_already_are_an_error(
    own_embedding_checkpoint: Callable[[str], Path],
) -> None:
    with pytest.raises(InvalidRequest, match="nothing to add"):
        add_keywords(own_embedding_checkpoint("bert-mean"), ["pump", " "])


def test_a_folder_without_a_model_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingFailed, match="holds no embedding model"):
        add_keywords(tmp_path, WORDS)


def test_the_command_writes_the_model_and_tells_errors_in_both_languages(
    own_embedding_checkpoint: Callable[[str], Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = tmp_path / "words.txt"
    words.write_text("\ufeff泵站巡检\nNF-A320\n", "utf-8")
    output = tmp_path / "out"
    flags = ["--model", str(own_embedding_checkpoint("bert-mean")), "--keywords", str(words)]
    assert main([*flags, "--output", str(output)]) == 0
    assert json.loads((output / "config.json").read_text())["vocab_size"] > 0
    assert main([*flags, "--output", str(output)]) == 1
    assert "已经存在" in caplog.text
    assert main(["--model", "nobody", "--keywords", str(words)]) == 1
    assert "没有名为 'nobody' 的向量模型" in caplog.text
