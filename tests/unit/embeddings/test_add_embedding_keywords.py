"""Words that a tokenizer learns: one token each, and nothing else changes."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from configs.model_settings import EmbeddingModelSettings
from embeddings.add_embedding_keywords import add_keywords, choose_output, main
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


def test_an_unfinished_folder_is_never_removed(
    own_embedding_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    theirs = tmp_path / "out.partial" / "notes.txt"
    theirs.parent.mkdir()
    theirs.touch()
    with pytest.raises(InvalidRequest, match=r"out\.partial exists already"):
        add_keywords(own_embedding_checkpoint("bert-mean"), WORDS, tmp_path / "out")
    assert theirs.exists()


def test_a_failure_leaves_nothing_behind(
    own_embedding_checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = own_embedding_checkpoint("bert-mean")
    (folder / "gone.txt").symlink_to("nowhere")
    with pytest.raises(OSError, match=r"gone\.txt"):
        add_keywords(folder, WORDS, tmp_path / "new" / "out")
    assert list((tmp_path / "new").iterdir()) == []


def test_more_words_are_added_beside_a_model_that_has_some(
    own_embedding_checkpoint: Callable[[str], Path],
) -> None:
    first = add_keywords(own_embedding_checkpoint("bert-mean"), ["泵站巡检"])
    second = add_keywords(first, ["NF-A320"])
    assert second == first.with_name(f"{first.name}_keywords")
    assert len(tokens(second, "泵站巡检")) == len(tokens(second, "NF-A320")) == 1


def test_the_output_for_a_model_in_the_hub_s_cache_lies_beside_its_folder(tmp_path: Path) -> None:
    cached = tmp_path / "models--BAAI--bge-m3"
    snapshot = cached / "snapshots" / "f00d"
    assert choose_output(snapshot) == tmp_path / "bge-m3_keywords"
    assert choose_output(cached) == tmp_path / "bge-m3_keywords"


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


def run(folder: Path, words: Path, *flags: str) -> int:
    words.write_text("泵站巡检\n", "utf-8")
    return main(["--model", str(folder), "--keywords", str(words), *flags])


def test_the_command_tells_of_wrong_settings(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHIWEN_CONFIG", str(tmp_path / "missing.yaml"))
    assert run(tmp_path, tmp_path / "words.txt") == 2
    assert "there is no such file" in caplog.text


def test_the_command_tells_which_package_is_missing(
    own_embedding_checkpoint: Callable[[str], Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert run(own_embedding_checkpoint("bert-mean"), tmp_path / "words.txt") == 1
    assert "torch" in caplog.text
    assert "pip install -r requirements.txt" in caplog.text
    assert "缺少" in caplog.text


def test_the_command_tells_of_a_folder_that_cannot_be_written(
    own_embedding_checkpoint: Callable[[str], Path],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = tmp_path / "words.txt"
    output = str(words / "out")
    assert run(own_embedding_checkpoint("bert-mean"), words, "--output", output) == 1
    assert str(words) in caplog.text
    assert "无法读写文件" in caplog.text
