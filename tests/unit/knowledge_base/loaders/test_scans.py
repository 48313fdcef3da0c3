"""Text in pictures and in scanned pages, by real OCR."""

import time
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from server.datatypes import Document
from server.errors import EmptyDocument, UnreadableDocument
from server.knowledge_base.loaders.limits import OcrTime
from server.knowledge_base.parsing import tell_nobody
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.makers import make_pdf
from tests.unit.knowledge_base.loaders.pictures import draw, draw_lines, encode, make_scan

RULE = "单人搬运不超过 25 kg"
PUMP = "The pump P-7 has a warranty of 24 months."
Tell = Callable[[int, int], None]
Scan = Callable[..., Document]


@pytest.fixture
def scan(read: Read) -> Scan:
    """Return what reads a file with time for OCR."""

    def read_with_time(
        name: str, content: bytes, *, seconds: float = 600.0, tell: Tell = tell_nobody
    ) -> Document:
        return read(name, content, ocr=OcrTime(time.monotonic() + seconds, tell))

    return read_with_time


@pytest.mark.parametrize(("name", "form"), [("a.png", "PNG"), ("a.jpg", "JPEG"), ("a.bmp", "BMP")])
def test_a_picture_of_text_is_read(scan: Scan, name: str, form: str) -> None:
    document = scan(name, encode(draw_lines(RULE, PUMP), form))
    assert [block.text for block in document.blocks] == [RULE, PUMP]
    assert document.coverage.pages_ocr == 1


def test_text_on_a_transparent_ground_is_read(scan: Scan) -> None:
    dark = draw_lines(PUMP).convert("L")
    picture = Image.new("RGBA", dark.size, (0, 0, 0, 0))
    picture.putalpha(dark.point(lambda light: 255 - light))
    assert scan("a.png", encode(picture, "PNG")).text == PUMP


def test_a_photograph_is_turned_by_its_mark(scan: Scan) -> None:
    upright = draw_lines(RULE, PUMP)
    marks = Image.Exif()
    marks[0x0112] = 6  # the camera was turned: show it a quarter to the right
    picture = upright.transpose(Image.Transpose.ROTATE_90)
    buffer = BytesIO()
    picture.save(buffer, "JPEG", exif=marks, quality=95)
    assert PUMP in scan("a.jpg", buffer.getvalue()).text


def test_columns_of_a_picture_are_read_one_after_another(scan: Scan) -> None:
    left = [f"左栏第{number}行的文字内容用来测试阅读顺序" for number in "一二三四五"]
    right = [line.replace("左", "右") for line in left]
    texts = [(60, 100 + 50 * number, 24, line) for number, line in enumerate(left)]
    texts += [(660, 100 + 50 * number, 24, line) for number, line in enumerate(right)]
    text = scan("a.png", encode(draw(texts, size=(1240, 420)), "PNG")).text
    places = [text.index(line) for line in [*left, *right]]
    assert places == sorted(places)


def test_cells_on_one_height_make_a_row(scan: Scan) -> None:
    rows = [("名称", "价格"), ("水泵", "12.50"), ("阀门", "7.20")]
    texts = [
        (60 + 500 * column, 60 + 70 * row, 32, cell)
        for row, cells in enumerate(rows)
        for column, cell in enumerate(cells)
    ]
    document = scan("a.png", encode(draw(texts, size=(1240, 320)), "PNG"))
    assert "水泵  12.50" in document.text.split("\n")


def test_scanned_pages_are_read_and_told_one_by_one(scan: Scan) -> None:
    heard: list[tuple[int, int]] = []
    scanned = make_scan(draw_lines(RULE), draw_lines(PUMP))
    document = scan("a.pdf", scanned, tell=lambda page, pages: heard.append((page, pages)))
    assert [(block.text, block.page) for block in document.blocks] == [(RULE, 1), (PUMP, 2)]
    assert (document.coverage.pages, document.coverage.pages_ocr) == (2, 2)
    assert heard == [(1, 2), (2, 2)]


def test_pages_of_text_need_no_ocr(scan: Scan) -> None:
    page = [(72.0, 700.0, 11.0, "这一页的文字足够长，不需要识别图片中的文字内容。")]
    coverage = scan("a.pdf", make_pdf([page, []])).coverage
    assert (coverage.pages, coverage.pages_ocr, coverage.pages_blank) == (2, 0, 1)


def test_a_scan_that_no_time_is_left_for_says_so(scan: Scan) -> None:
    with pytest.raises(UnreadableDocument, match="is over"):
        scan("a.pdf", make_scan(draw_lines(RULE)), seconds=0)


def test_a_picture_without_ocr_says_what_to_do(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match=r"kb\.ocr_timeout_s"):
        read("a.png", encode(draw_lines(RULE), "PNG"))


def test_a_picture_without_text_is_empty(scan: Scan) -> None:
    with pytest.raises(EmptyDocument):
        scan("a.png", encode(Image.new("RGB", (400, 300), "gray"), "PNG"))


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 40, b"GIF89a"])
def test_a_damaged_picture_is_refused(scan: Scan, content: bytes) -> None:
    with pytest.raises(UnreadableDocument, match="damaged"):
        scan("a.png", content)


def test_a_picture_of_too_many_pixels_is_refused_unread(scan: Scan) -> None:
    with pytest.raises(UnreadableDocument, match="50 million"):
        scan("a.png", encode(Image.new("1", (30_000, 30_000)), "PNG"))
