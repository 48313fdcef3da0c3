"""Rerankers from a folder: what the models read, and folders that are no rerankers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddings.cross_encoder import (
    YES_NO_AFTER,
    YES_NO_BEFORE,
    YES_NO_TASK,
    PairClassifier,
    YesNoModel,
    find_limit,
    load_cross_encoder,
)
from server.errors import EmbeddingFailed
from tests.tiny_rerankers import CLOSE, FAR, QUESTION, TOKENS, make_model, make_tokenizer


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return folders with random weights by kind; do not change them."""
    folders = {}
    for kind in ("classifier", "yes_no"):
        folders[kind] = tmp_path_factory.mktemp(kind)
        write_model(kind, folders[kind])
    return folders


def write_model(kind: str, folder: Path, **options: Any) -> Path:
    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(folder)
    make_model(kind, tokenizer, **options).save_pretrained(folder)
    return folder


def change_config(folder: Path, **changes: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refusal(folder: Path) -> str:
    with pytest.raises(EmbeddingFailed) as caught:
        load_cross_encoder(folder, threads=1)
    return str(caught.value.values["reason"])


def test_a_classifier_gives_the_sigmoid_of_its_one_logit(untrained: dict[str, Path]) -> None:
    import torch

    encoder = load_cross_encoder(untrained["classifier"], threads=1)
    assert isinstance(encoder, PairClassifier)
    inputs = encoder.tokenizer(QUESTION, CLOSE, return_tensors="pt")
    with torch.inference_mode():
        expected = torch.sigmoid(encoder.model(**inputs).logits)[0, 0]
    scores = encoder.score(QUESTION, [FAR * 3, CLOSE])
    assert float(scores[1]) == pytest.approx(float(expected), abs=1e-5)


def test_yes_is_weighed_against_no_after_the_documented_prompt(
    untrained: dict[str, Path],
) -> None:
    import torch

    encoder = load_cross_encoder(untrained["yes_no"], threads=1)
    assert isinstance(encoder, YesNoModel)
    asked = f"<Instruct>: {YES_NO_TASK}\n<Query>: {QUESTION}\n<Document>: {CLOSE}"
    prompt = YES_NO_BEFORE + asked + YES_NO_AFTER
    inputs = encoder.tokenizer(prompt, add_special_tokens=False, return_tensors="pt")
    no, yes = encoder.tokenizer.convert_tokens_to_ids(["no", "yes"])
    with torch.inference_mode():
        logits = encoder.model(**inputs).logits[0, -1, [no, yes]]
    scores = encoder.score(QUESTION, [FAR * 3, CLOSE])
    assert float(scores[1]) == pytest.approx(float(logits.softmax(0)[1]), abs=1e-5)


@pytest.mark.parametrize("kind", ["classifier", "yes_no"])
def test_a_long_text_is_cut_and_the_question_is_not(untrained: dict[str, Path], kind: str) -> None:
    encoder = load_cross_encoder(untrained[kind], threads=1)
    question = "pump " * 80
    (row,) = encoder.encode(question, ["valve " * 1000])
    words = encoder.tokenizer.convert_ids_to_tokens(row["input_ids"])
    assert len(words) == TOKENS
    assert words.count("pump") == 80
    assert words.count("valve") > 10


@pytest.mark.parametrize("kind", ["classifier", "yes_no"])
def test_a_question_that_fills_the_model_leaves_room_for_the_text(
    untrained: dict[str, Path], kind: str
) -> None:
    encoder = load_cross_encoder(untrained[kind], threads=1)
    assert encoder.cut_question("pump " * 1000) == ("pump " * (encoder.limit // 2)).strip()
    assert len(encoder.score("pump " * 1000, [CLOSE])) == 1


@pytest.mark.parametrize(
    ("kind", "word"), [("classifier", "[SEP]"), ("yes_no", "<|im_end|>"), ("yes_no", "[PAD]")]
)
def test_words_of_the_model_in_a_text_are_text(
    untrained: dict[str, Path], kind: str, word: str
) -> None:
    encoder = load_cross_encoder(untrained[kind], threads=1)
    special = encoder.tokenizer.convert_tokens_to_ids(word)
    plain, marked = (
        encoder.encode(f"pump {sign}", [f"oil {sign}"])[0]["input_ids"].count(special)
        for sign in ("", word)
    )
    assert plain == marked


def test_the_places_of_roberta_begin_after_its_padding() -> None:
    from transformers import XLMRobertaConfig

    config = XLMRobertaConfig(max_position_embeddings=514, pad_token_id=1)
    assert find_limit(config, int(1e30)) == 512
    assert find_limit(config, 256) == 256


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    assert "config.json" in refusal(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", "\x00"])
def test_a_damaged_configuration_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content)
    assert str(tmp_path) in refusal(tmp_path)


def test_a_classifier_of_something_else_is_refused(tmp_path: Path) -> None:
    write_model("classifier", tmp_path, num_labels=3)
    assert "3 labels" in refusal(tmp_path)


def test_a_model_without_some_weights_is_refused(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    path = write_model("classifier", tmp_path) / "model.safetensors"
    weights = {name: array for name, array in load_file(path).items() if "layers.1" not in name}
    save_file(weights, path, metadata={"format": "pt"})
    assert "weights are missing" in refusal(tmp_path)


def test_another_language_model_is_refused(tmp_path: Path) -> None:
    write_model("yes_no", tmp_path)
    change_config(tmp_path, model_type="qwen2", architectures=["Qwen2ForCausalLM"])
    assert "'Qwen2ForCausalLM'" in refusal(tmp_path)


def test_scores_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    encoder = load_cross_encoder(write_model("classifier", tmp_path), threads=1)
    encoder.model.classifier.bias.data.fill_(np.nan)
    with pytest.raises(EmbeddingFailed, match="not numbers"):
        encoder.score(QUESTION, [CLOSE])
