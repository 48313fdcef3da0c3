import pytest

from server.errors import EmptyDocument, TooLarge, UnsupportedFormat
from tests.unit.knowledge_base.loaders.conftest import Read


@pytest.mark.parametrize("name", ["notes", "notes.exe", "notes.txt.zip", ".txt"])
def test_unknown_extension_is_refused_with_the_known_ones(read: Read, name: str) -> None:
    with pytest.raises(UnsupportedFormat, match=r"\.csv, \.doc, .*\.txt"):
        read(name, "text")


def test_line_ends_and_invisible_characters_are_cleaned(read: Read) -> None:
    text = "知\u200b识\xad库\x00\r\n第二\xa0行\x07\u2028第三行\ttab"
    assert read("a.txt", text).text == "知识库\n第二 行\n第三行\ttab"


def test_characters_beyond_the_basic_plane_are_kept(read: Read) -> None:
    assert read("a.txt", "𠮷野家 👨‍👩‍👧").text == "𠮷野家 👨‍👩‍👧"


def test_marks_without_a_letter_are_no_text(read: Read) -> None:
    with pytest.raises(EmptyDocument):
        read("a.txt", "。。。 —— \x00 ***")


def test_endless_title_is_cut(read: Read) -> None:
    document = read("a.html", f"<title>{'知 ' * 100_000}</title><p>text")
    assert document.title == ("知 " * 150).strip()


def test_endless_caption_is_no_heading(read: Read) -> None:
    table = "<table><caption>{}</caption><tr><td>a<td>b<tr><td>1<td>2</table>"
    assert read("a.html", table.format("价格")).blocks[-1].headings == ("价格",)
    assert read("a.html", table.format("价" * 201)).blocks[-1].headings == ()


def test_block_counts_for_more_than_its_text(read: Read) -> None:
    with pytest.raises(TooLarge):
        read("a.md", "知\n\n" * 100, max_chars=1000)


def test_heading_counts_once_for_all_blocks_under_it(read: Read) -> None:
    source = f"# {'章' * 200}\n\n" + "知\n\n" * 1000
    assert len(read("a.md", source, max_chars=70_000).blocks) == 1001


def test_text_of_exactly_the_limit_is_accepted(read: Read) -> None:
    assert read("a.txt", "知" * 50, max_chars=50).text == "知" * 50
