"""Files that attack their reader: each is refused or read, and the next one still is."""

import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest
from openpyxl.workbook import Workbook

from server.datatypes import Document
from server.errors import EmptyDocument, TooLarge, UnreadableDocument
from server.knowledge_base.parsing import ParseLimits, ParserPool
from tests.unit.knowledge_base.loaders.makers import FONT, UNICODE, assemble, make_docx, stream
from tests.unit.knowledge_base.loaders.packages import make_epub, make_xlsx

LIMITS = ParseLimits(
    memory_mb=512, timeout_s=200, max_chars=64 << 20, max_pages=500, max_unpacked_mb=64
)
MIB = 1 << 20
WORD = make_docx(lambda document: document.add_paragraph("文字"))
BODY = "word/document.xml"
Parse = Callable[[str, bytes], Document]


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    built = ParserPool(LIMITS, count=1)
    yield built
    built.close()


@pytest.fixture
def parse(pool: ParserPool, tmp_path: Path) -> Iterator[Parse]:
    def parse_bytes(name: str, content: bytes) -> Document:
        blob = tmp_path / "blob"
        blob.write_bytes(content)
        return pool.parse(blob, name)

    yield parse_bytes
    assert parse_bytes("next.txt", b"the next one").text == "the next one"


def rezip(change: Callable[[str, bytes], bytes], *, method: int = ZIP_DEFLATED) -> bytes:
    buffer = BytesIO()
    with ZipFile(BytesIO(WORD)) as old, ZipFile(buffer, "w", method) as new:
        for name in old.namelist():
            new.writestr(name, change(name, old.read(name)))
    return buffer.getvalue()


def with_body(xml: str) -> bytes:
    return rezip(lambda name, data: xml.encode() if name == BODY else data)


def with_more(name: str, content: bytes) -> bytes:
    buffer = BytesIO(WORD)
    with ZipFile(buffer, "a", ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def body(doctype: str, text: str, attribute: str = "") -> str:
    return (
        f'<?xml version="1.0"?>{doctype}<w:document xmlns:w="http://schemas.openxmlformats.org/'
        f'wordprocessingml/2006/main"><w:body><w:p w:x="{attribute}"><w:r><w:t>known {text}</w:t>'
        "</w:r></w:p></w:body></w:document>"
    )


@pytest.mark.parametrize("part", [BODY, "word/media/image.png", "custom.xml"])
def test_zip_bomb_is_refused_by_what_it_unpacks_to(parse: Parse, part: str) -> None:
    bomb = with_more(part, bytes(65 * MIB)) if part != BODY else with_body(" " * 65 * MIB)
    assert len(bomb) < 200_000
    with pytest.raises(TooLarge, match=r"64 MiB.*kb\.max_unpacked_mb"):
        parse("a.docx", bomb)


def test_many_parts_count_together(parse: Parse) -> None:
    buffer = BytesIO(WORD)
    with ZipFile(buffer, "a", ZIP_DEFLATED) as archive:
        for number in range(70):
            archive.writestr(f"{number}.bin", bytes(MIB))
    with pytest.raises(TooLarge, match=r"kb\.max_unpacked_mb"):
        parse("a.docx", buffer.getvalue())


@pytest.mark.parametrize("claimed", [0, 100, 10 * MIB])
def test_part_that_is_larger_than_it_claims_is_refused(parse: Parse, claimed: int) -> None:
    liar = with_more("word/media/image.png", bytes(600 * MIB))
    true, false = struct.pack("<I", 600 * MIB), struct.pack("<I", claimed)
    assert liar.count(true) == 2  # in the head of the part, and in the directory
    with pytest.raises(UnreadableDocument, match="damaged"):
        parse("a.docx", liar.replace(true, false))


def test_part_that_is_smaller_than_it_claims_is_read(parse: Parse) -> None:
    liar = with_more("word/media/image.png", b"x" * 1234)
    larger = liar.replace(struct.pack("<I", 1234), struct.pack("<I", 60 * MIB))
    assert larger != liar
    assert parse("a.docx", larger).text == "文字"


def test_part_packed_with_a_method_that_unpacks_without_bounds_is_refused(parse: Parse) -> None:
    with pytest.raises(UnreadableDocument, match="damaged"):
        parse("a.docx", rezip(lambda _, data: data, method=ZIP_BZIP2))


def test_archive_in_an_archive_is_not_opened(parse: Parse) -> None:
    inner = BytesIO()
    with ZipFile(inner, "w", ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(200 * MIB))
    assert parse("a.docx", with_more("word/embeddings/inner.zip", inner.getvalue())).text == "文字"


LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "haha">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefghi", "bcdefghij", strict=True)
    )
    + "]>"
)


@pytest.mark.parametrize(("text", "attribute"), [("&j;", ""), ("", "&j;"), ("", "&d;")])
def test_billion_laughs_do_not_multiply(parse: Parse, text: str, attribute: str) -> None:
    try:
        document = parse("a.docx", with_body(body(LAUGHS, text, attribute)))
    except UnreadableDocument:
        return
    assert document.text == "known"


@pytest.mark.parametrize("kind", ["ENTITY x", "ENTITY % x", "NOTATION x"])
@pytest.mark.parametrize("part", [BODY, "docProps/core.xml"])
def test_entity_from_another_file_is_not_read(
    parse: Parse, tmp_path: Path, kind: str, part: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    doctype = f'<!DOCTYPE r [<!{kind} SYSTEM "{secret.as_uri()}"> {"%x;" * ("%" in kind)}]>'
    core = (
        f'<?xml version="1.0"?>{doctype}<cp:coreProperties xmlns:cp="http://schemas.openxmlformats'
        '.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">'
        "<dc:title>known &x;</dc:title></cp:coreProperties>"
    )
    xml = body(doctype, "&x;") if part == BODY else core
    try:
        document = parse("a.docx", rezip(lambda n, data: xml.encode() if n == part else data))
    except UnreadableDocument:
        return
    assert "hidden" not in document.title + document.text


@pytest.mark.parametrize(
    "page",
    [
        "<!DOCTYPE html [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><p>known &x;</p>",
        f"{LAUGHS}<p>known &j;</p>",
        "<p>known</p><iframe src='file:///etc/passwd'></iframe>",
    ],
)
def test_page_takes_in_no_other_file(parse: Parse, page: str) -> None:
    text = parse("a.html", page.encode()).text
    assert "known" in text
    assert "root:" not in text
    assert "haha" not in text.partition("known")[2]


def pdf(*objects: bytes) -> bytes:
    """Return a PDF whose page tree is object 1 and whose other objects follow."""
    start = len(objects)
    return assemble([*objects, b"<< /Type /Catalog /Pages 1 0 R >>", b"<< >>"], start + 1, b"")


@pytest.mark.parametrize(
    "objects",
    [
        [b"<< /Type /Pages /Count 3 /Kids [1 0 R] >>"],
        [
            b"<< /Type /Pages /Count 9 /Kids [2 0 R 2 0 R] >>",
            b"<< /Type /Pages /Parent 1 0 R /Count 9 /Kids [1 0 R 2 0 R] >>",
        ],
        [
            b"<< /Type /Pages /Parent 2 0 R /Count 1 /Kids [2 0 R] >>",
            b"<< /Type /Page /Parent 1 0 R /MediaBox [0 0 9 9] /Contents 2 0 R >>",
        ],
        [b"<< /Type /Pages /Count -5 /Kids [1 0 R] >>"],
        [b"<< /Type /Pages /Count 400 /Kids 1 0 R >>"],
    ],
    ids=["itself", "circle", "parent", "negative", "kids"],
)
def test_pages_that_go_in_a_circle_end(parse: Parse, objects: list[bytes]) -> None:
    with pytest.raises((EmptyDocument, UnreadableDocument)):
        parse("a.pdf", pdf(*objects))


@pytest.mark.parametrize("is_shared", [True, False], ids=["one-page-often", "pages"])
def test_too_many_pages_are_refused_before_they_are_read(parse: Parse, is_shared: bool) -> None:
    count = 10_000
    kids = b" ".join(b"%d 0 R" % (2 if is_shared else 2 + index) for index in range(count))
    page = b"<< /Type /Page /Parent 1 0 R /MediaBox [0 0 9 9] >>"
    objects = [b"<< /Type /Pages /Count %d /Kids [%s] >>" % (count, kids)]
    with pytest.raises(TooLarge, match=r"pages of 'a\.pdf' .* 500 .*kb\.max_pages"):
        parse("a.pdf", pdf(*objects, *[page] * (1 if is_shared else count)))


def test_claim_of_a_million_pages_is_not_believed(parse: Parse) -> None:
    tree = b"<< /Type /Pages /Count 1000000 /Kids [2 0 R] >>"
    with pytest.raises((EmptyDocument, TooLarge)):
        parse("a.pdf", pdf(tree, b"<< /Type /Page /Parent 1 0 R /MediaBox [0 0 9 9] >>"))


def packed_page(content: bytes, filters: bytes) -> bytes:
    resources = b"/Resources << /Font << /F 1 0 R >> >>"
    page = b"<< /Type /Page /Parent 7 0 R /MediaBox [0 0 595 842] /Contents 5 0 R %s >>" % resources
    objects = [
        *(*FONT, stream(UNICODE)),
        b"<< /Length %d /Filter %s >> stream\n%s\nendstream" % (len(content), filters, content),
        page,
        b"<< /Type /Pages /Count 1 /Kids [6 0 R] >>",
        b"<< /Type /Catalog /Pages 7 0 R >>",
        b"<< >>",
    ]
    return assemble(objects, 8, b"")


def deflate(portion: bytes, times: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(portion) for _ in range(times)) + packer.flush()


def test_stream_that_unpacks_to_gigabytes_is_refused(parse: Parse) -> None:
    twice = zlib.compress(deflate(b" " * MIB, 2000), 9)
    assert len(twice) < 10_000
    with pytest.raises(TooLarge, match=r"512 MiB.*kb\.parse_memory_mb"):
        parse("a.pdf", packed_page(twice, b"[/FlateDecode /FlateDecode]"))


def test_truncated_pdf_is_read_or_refused(parse: Parse) -> None:
    content = packed_page(zlib.compress(b"BT /F 1 Tf 9 0 0 9 9 9 Tm <0041> Tj ET"), b"/FlateDecode")
    assert parse("a.pdf", content).text == "A"
    for share in range(1, 10):
        try:
            text = parse("a.pdf", content[: len(content) * share // 10]).text
        except (UnreadableDocument, EmptyDocument):
            continue
        assert text == "A"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.html", b"<p>known" + b"<div>" * 100_000 + b"deep"),
        ("a.html", b"<p>known" + b"<table><tr><td>" * 5_000),
        ("a.html", b"<p>known" + b"<p a=" * 50_000),
        ("a.md", b"known\n\n" + b"[" * 30_000),
        ("a.md", b"known\n\n" + b"> " * 50_000),
        ("a.md", b"known\n\n" + b"*a **b " * 10_000),
        ("a.md", b"known\n\n" + b"- " * 20_000),
        ("a.md", b"---\n" + b"a: &a [" * 2_000 + b"\n---\nknown"),
        ("a.csv", b"known,x\n" + b'"' * 100_001 + b"\n"),
        ("a.csv", b"known," + b"," * 200_000),
        ("a.json", b'["known"' + b",[" * 900 + b"]" * 901),
        ("a.json", b'{"known":' * 100_000),
        ("a.xml", b"<a>known" + b"<b>" * 100_000),
        ("a.xml", b"<a>known" + b"<b/>x" * 100_000 + b"</a>"),
        ("a.xml", b"<a>known" + b"<b/><c/>" * 100_000 + b"</a>"),
        ("a.py", b"known = " + b"(" * 100_000),
        ("a.py", b"known = " + b"-" * 100_000 + b"1"),
        ("a.toml", b"known = 1\n" + b"[" * 100_000),
        ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\nknown " + b"<a" * 20_000),
        ("a.ipynb", b'{"cells": [{"cell_type": "markdown", "source": "known ' + b"[" * 30_000),
        ("a.enex", b"<en-export><note><title>known</title></note>" + b"<note>" * 10_000),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_markup_nested_without_end_is_read_or_refused(
    parse: Parse, name: str, content: bytes
) -> None:
    try:
        text = parse(name, content).text
    except (UnreadableDocument, TooLarge):
        return
    assert "known" in text


def test_cells_merged_over_all_of_a_sheet_are_refused(parse: Parse) -> None:
    def fill(book: Workbook) -> None:
        book.active.append(["known", "x"])
        book.active.merge_cells("A1:B1")

    buffer = BytesIO()
    with ZipFile(BytesIO(make_xlsx(fill))) as old, ZipFile(buffer, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'"A1:B1"', b'"A1:XFD1048576"'))
    with pytest.raises(UnreadableDocument, match="merged"):
        parse("a.xlsx", buffer.getvalue())


def test_book_whose_pages_name_each_other_is_read_once(parse: Parse) -> None:
    page = "<p>known</p>" + "<a href='a.xhtml'>x</a>" * 1000
    assert parse("a.epub", make_epub({"a.xhtml": page})).text.count("known") == 1


def test_stored_zip_of_nothing_but_a_word_file_is_refused(parse: Parse) -> None:
    buffer = BytesIO()
    with ZipFile(buffer, "w", ZIP_STORED) as archive:
        archive.writestr("a.docx", WORD)
    with pytest.raises(UnreadableDocument, match="zip archive and no document"):
        parse("a.docx", buffer.getvalue())
