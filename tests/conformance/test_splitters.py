"""What every splitter does, on any text."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
SIZES = st.integers(1, 80).flatmap(lambda size: st.tuples(st.just(size), st.integers(0, size)))


def split(name: str, document: Document, chunk_chars: int, overlap_chars: int) -> tuple[Chunk, ...]:
    return SPLITTERS.get(name)(document, chunk_chars=chunk_chars, overlap_chars=overlap_chars)


@given(document=DOCUMENTS, sizes=SIZES)
def test_chunks_are_exactly_their_part_of_the_text(
    name: str, document: Document, sizes: tuple[int, int]
) -> None:
    for chunk in split(name, document, *sizes):
        assert chunk.text == document.text[chunk.start : chunk.end]
        assert chunk.text == chunk.text.strip()


@given(document=DOCUMENTS, sizes=SIZES)
def test_chunks_are_never_empty_or_too_long(
    name: str, document: Document, sizes: tuple[int, int]
) -> None:
    for chunk in split(name, document, *sizes):
        assert 1 <= len(chunk.text) <= sizes[0]


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


@given(document=DOCUMENTS, sizes=SIZES)
def test_chunks_are_in_order_and_share_no_more_than_asked_for(
    name: str, document: Document, sizes: tuple[int, int]
) -> None:
    chunks = split(name, document, *sizes)
    for left, right in pairwise(chunks):
        assert left.start < right.start
        assert left.end < right.end
        assert left.end - right.start <= sizes[1]


@given(document=DOCUMENTS, sizes=SIZES)
def test_chunks_carry_the_page_and_headings_of_their_first_character(
    name: str, document: Document, sizes: tuple[int, int]
) -> None:
    for chunk in split(name, document, *sizes):
        start = 0
        for block in document.blocks:
            if start <= chunk.start < start + len(block.text):
                assert (chunk.page, chunk.headings) == (block.page, block.headings)
            start += len(block.text) + len(Document.SEPARATOR)


@given(text=TEXTS.filter(str.strip))
def test_short_document_is_one_chunk(name: str, text: str) -> None:
    document = Document("短", (Block("标题", "heading"), Block(text)))
    assert len(split(name, document, len(document.text), 0)) == 1


@pytest.mark.parametrize("overlap", [0, 50])
def test_chinese_without_any_separator_is_cut(name: str, overlap: int) -> None:
    text = "".join(chr(0x4E00 + offset) for offset in range(600))
    chunks = split(name, Document("长", (Block(text),)), 250, overlap)
    assert all(len(chunk.text) <= 250 for chunk in chunks)
    assert len(chunks) == 3


@pytest.mark.parametrize("document", [Document("空", ()), Document("白", (Block(" \n\t　"),))])
def test_document_of_white_space_has_no_chunks(name: str, document: Document) -> None:
    assert split(name, document, 100, 10) == ()


@settings(deadline=None)
@given(document=DOCUMENTS)
def test_splitting_is_repeatable(name: str, document: Document) -> None:
    assert split(name, document, 40, 10) == split(name, document, 40, 10)


def test_every_file_of_the_package_is_registered(name: str) -> None:
    modules = {path.stem for path in Path(splitters.__file__).parent.glob("*.py")} - {"__init__"}
    registered = {place.partition(":")[0].rpartition(".")[2] for place in SPLITTERS.places.values()}
    assert modules == registered | SHARED
    assert callable(SPLITTERS.get(name))
