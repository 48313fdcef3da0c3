import pytest

from server.datatypes import Block, Document
from server.knowledge_base.splitters.borders import Border, Borders


def sentence_ends(text: str) -> list[str]:
    borders = Borders(Document("t", (Block(text),)), chunk_size=100)
    return [text[:end] for end in borders.places[Border.SENTENCE]]


@pytest.mark.parametrize(
    "text",
    [
        "Seen by Dr. Smith",
        "It is No. 5 of ten",
        "See e.g. this one",
        "by J. Smith",
        "1. Fill the tube",
        "about 3.14 units",
        "http://a.b/c?d=e",
        "v2.0 of x.py",
        "a!=b",
    ],
)
def test_stop_inside_a_sentence_is_no_border(text: str) -> None:
    assert sentence_ends(text) == []


@pytest.mark.parametrize(
    "text", ["完了。", "“走吧。”", "真的？！", "It works. ", 'He said "no." ', "Why? ", "(Done!) "]
)
def test_sentence_ends_behind_its_closing_marks(text: str) -> None:
    assert sentence_ends(text) == [text.strip()]


def test_rows_and_headings_have_no_border_inside() -> None:
    blocks = (Block("标题，一。二", "heading"), Block("甲：一，二。三\n乙：四，五", "table"))
    borders = Borders(Document("t", blocks), chunk_size=100)
    assert not borders.places[Border.SENTENCE]
    assert borders.places[Border.LINE] == [16]


def test_places_of_each_kind_are_sorted() -> None:
    text = "One. 二。Three!\n四； five; 六，seven, 八 nine. \n" * 5
    borders = Borders(Document("t", (Block(text),)), chunk_size=100)
    assert all(places == sorted(places) for places in borders.places.values())
