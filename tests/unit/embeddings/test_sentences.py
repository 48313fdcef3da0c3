"""Vectors of a checkpoint: those of its own libraries, whatever the layout; nothing is executed."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from transformers import AutoModel, AutoTokenizer

from configs.model_settings import EmbeddingModelSettings
from embeddings.checkpoint import read_checkpoint
from embeddings.sentences import SentenceEncoder
from server.errors import EmbeddingFailed
from tests.embedding_checkpoints import MAX_TOKENS, WIDTH, write_json

Copier = Callable[[str], Path]
TEXTS = ["The pump is noisy.", "柜机需要保养。", "word " * 400, "oil"]


def load(folder: Path, name: str = "mine", **wishes: Any) -> SentenceEncoder:
    checkpoint = read_checkpoint(name, folder, EmbeddingModelSettings(**wishes))
    return SentenceEncoder(name, checkpoint, batch_size=2, threads=1)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pool_by_hand(folder: Path, text: str, pooling: str) -> np.ndarray:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    inputs = tokenizer(text, truncation=True, max_length=MAX_TOKENS, return_tensors="pt")
    with torch.no_grad():
        states = model(**inputs).last_hidden_state[0]
    row = {"cls": states[0], "mean": states.mean(0), "last": states[-1]}[pooling]
    return (row / row.norm()).numpy()


@pytest.mark.parametrize(
    ("layout", "pooling"),
    [
        ("bert-mean", "mean"),
        ("bert-cls", "cls"),
        ("xlm-roberta-cls", "cls"),
        ("qwen3-last", "last"),
        ("ernie-plain", "mean"),
    ],
)
def test_the_vectors_are_those_of_transformers(
    embedding_checkpoint: Copier, layout: str, pooling: str
) -> None:
    folder = embedding_checkpoint(layout)
    rows = load(folder).embed(TEXTS, "")
    for text, row in zip(TEXTS, rows, strict=True):
        assert row == pytest.approx(pool_by_hand(folder, text, pooling), abs=1e-5)


@pytest.mark.parametrize("layout", ["bert-cls", "qwen3-last", "bert-dense"])
def test_the_vectors_are_those_of_sentence_transformers(
    embedding_checkpoint: Copier, layout: str
) -> None:
    folder = embedding_checkpoint(layout)
    theirs = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    assert load(folder).embed(TEXTS, "") == pytest.approx(unit(theirs), abs=1e-5)


def test_an_instruction_stands_before_the_text(embedding_checkpoint: Copier) -> None:
    encoder = load(embedding_checkpoint("bert-cls"))
    prompted = encoder.embed(["the pump"], "query: ")
    assert prompted == pytest.approx(encoder.embed(["query: the pump"], ""), abs=1e-6)
    assert not np.allclose(prompted, encoder.embed(["the pump"], ""), atol=1e-3)


def test_a_chosen_pooling_takes_the_place_of_the_folder_s(embedding_checkpoint: Copier) -> None:
    folder = embedding_checkpoint("bert-cls")
    row = load(folder, pooling="mean").embed(TEXTS[:1], "")[0]
    assert row == pytest.approx(pool_by_hand(folder, TEXTS[0], "mean"), abs=1e-5)


def test_fewer_dimensions_are_the_first_ones(embedding_checkpoint: Copier) -> None:
    folder = embedding_checkpoint("bert-cls")
    whole, cut = load(folder).embed(TEXTS, ""), load(folder, dimension=16).embed(TEXTS, "")
    assert cut == pytest.approx(unit(whole[:, :16]), abs=1e-5)


def test_a_shorter_length_cuts_texts(embedding_checkpoint: Copier) -> None:
    encoder = load(embedding_checkpoint("bert-mean"), max_tokens=8)
    long, short = encoder.embed(["oil " * 6 + "pump", "oil " * 6], "")
    assert long == pytest.approx(short, abs=1e-5)


def test_half_precision_weights_are_computed_in_full(own_embedding_checkpoint: Copier) -> None:
    folder = own_embedding_checkpoint("bert-mean")
    whole = load(folder).embed(TEXTS, "")
    AutoModel.from_pretrained(folder).to(torch.bfloat16).save_pretrained(folder)
    again = load(folder)
    assert next(again._model.parameters()).dtype == torch.float32
    assert (again.embed(TEXTS, "") * whole).sum(1) == pytest.approx(np.ones(4), abs=1e-3)


def test_files_that_changed_since_are_refused(own_embedding_checkpoint: Copier) -> None:
    folder = own_embedding_checkpoint("bert-mean")
    checkpoint = read_checkpoint("mine", folder, EmbeddingModelSettings())
    (folder / "vocab.json").write_text("{}")
    with pytest.raises(EmbeddingFailed, match="changed since the service started"):
        SentenceEncoder("mine", checkpoint, batch_size=2, threads=1)


def test_weights_of_torch_are_read(own_embedding_checkpoint: Copier) -> None:
    folder = own_embedding_checkpoint("bert-mean")
    expected = load(folder).embed(TEXTS, "")
    torch.save(AutoModel.from_pretrained(folder).state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert load(folder).embed(TEXTS, "") == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("layout", ["bert-mean", "bert-dense"])
def test_code_in_weights_is_not_run(
    own_embedding_checkpoint: Copier, tmp_path: Path, layout: str
) -> None:
    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "attacked"),)

    folder = own_embedding_checkpoint(layout)
    part = folder / "2_Dense" if layout == "bert-dense" else folder
    (part / "model.safetensors").unlink()
    torch.save({"linear.weight": Attack()}, part / "pytorch_model.bin")
    with pytest.raises(Exception, match=r"(?i)weights.only"):
        load(folder)
    assert not (tmp_path / "attacked").exists()


def test_vectors_of_another_dimension_than_the_files_say_are_refused(
    own_embedding_checkpoint: Copier,
) -> None:
    """Of two modules of one name sentence-transformers runs the last alone."""
    folder = own_embedding_checkpoint("bert-dense")
    modules = json.loads((folder / "modules.json").read_text())
    write_json(
        folder / "modules.json",
        [modules[0], modules[1], *({**module, "name": "same"} for module in modules[2:])],
    )
    with pytest.raises(ValueError, match=f"gave {WIDTH} dimensions, but its files say"):
        load(folder).embed(["x"], "")


def test_it_has_no_vectors_for_no_texts(embedding_checkpoint: Copier) -> None:
    assert load(embedding_checkpoint("bert-mean")).embed([], "").shape == (0, WIDTH)
