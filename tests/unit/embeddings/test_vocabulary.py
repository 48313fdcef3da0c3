"""Which languages a model seems to know, by its card or by its vocabulary."""

from collections.abc import Callable
from pathlib import Path

import pytest

from embeddings.minilm import locate_model
from embeddings.vocabulary import find_languages, load_tokenizer, probe, read_card
from tests.embedding_checkpoints import make_wordpieces


@pytest.mark.parametrize(
    ("head", "languages"),
    [
        ("language: zh", {"zh"}),
        ("language: [en, de]", {"en"}),
        ("language:\n- zh\n- en", {"zh", "en"}),
        ("language: multilingual", {"zh", "en"}),
        ("language: fr", set()),
        ("license: mit", set()),
        ("language: [", set()),
        ("- a list", set()),
    ],
)
def test_a_model_card_lists_languages(tmp_path: Path, head: str, languages: set[str]) -> None:
    card = tmp_path / "README.md"
    card.write_text(f"---\n{head}\n---\n# A model\n", "utf-8")
    assert read_card(card) == languages


@pytest.mark.parametrize("text", ["", "# A model\n---\nlanguage: zh\n---\n", "---\nlanguage: zh"])
def test_a_card_without_a_head_lists_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "README.md").write_text(text, "utf-8")
    assert read_card(tmp_path / "README.md") == set()
    assert read_card(tmp_path / "gone.md") == set()


def test_an_english_vocabulary_shows_english() -> None:
    assert probe(locate_model()) == {"en"}


def test_a_chinese_vocabulary_shows_chinese(embedding_checkpoint: Callable[[str], Path]) -> None:
    """The English of the sample documents alone is too little for English."""
    assert "zh" in probe(embedding_checkpoint("bert-mean"))


def test_the_card_comes_before_the_vocabulary(
    own_embedding_checkpoint: Callable[[str], Path],
) -> None:
    folder = own_embedding_checkpoint("bert-mean")
    (folder / "README.md").write_text("---\nlanguage: [zh, en]\n---\n")
    assert find_languages(folder, folder) == {"zh", "en"}


def test_where_nothing_tells_it_is_both(tmp_path: Path) -> None:
    assert find_languages(tmp_path, tmp_path) == {"zh", "en"}


def test_a_vocabulary_alone_makes_the_tokenizer_of_the_model(
    embedding_checkpoint: Callable[[str], Path],
) -> None:
    text = "The pump 柜机 needs service, NF-A320."
    ours = load_tokenizer(embedding_checkpoint("ernie-plain"))
    assert ours.encode(text).ids == make_wordpieces()(text)["input_ids"]


@pytest.mark.parametrize(
    ("file", "reason"),
    [("tokenizer.json", "cannot be read"), ("spiece.model", "no tokenizer.json")],
)
def test_a_tokenizer_that_cannot_be_read_says_so(tmp_path: Path, file: str, reason: str) -> None:
    (tmp_path / file).write_text("?")
    with pytest.raises(ValueError, match=reason):
        load_tokenizer(tmp_path)
