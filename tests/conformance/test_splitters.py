"""What every splitter does, on any text."""

import time
from itertools import pairwise
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.settings import SplitterName
from embeddings.words import find_words
from server.datatypes import Block, Chunk, Document
from server.knowledge_base import splitters
from server.knowledge_base.splitters import SHARED, SPLITTERS

pytestmark = pytest.mark.parametrize("name", sorted(SPLITTERS))

PIECES = st.sampled_from(
    [
        "。",
        "，",
        ". ",
        " ",
        "\n",
        "\n\n",
        "知识库",
        "问答。",
        "Mr. Smith ",
        "3.14 ",
        "é",
        "👨‍👩‍👧",
        "x" * 30,
    ]
)
TEXTS = st.one_of(
    st.text(max_size=120),
    st.lists(PIECES, max_size=60).map("".join),
    st.text("\u0301a", max_size=40),
)
BLOCKS = st.builds(
    Block,
    text=TEXTS,
    kind=st.sampled_from(["text", "heading", "list", "table"]),
    page=st.none() | st.integers(1, 3),
    headings=st.lists(st.sampled_from(["一", "二"]), max_size=3).map(tuple),
)
DOCUMENTS = st.lists(BLOCKS, max_size=8).map(lambda blocks: Document("标题", tuple(blocks)))
UNHURRIED = settings(deadline=None)  # the first example imports the splitter
SIZES = st.integers(1, 80).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size)))


def split(name: str, document: Document, chunk_size: int, chunk_overlap: int) -> tuple[Chunk, ...]:
    return SPLITTERS.get(name)(
        document, chunk_size=chunk_size, chunk_overlap=chunk_overlap, tokenize=find_words
    )


def length(name: str, text: str) -> int:
    return len(find_words(text) if name == "token" else text)


@UNHURRIED
@given(document=DOCUMENTS, sizes=SIZES)
def test_chunks_are_exactly_their_part_of_the_text(
    name: str, document: Document, sizes: tuple[int, int]
) -> None:
    for chunk in split(name, document, *sizes):
        assert chunk.text == document.text[chunk.start : chunk.end]
        assert chunk.text == chunk.text.strip()


@UNHURRIED
@given(document=DOCUMENTS, sizes=SIZES)
def test_chunks_are_never_empty_or_too_long(
    name: str, document: Document, sizes: tuple[int, int]
) -> None:
    for chunk in split(name, document, *sizes):
        assert chunk.text
        assert length(name, chunk.text) <= sizes[0]


@UNHURRIED
@given(document=DOCUMENTS, sizes=SIZES)
def test_every_visible_character_is_in_a_chunk(
    name: str, document: Document, sizes: tuple[int, int]
) -> None:
    covered = {
        offset
        for chunk in split(name, document, *sizes)
        for offset in range(chunk.start, chunk.end)
    }
    visible = {offset for offset, char in enumerate(document.text) if not char.isspace()}
    assert visible <= covered


@UNHURRIED
@given(document=DOCUMENTS, sizes=SIZES)
def test_chunks_are_in_order_and_share_no_more_than_asked_for(
    name: str, document: Document, sizes: tuple[int, int]
) -> None:
    chunks = split(name, document, *sizes)
    for left, right in pairwise(chunks):
        assert left.start < right.start
        assert left.end < right.end
        assert length(name, document.text[right.start : left.end]) <= sizes[1]


@UNHURRIED
@given(document=DOCUMENTS, sizes=SIZES)
def test_chunks_carry_the_page_and_headings_of_their_first_character(
    name: str, document: Document, sizes: tuple[int, int]
) -> None:
    for chunk in split(name, document, *sizes):
        start = 0
        for block in document.blocks:
            if start <= chunk.start < start + len(block.text):
                assert chunk.page == block.page
                added = chunk.headings[len(block.headings) :]
                assert chunk.headings == block.headings + added
                assert not added or (name, block.kind) == ("table", "table")
            start += len(block.text) + len(Document.SEPARATOR)


@UNHURRIED
@given(text=TEXTS.filter(str.strip))
def test_short_document_is_one_chunk(name: str, text: str) -> None:
    document = Document("短", (Block("标题", "heading"), Block(text)))
    assert len(split(name, document, len(document.text), 0)) == 1


@pytest.mark.parametrize("separator", ["。", ". ", "；", "\n", " ", ""])
def test_time_is_linear_in_the_length_of_the_text(name: str, separator: str) -> None:
    def seconds(sentences: int) -> float:
        text = separator.join(["知识库 question answering 1.5"] * sentences)
        blocks = (Block(text), Block("标题", "heading"), Block(text, "table", headings=("标题",)))
        start = time.process_time()
        split(name, Document("长", blocks * 2), 500, 100)
        return time.process_time() - start

    seconds(10)
    short = min(seconds(300) for _ in range(3))
    assert min(seconds(3000) for _ in range(2)) < 25 * short  # 10 if nothing disturbs it


@pytest.mark.parametrize("overlap", [0, 50])
def test_chinese_without_any_separator_is_cut(name: str, overlap: int) -> None:
    text = "".join(chr(0x4E00 + offset) for offset in range(600))
    chunks = split(name, Document("长", (Block(text),)), 250, overlap)
    assert all(len(chunk.text) <= 250 for chunk in chunks)
    assert len(chunks) == 3


@pytest.mark.parametrize("document", [Document("空", ()), Document("白", (Block(" \n\t　"),))])
def test_document_of_white_space_has_no_chunks(name: str, document: Document) -> None:
    assert split(name, document, 100, 10) == ()


@UNHURRIED
@given(document=DOCUMENTS)
def test_splitting_is_repeatable(name: str, document: Document) -> None:
    assert split(name, document, 40, 10) == split(name, document, 40, 10)


def test_every_file_of_the_package_is_registered(name: str) -> None:
    modules = {path.stem for path in Path(splitters.__file__).parent.glob("*.py")} - {"__init__"}
    registered = {place.partition(":")[0].rpartition(".")[2] for place in SPLITTERS.places.values()}
    assert modules == registered | SHARED
    assert set(SPLITTERS) == set(get_args(SplitterName))
    assert callable(SPLITTERS.get(name))
