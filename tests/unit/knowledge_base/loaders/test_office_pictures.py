"""Pictures in office documents, by real OCR: one of each format."""

import time
from collections.abc import Callable
from io import BytesIO

import pytest
from docx.document import Document as DocxDocument
from docx.shared import Inches
from openpyxl.drawing.image import Image as SheetImage
from openpyxl.workbook import Workbook
from pptx.presentation import Presentation

from server.knowledge_base.loaders.limits import OcrTime
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.makers import make_docx
from tests.unit.knowledge_base.loaders.packages import make_epub, make_odt, make_pptx, make_xlsx
from tests.unit.knowledge_base.loaders.pictures import draw_lines, encode
from tests.unit.knowledge_base.loaders.test_odt_parts import LINK, with_parts

RULE = "单人搬运不超过 25 kg"


@pytest.fixture(scope="module")
def picture() -> bytes:
    return encode(draw_lines(RULE), "PNG")


def in_docx(picture: bytes) -> bytes:
    def fill(document: DocxDocument) -> None:
        document.add_paragraph("before")
        document.add_picture(BytesIO(picture), Inches(4))
        document.add_paragraph("after")
        document.sections[0].header.paragraphs[0].add_run().add_picture(BytesIO(picture))

    return make_docx(fill)


def in_pptx(picture: bytes) -> bytes:
    def fill(show: Presentation) -> None:
        shapes = show.slides.add_slide(show.slide_layouts[6]).shapes
        for height, text in ((0, "before"), (5, "after")):
            shapes.add_textbox(0, Inches(height), Inches(1), Inches(1)).text_frame.text = text
        group = shapes.add_group_shape()
        group.shapes.add_picture(BytesIO(picture), 0, Inches(2), Inches(4))

    return make_pptx(fill)


def in_xlsx(picture: bytes) -> bytes:
    def fill(book: Workbook) -> None:
        book.active.append(["before"])
        book.active.add_image(SheetImage(BytesIO(picture)), "D2")
        book.create_sheet("x").append(["after"])

    return make_xlsx(fill)


def in_odt(picture: bytes) -> bytes:
    image = f'<frame><image {LINK}="Pictures/a.png"/></frame>'
    body = f"<text:p>before{image}</text:p><text:p>after</text:p>"
    return with_parts(make_odt(body), {"Pictures/a.png": picture})


def in_epub(picture: bytes) -> bytes:
    pages = {"a.xhtml": "before", "b.xhtml": '<img src="../a.png"/>', "c.xhtml": "after"}
    return with_parts(make_epub(pages), {"OPS/a.png": picture})


@pytest.mark.parametrize(
    ("extension", "make"),
    [("docx", in_docx), ("pptx", in_pptx), ("xlsx", in_xlsx), ("odt", in_odt), ("epub", in_epub)],
)
def test_a_picture_is_read_in_its_place(
    read: Read, picture: bytes, extension: str, make: Callable[[bytes], bytes]
) -> None:
    document = read(f"a.{extension}", make(picture), ocr=OcrTime(time.monotonic() + 600))
    texts = [block.text for block in document.blocks if block.kind != "heading"]
    assert texts == ["before", RULE, "after"]
    assert document.coverage.gaps == ()
    read_block = next(block for block in document.blocks if block.text == RULE)
    page = 1 if extension == "pptx" else None
    assert read_block.page == page
