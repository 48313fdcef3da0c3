"""Names of knowledge bases and files: what is kept, what is refused."""

import pytest

from server.errors import InvalidName, UnsafeName
from server.knowledge_base.names import check_file_name, check_kb_name

ESCAPES = [
    "../x.txt",
    "a/../../x.txt",
    "/etc/passwd",
    "..\\x.txt",
    "C:\\x.txt",
    "C:x.txt",
    "\\\\host\\share\\x.txt",
    "..%2fx.txt",
    "%2e%2e%2fx.txt",
    "..%252fx.txt",
    "a\0b.txt",
    "%00.txt",
    "．．／x.txt",
    "a//b.txt",
    "..",
    ".",
    "a%2fb.txt",
]


@pytest.mark.parametrize("name", ESCAPES)
def test_a_file_name_that_leaves_its_folder_is_unsafe(name: str) -> None:
    with pytest.raises(UnsafeName):
        check_file_name(name)


@pytest.mark.parametrize("name", [*ESCAPES, "a/b"])
def test_a_kb_name_that_leaves_its_folder_is_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        check_kb_name(name)


@pytest.mark.parametrize(
    "name",
    ["", "  ", "x" * 300, "con.txt", "~$a.docx", ".hidden", "a\nb.txt", "a\u202eb.txt", "a.txt "],
)
def test_a_file_name_that_no_disk_can_hold_is_invalid(name: str) -> None:
    with pytest.raises(InvalidName):
        check_file_name(name)


@pytest.mark.parametrize(
    "name", ["报告（终版）.pdf", "a b.txt", "100%.txt", "sub/folder/a.txt", "a_b.txt", "😀.md"]
)
def test_a_usual_file_name_is_kept(name: str) -> None:
    assert check_file_name(name) == name


def test_a_decomposed_name_is_stored_composed() -> None:
    assert check_file_name("e\u0301.txt") == "\u00e9.txt"


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "x'; drop table--", "%", "nul", "-a", "a."])
def test_a_kb_name_with_other_characters_is_invalid(name: str) -> None:
    with pytest.raises(InvalidName):
        check_kb_name(name)


@pytest.mark.parametrize(
    "name",
    ["samples", "产品 手册", "v1.2", "制度（试行）", "制度(试行)", "《手册》", "人事、行政", "R&D"],
)
def test_a_usual_kb_name_is_kept(name: str) -> None:
    assert check_kb_name(name) == name
