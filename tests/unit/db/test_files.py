from server.datatypes import Block, Document, heading_changes
from server.db.files import NewFile, describe
from server.db.models import FileRow


def test_headings_are_noted_where_they_change() -> None:
    paths = [(), ("章",), ("章", "节"), ("章", "节"), ("章", "款"), ("末",), ()]
    changes = list(heading_changes(Block("文", headings=path) for path in paths))
    assert changes == [
        (0, ()),
        (0, ("章",)),
        (1, ("节",)),
        (2, ()),
        (1, ("款",)),
        (0, ("末",)),
        (0, ()),
    ]


def test_headings_of_a_file_are_stored_once() -> None:
    headings = tuple(str(level) * 200 for level in range(6))
    document = Document("手册", tuple(Block("文", headings=headings) for _ in range(1000)))
    row = FileRow()
    describe(row, NewFile("a.md", "", 0, document, (), 100, 0, None), revision=1)
    assert row.blocks[0] == [1, "text", None, 0, headings]
    assert row.blocks[1:] == [[1, "text", None, 6, ()]] * 999
