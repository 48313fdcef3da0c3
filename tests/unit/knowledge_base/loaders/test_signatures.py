"""Files that are of another format than their names say: the error tells which."""

import io
import zipfile

import pytest

from server.errors import UnreadableDocument
from tests.unit.knowledge_base.loaders.conftest import Read

PACKED = (".docx", ".xlsx", ".pptx", ".odt", ".epub")


def zipped(*names: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, "text")
    return packed.getvalue()


@pytest.mark.parametrize("extension", [*PACKED, ".doc", ".ppt", ".xls"])
@pytest.mark.parametrize(
    ("start", "kind", "fitting"),
    [
        (b"%PDF-1.7\n%", "PDF", r"\.pdf"),
        (b"{\\rtf1\\ansi text}", "RTF", r"\.rtf"),
        (b"\x89PNG\r\n\x1a\n", "PNG", r"\.png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "JPEG", r"\.jpg"),
        (b"<html><body>text", "web page", r"\.html"),
    ],
)
def test_another_format_is_named(
    read: Read, extension: str, start: bytes, kind: str, fitting: str
) -> None:
    if (extension, kind) == (".doc", "RTF"):
        pytest.skip("Word opens it, and so do we")
    with pytest.raises(UnreadableDocument, match=f"{kind}.*{fitting}") as refused:
        read(f"a{extension}", start)
    assert "扩展名" in refused.value.message("zh")


@pytest.mark.parametrize("extension", PACKED)
def test_an_archive_is_no_document(read: Read, extension: str) -> None:
    with pytest.raises(UnreadableDocument, match="zip archive and no document"):
        read(f"a{extension}", zipped("a.txt", "folder/b.txt"))


@pytest.mark.parametrize("extension", PACKED)
def test_a_document_without_its_parts_is_damaged(read: Read, extension: str) -> None:
    with pytest.raises(UnreadableDocument, match="damaged"):
        read(f"a{extension}", zipped("[Content_Types].xml"))
