"""What every loader does, and that every loader is registered."""

import json
import math
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from docx.document import Document as DocxDocument
from openpyxl.workbook import Workbook
from pptx.presentation import Presentation

from server.datatypes import Document
from server.errors import EmptyDocument, TooLarge, UnreadableDocument, UnsupportedFormat
from server.knowledge_base import loaders
from server.knowledge_base.loaders import LOADERS, SHARED, load_document
from server.knowledge_base.loaders.limits import Limits, OcrTime
from tests.unit.knowledge_base.loaders.mails import make_mail, make_mhtml, make_rtf
from tests.unit.knowledge_base.loaders.makers import make_docx, make_pdf
from tests.unit.knowledge_base.loaders.office import make_old
from tests.unit.knowledge_base.loaders.ole import make_msg, make_xls
from tests.unit.knowledge_base.loaders.packages import (
    make_epub,
    make_odt,
    make_pptx,
    make_xlsx,
)
from tests.unit.knowledge_base.loaders.pictures import draw, encode

SENTENCE = "单人搬运不超过 25 kg，two people 50 kg."
LIMITS = Limits(max_chars=100_000, max_pages=100, max_unpacked_mb=64, ocr=OcrTime(math.inf))


def fill(document: DocxDocument) -> None:
    document.add_heading("安全守则", 1)
    document.add_paragraph(SENTENCE)


def fill_book(book: Workbook) -> None:
    book.active.title = "安全守则"
    book.active.append(["规则", "说明"])
    book.active.append(["搬运", SENTENCE])


def fill_show(show: Presentation) -> None:
    slide = show.slides.add_slide(show.slide_layouts[1])
    slide.shapes.title.text = "安全守则"
    slide.placeholders[1].text_frame.text = SENTENCE


def make_notebook(*cells: str) -> bytes:
    made = [{"cell_type": "markdown", "source": cell} for cell in cells]
    return json.dumps({"nbformat": 4, "cells": made}).encode()


def make_note(title: str, text: str) -> bytes:
    content = f"<content><![CDATA[<en-note>{text}</en-note>]]></content>"
    return f"<en-export><note><title>{title}</title>{content}</note></en-export>".encode()


SAMPLES = {
    ".csv": f'规则,说明\n搬运,"{SENTENCE}"\n'.encode(),
    ".docx": make_docx(fill),
    ".eml": make_mail(SENTENCE, subject="安全守则").as_bytes(),
    ".enex": make_note("安全守则", SENTENCE),
    ".epub": make_epub({"a.xhtml": f"<h1>安全守则</h1><p>{SENTENCE}</p>"}, title="安全守则"),
    ".htm": f"<h1>安全守则</h1><p>{SENTENCE}</p>".encode(),
    ".html": f"<h1>安全守则</h1><p>{SENTENCE}</p>".encode(),
    ".ipynb": make_notebook("# 安全守则", SENTENCE),
    ".json": json.dumps({"规则": "搬运", "说明": SENTENCE}).encode(),
    ".jsonl": json.dumps({"规则": "搬运", "说明": SENTENCE}).encode(),
    ".markdown": f"# 安全守则\n\n{SENTENCE}\n".encode(),
    ".md": f"# 安全守则\n\n{SENTENCE}\n".encode(),
    ".mhtml": make_mhtml(f"<h1>安全守则</h1><p>{SENTENCE}</p>"),
    ".msg": make_msg({0x0037: "安全守则", 0x1000: SENTENCE}),
    ".odt": make_odt(
        f'<text:h text:outline-level="1">安全守则</text:h><text:p>{SENTENCE}</text:p>'
    ),
    ".pdf": make_pdf([[(72, 700, 20, "安全守则"), (72, 650, 12, SENTENCE)]]),
    ".pptx": make_pptx(fill_show),
    ".py": f'# 搬运\nRULE = "{SENTENCE}"\n'.encode(),
    ".rst": f"安全守则\n========\n\n{SENTENCE}\n".encode(),
    ".rtf": make_rtf("安全守则", "", SENTENCE),
    ".srt": f"1\n00:00:01,000 --> 00:00:04,000\n{SENTENCE}\n".encode(),
    ".toml": f'[规则]\n说明 = "{SENTENCE}"\n'.encode(),
    ".tsv": f"规则\t说明\n搬运\t{SENTENCE}\n".encode(),
    ".txt": f"安全守则\n\n{SENTENCE}\n".encode(),
    ".xls": make_xls({"安全守则": [["规则", "说明"], ["搬运", SENTENCE]]}),
    ".xlsx": make_xlsx(fill_book),
    ".xml": f"<规则><说明>{SENTENCE}</说明></规则>".encode(),
}
UNTITLED = {".csv", ".json", ".jsonl", ".py", ".srt", ".toml", ".tsv", ".xls", ".xlsx", ".xml"}
PICTURES = {".bmp": "BMP", ".jpeg": "JPEG", ".jpg": "JPEG", ".png": "PNG"}
PAGED = {".pdf", ".ppt", ".pptx", *PICTURES}
OLD = {".doc": ".docx", ".ppt": ".pptx"}  # made from the new formats, by LibreOffice
EMPTY = {
    ".docx": make_docx(lambda document: document.add_paragraph("——")),
    ".eml": b"Subject: --\n\n--\n",
    ".enex": make_note("——", "——"),
    ".epub": make_epub({"a.xhtml": "<p>——</p>"}),
    ".ipynb": make_notebook("——"),
    ".json": '["——", null]'.encode(),
    ".jsonl": '"——"\n'.encode(),
    ".mhtml": make_mhtml("<p>——</p>"),
    ".msg": make_msg({0x0037: "——", 0x1000: "--"}),
    ".odt": make_odt("<text:p>——</text:p>"),
    ".pdf": make_pdf([[]]),
    ".pptx": make_pptx(lambda show: show.slides.add_slide(show.slide_layouts[6])),
    ".rtf": make_rtf("——"),
    ".xls": make_xls({"——": [["——"]]}),
    ".xlsx": make_xlsx(lambda book: None),
    ".xml": "<a>——</a>".encode(),
}

pytestmark = pytest.mark.parametrize("extension", sorted(LOADERS))


def sample(extension: str) -> bytes:
    """Return a file with the sentence; skips the test where nothing can make it."""
    if extension in OLD:
        return make_old(f"a{OLD[extension]}", SAMPLES[OLD[extension]], extension[1:])
    if extension in PICTURES:
        texts = [(40, 40, 60, "安全守则"), (40, 170, 34, SENTENCE)]
        return encode(draw(texts, size=(1240, 260)), PICTURES[extension])
    return SAMPLES[extension]


def says(document: Document, extension: str) -> bool:
    """Tell whether the sentence was read; spaces of pictures are a matter of opinion."""
    if extension.lower() in PICTURES:
        return SENTENCE.replace(" ", "") in document.text.replace(" ", "")
    return SENTENCE in document.text


def empty(extension: str) -> bytes:
    """Return a file without a letter or digit."""
    if extension in OLD:
        return make_old(f"a{OLD[extension]}", EMPTY[OLD[extension]], extension[1:])
    if extension in PICTURES:
        return encode(draw([], size=(400, 300)), PICTURES[extension])
    return EMPTY.get(extension, b" \n\n --- \n")


def load(folder: Path, extension: str, content: bytes, *, limits: Limits = LIMITS) -> Document:
    blob = folder / "0f1e2d"
    blob.write_bytes(content)
    return load_document(blob, f"守则{extension}", limits)


def test_text_is_read_whole(tmp_path: Path, extension: str) -> None:
    assert says(load(tmp_path, extension, sample(extension)), extension)


def test_capitals_in_the_extension_do_not_matter(tmp_path: Path, extension: str) -> None:
    assert says(load(tmp_path, extension.upper(), sample(extension)), extension)


def test_title_is_one_line_of_text(tmp_path: Path, extension: str) -> None:
    title = load(tmp_path, extension, sample(extension)).title
    assert title == ("守则" if extension in UNTITLED else "安全守则")


def test_pages_are_counted_from_one_or_not_at_all(tmp_path: Path, extension: str) -> None:
    pages = {block.page for block in load(tmp_path, extension, sample(extension)).blocks}
    assert pages == ({1} if extension in PAGED else {None})


def test_file_without_a_letter_or_digit_is_empty(tmp_path: Path, extension: str) -> None:
    with pytest.raises(EmptyDocument):
        load(tmp_path, extension, empty(extension))


def test_random_bytes_are_refused(tmp_path: Path, extension: str) -> None:
    with pytest.raises(UnreadableDocument):
        load(tmp_path, extension, random.Random(7).randbytes(5000))


def test_refusal_names_the_file_and_no_path(tmp_path: Path, extension: str) -> None:
    with pytest.raises(UnreadableDocument) as caught:
        load(tmp_path, extension, b"MZ\x90\x00\x03\x00\x00\x00\xff\xff" * 50)
    message = caught.value.message("en") + caught.value.message("zh")
    assert f"守则{extension}" in message
    assert str(tmp_path) not in message


def test_text_beyond_the_limit_is_refused(tmp_path: Path, extension: str) -> None:
    with pytest.raises(TooLarge, match=r"kb\.max_extracted_mb"):
        load(tmp_path, extension, sample(extension), limits=replace(LIMITS, max_chars=10))


def test_threads_do_not_disturb_each_other(tmp_path: Path, extension: str) -> None:
    blob = tmp_path / "blob"
    blob.write_bytes(sample(extension))

    def run(_: int) -> Document:
        return load_document(blob, f"a{extension}", LIMITS)

    # LibreOffice takes seconds to start, and OCR for a picture.
    times = 4 if extension in OLD or extension in PICTURES else 16
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(run, range(times)))) == 1


def test_file_can_be_removed_after_reading(tmp_path: Path, extension: str) -> None:
    load(tmp_path, extension, sample(extension))
    (tmp_path / "0f1e2d").unlink()
    assert not list(tmp_path.iterdir())


def test_sample_of_the_format_cut_in_half_is_read_or_refused(
    tmp_path: Path, extension: str
) -> None:
    whole = sample(extension)
    half = whole[: len(whole) // 2]
    try:
        document = load(tmp_path, extension, half)
    except (UnreadableDocument, EmptyDocument):
        return
    assert "\ufffd" not in document.text


def test_every_extension_is_in_the_message_about_an_unknown_one(
    tmp_path: Path, extension: str
) -> None:
    with pytest.raises(UnsupportedFormat) as caught:
        load(tmp_path, ".exe", b"")
    assert extension in caught.value.message("zh")


def test_every_file_of_the_package_is_registered(extension: str) -> None:
    folder = Path(loaders.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    registered = {place.partition(":")[0].rpartition(".")[2] for place in LOADERS.places.values()}
    assert modules == registered | SHARED
    assert callable(LOADERS.get(extension))
