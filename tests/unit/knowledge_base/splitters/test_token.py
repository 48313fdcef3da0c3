from collections.abc import Callable

import pytest

from embeddings import EMBEDDERS
from embeddings.words import find_words
from server.datatypes import Document
from server.knowledge_base.splitters.lengths import LONGEST_TOKEN, Tokens, divide_long
from server.knowledge_base.splitters.token import PORTION, find_tokens, split
from tests.unit.knowledge_base.splitters.documents import SENTENCES_EN, SENTENCES_ZH, document

Tokenize = Callable[[str], list[int]]
TEXT = (
    " ".join(SENTENCES_EN) + "\n" + "".join(SENTENCES_ZH) + " antidisestablishmentarianism 3.14。"
)


@pytest.fixture(scope="module")
def tokenize(tmp_path_factory: pytest.TempPathFactory) -> Tokenize:
    make = EMBEDDERS.get("all-MiniLM-L6-v2")
    return make(cache=tmp_path_factory.mktemp("m"), batch_size=1, threads=1).find_tokens  # type: ignore[return-value]


def test_the_model_tells_where_its_tokens_begin(tokenize: Tokenize) -> None:
    assert tokenize("Unaffable 知识。") == [0, 3, 6, 10, 11, 12]
    assert tokenize("") == []
    assert len(tokenize("word " * 1000)) == 1000  # more than the model takes


@pytest.mark.parametrize(("size", "overlap"), [(20, 0), (20, 10), (50, 20)])
def test_chunks_hold_so_many_tokens_of_the_model(
    tokenize: Tokenize, size: int, overlap: int
) -> None:
    chunks = split(document(TEXT * 3), chunk_size=size, chunk_overlap=overlap, tokenize=tokenize)
    counts = [len(tokenize(chunk.text)) for chunk in chunks]
    assert max(counts) <= size
    assert sum(counts) / len(counts) > size / 2


def test_without_a_model_words_chinese_characters_and_signs_count() -> None:
    assert find_words("Two words, 知识_1。") == [0, 4, 9, 11, 12, 13, 15]


def test_tokens_are_the_same_in_portions_as_at_once(tokenize: Tokenize) -> None:
    text = TEXT * (2 * PORTION // len(TEXT))
    assert list(find_tokens(text, tokenize)) == tokenize(text)


def test_data_without_words_is_cut_all_the_same(tokenize: Tokenize) -> None:
    chunks = split(document("x" * 5000), chunk_size=100, chunk_overlap=0, tokenize=tokenize)
    assert max(len(chunk.text) for chunk in chunks) <= 100 + LONGEST_TOKEN


def test_a_part_that_begins_inside_a_token_counts_it() -> None:
    lengths = Tokens([0, 5, 10], 15)
    assert lengths.count(0, 15) == 3
    assert lengths.count(2, 15) == 3
    assert lengths.after(2, 1) == 5
    assert lengths.after(0, 9) == 15
    assert lengths.before(15, 2) == 5


def test_white_space_counts_nothing_however_long() -> None:
    assert list(divide_long("a" + " " * 500 + "b", [0, 501])) == [0, 501]


def test_a_document_of_white_space_has_no_tokens() -> None:
    assert split(Document("t", ()), chunk_size=20, chunk_overlap=0) == ()
