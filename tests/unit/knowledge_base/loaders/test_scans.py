"""Text in pictures and in scanned pages, by real OCR."""

import time
from collections.abc import Callable, Sequence
from io import BytesIO

import pypdfium2
import pytest
from PIL import Image

from server.datatypes import Document, Gap
from server.errors import EmptyDocument, UnreadableDocument
from server.knowledge_base.loaders.limits import OcrTime
from server.knowledge_base.parsing import tell_nobody
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.makers import Text, make_pdf
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


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("form", ["png", "pdf"])
def test_what_lies_on_its_side_or_head_is_read_in_order(
    scan: Scan, degrees: int, form: str
) -> None:
    turned = draw_lines(RULE, PUMP, "第二条 每季度检查一次").rotate(degrees, expand=True)
    content = encode(turned, "PNG") if form == "png" else make_scan(turned)
    text = scan(f"a.{form}", content).text
    places = [text.index(word) for word in ("单人搬运", "P-7", "第二条")]
    assert places == sorted(places)


def test_upright_columns_are_read_from_the_right(scan: Scan) -> None:
    columns = ["春眠不觉晓处处闻啼鸟", "夜来风雨声花落知多少"]
    texts = [
        (1000 - 80 * column, 80 + 50 * place, 40, character)
        for column, characters in enumerate(columns)
        for place, character in enumerate(characters)
    ]
    text = scan("a.png", encode(draw(texts, size=(1240, 700)), "PNG")).text
    assert text.index(columns[0]) < text.index(columns[1])


def test_narrow_digits_do_not_turn_a_picture(scan: Scan) -> None:
    digits = [(100 + 150 * (n % 6), 200 + 90 * (n // 6), 40, "1") for n in range(36)]
    picture = draw([(100, 80, 40, "每月检查次数"), *digits], size=(1240, 800))
    assert scan("a.png", encode(picture, "PNG")).text.startswith("每月检查次数")


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


def put_on_page(
    *texts: Text, pictures: Sequence[tuple[Image.Image, tuple[float, float, float, float]]] = ()
) -> bytes:
    """Return a PDF of one page with text and pictures, given their left, bottom, width, height."""
    document = pypdfium2.PdfDocument(make_pdf([texts]))
    page = document[0]
    for picture, (left, bottom, width, height) in pictures:
        image = pypdfium2.PdfImage.new(document)
        image.load_jpeg(BytesIO(encode(picture, "JPEG")), inline=True)
        matrix = pypdfium2.PdfMatrix().scale(width, height).translate(left, bottom)
        image.set_matrix(matrix)
        page.insert_obj(image)
    page.gen_content()
    buffer = BytesIO()
    document.save(buffer)
    document.close()
    return buffer.getvalue()


ABOVE = (72.0, 780.0, 11.0, "图片上方的这一段文字足够长，这一页不是扫描件。")
BELOW = (72.0, 100.0, 11.0, "图片下方的这一段文字也足够长，作为正文的结尾。")
LARGE = (72.0, 400.0, 450.0, 75.0)


def test_a_large_picture_on_a_page_of_text_is_read_in_its_place(scan: Scan) -> None:
    picture = draw_lines("第三章安装", PUMP)
    document = scan("a.pdf", put_on_page(ABOVE, BELOW, pictures=[(picture, LARGE)]))
    assert [block.text for block in document.blocks] == [ABOVE[3], f"第三章安装\n{PUMP}", BELOW[3]]
    assert [block.headings for block in document.blocks] == [(), (), ()]
    assert document.coverage.gaps == ()


def test_strips_of_a_picture_are_read_as_one(scan: Scan) -> None:
    picture = draw_lines(RULE, PUMP)
    middle = 60  # through the letters of the first line
    strips = [picture.crop((0, 0, 1240, middle)), picture.crop((0, middle, 1240, picture.height))]
    first = LARGE[3] * middle / picture.height
    boxes = [(72.0, 475.0 - first, 450.0, first), (72.0, 400.0, 450.0, LARGE[3] - first)]
    content = put_on_page(ABOVE, BELOW, pictures=list(zip(strips, boxes, strict=True)))
    assert "单人搬运不超过" in scan("a.pdf", content).text


def test_the_picture_behind_a_text_and_small_ones_are_not_read(read: Read) -> None:
    picture = draw_lines(PUMP)
    behind = (0.0, 0.0, 595.0, 842.0)
    logo = (500.0, 790.0, 60.0, 20.0)
    content = put_on_page(ABOVE, BELOW, pictures=[(picture, behind), (picture, logo)])
    assert read("a.pdf", content).coverage.gaps == ()


def test_a_picture_that_is_on_many_pages_is_read_once(scan: Scan) -> None:
    page = put_on_page(ABOVE, BELOW, pictures=[(draw_lines(PUMP), LARGE)])
    document = pypdfium2.PdfDocument(page)
    document.import_pages(document)
    buffer = BytesIO()
    document.save(buffer)
    document.close()
    assert scan("a.pdf", buffer.getvalue()).text.count("P-7") == 1


@pytest.mark.parametrize(("seconds", "reason"), [(0, "no_time"), (None, "no_ocr")])
def test_a_large_picture_that_is_not_read_is_a_gap(
    read: Read, scan: Scan, seconds: float | None, reason: str
) -> None:
    content = put_on_page(ABOVE, BELOW, pictures=[(draw_lines(PUMP), LARGE)])
    reading = read("a.pdf", content) if seconds is None else scan("a.pdf", content, seconds=seconds)
    assert reading.coverage.gaps == (Gap("picture", reason, "p. 1"),)  # type: ignore[arg-type]
    assert ABOVE[3] in reading.text


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
