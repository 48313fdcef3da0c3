"""Old Word documents and presentations, by the LibreOffice of this machine."""

import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from docx.document import Document as DocxDocument
from PIL import Image
from pptx.presentation import Presentation

from server.datatypes import Gap
from server.errors import Cancelled, UnreadableDocument
from server.knowledge_base.loaders import old_office
from server.knowledge_base.parsing import ParseLimits, ParserPool
from tests.unit.knowledge_base.loaders.conftest import Read
from tests.unit.knowledge_base.loaders.mails import make_mail, make_rtf
from tests.unit.knowledge_base.loaders.makers import make_docx
from tests.unit.knowledge_base.loaders.office import make_old, needs_libreoffice
from tests.unit.knowledge_base.loaders.ole import make_ole
from tests.unit.knowledge_base.loaders.packages import make_pptx
from tests.unit.knowledge_base.loaders.pictures import encode

OLE = bytes.fromhex("d0cf11e0a1b11ae1")
FLAT = """<?xml version="1.0" encoding="UTF-8"?><office:document
xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"
xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"
xmlns:xlink="http://www.w3.org/1999/xlink"
office:mimetype="application/vnd.oasis.opendocument.text" office:version="1.3">
<office:body><office:text>{text}</office:text></office:body></office:document>"""
LIMITS = ParseLimits(
    memory_mb=1024, timeout_s=200, max_chars=1 << 20, max_pages=500, max_unpacked_mb=64
)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder in which folders of conversions are."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


def fill(document: DocxDocument) -> None:
    document.add_heading("保养", 1)
    document.add_paragraph("每年换油一次。")
    table = document.add_table(2, 3)
    for cell, text in zip(table._cells, ["部件", "期限", "备注", "泵", "7", ""], strict=True):
        cell.text = text
    document.add_paragraph("Yearly.")  # Word ends no document with a table


@needs_libreoffice
def test_an_old_document_is_read_as_a_new_one(read: Read, temporary: Path) -> None:
    document = read("a.doc", make_old("a.docx", make_docx(fill), "doc"))
    assert [(block.text, block.kind) for block in document.blocks] == [
        ("保养", "heading"),
        ("每年换油一次。", "text"),
        ("部件：泵；期限：7", "table"),
        ("Yearly.", "text"),
    ]
    assert list(temporary.iterdir()) == []


@needs_libreoffice
def test_an_old_presentation_has_pages_and_notes(read: Read) -> None:
    def fill_show(show: Presentation) -> None:
        for title in ("保养", "换油"):
            slide = show.slides.add_slide(show.slide_layouts[1])
            slide.shapes.title.text = title
            slide.placeholders[1].text_frame.text = "每年一次"
        slide.notes_slide.notes_text_frame.text = "Mention the warranty."

    document = read("a.ppt", make_old("a.pptx", make_pptx(fill_show), "ppt"))
    assert [(block.text, block.page, block.headings) for block in document.blocks] == [
        ("保养", 1, ()),
        ("每年一次", 1, ("保养",)),
        ("换油", 2, ()),
        ("每年一次", 2, ("换油",)),
        ("Mention the warranty.", 2, ("换油",)),
    ]


@needs_libreoffice
def test_a_parser_that_may_write_nothing_converts_large_files(tmp_path: Path) -> None:
    picture = Image.frombytes("RGB", (999, 999), random.Random(7).randbytes(3 * 999 * 999))

    def fill_large(document: DocxDocument) -> None:
        document.add_paragraph("known")
        document.add_picture(BytesIO(encode(picture, "PNG")))

    old = make_old("a.docx", make_docx(fill_large), "doc")
    assert len(old) > 2 << 20
    (tmp_path / "blob").write_bytes(old)
    pool = ParserPool(LIMITS, count=1)
    try:
        document = pool.parse(tmp_path / "blob", "a.doc")
        assert document.text == "known"
        assert [gap.reason for gap in document.coverage.gaps] == ["no_ocr"]
    finally:
        pool.close()


@needs_libreoffice
def test_a_damaged_or_other_ole_file_is_refused(read: Read) -> None:
    with pytest.raises(UnreadableDocument, match="damaged or has a password"):
        read("a.doc", make_ole({"Other": b"x" * 5000}))


class Listener(BaseHTTPRequestHandler):
    """Notes what is asked for."""

    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    asked: list[str] = []
    handler = type("Noting", (Listener,), {"asked": asked, "do_HEAD": Listener.do_GET})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, asked
        server.shutdown()
        thread.join()


@needs_libreoffice
def test_nothing_outside_of_the_file_is_asked_for(
    read: Read, listener: tuple[int, list[str]]
) -> None:
    port, asked = listener
    linked = (
        '<draw:frame text:anchor-type="as-char" svg:width="3cm" svg:height="3cm"><draw:image '
        f'xlink:type="simple" xlink:href="http://127.0.0.1:{port}/x.png"/></draw:frame>'
    )
    old = make_old("a.fodt", FLAT.format(text=f"<text:p>known{linked}</text:p>").encode(), "doc")
    assert str(port).encode("utf-16-le") in old or str(port).encode() in old
    assert asked  # LibreOffice as it comes does ask, when the file is made
    asked.clear()
    assert read("a.doc", old).text == "known"
    assert asked == []


@needs_libreoffice
def test_no_text_of_local_files_is_taken_in(read: Read, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("taken")
    (tmp_path / "secret.docx").write_bytes(make_docx(lambda new: new.add_paragraph("taken")))
    places = [str(path) for path in tmp_path.iterdir()]
    places += [f"file://{place}" for place in places]
    wishes = [
        *(f'INCLUDETEXT "{place}"' for place in places),
        f'INCLUDETEXT "{places[0]}" \\\\c PlainText',
        *(f'LINK Word.Document.8 "{place}" "" \\\\a \\\\r' for place in places),
        *(f'DDEAUTO soffice "{place}" x' for place in places),
    ]
    fields = "".join(rf"{{\field{{\*\fldinst {wish}}}{{\fldrslt old}}}}\par " for wish in wishes)
    old = make_old("a.rtf", rf"{{\rtf1\ansi known\par {fields}end\par}}".encode(), "doc")
    for kind in ("INCLUDETEXT", "LINK Word.Document.8", "DDEAUTO soffice"):
        assert all(f'{kind} "{place}"'.encode("utf-16-le") in old for place in places)
    document = read("a.doc", old)
    assert document.text.startswith("known")
    assert "taken" not in document.text


@needs_libreoffice
def test_no_picture_of_this_machine_is_taken_in(read: Read, tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(encode(Image.new("RGB", (333, 222), "red"), "PNG"))
    linked = (
        '<draw:frame text:anchor-type="as-char" svg:width="3cm" svg:height="3cm"><draw:image '
        f'xlink:type="simple" xlink:href="{secret.as_uri()}"/></draw:frame>'
    )
    old = make_old("a.fodt", FLAT.format(text=f"<text:p>known{linked}</text:p>").encode(), "doc")
    assert secret.as_uri().encode("utf-16-le") in old
    document = read("a.doc", old)
    assert document.text == "known"
    assert document.coverage.gaps == ()  # a picture that is in the file would be one, without OCR


@needs_libreoffice
def test_what_converts_ends_with_its_parser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # its folder is left there
    old = make_old("a.docx", make_docx(fill), "doc")
    (tmp_path / "blob").write_bytes(old)
    pool = ParserPool(LIMITS, count=1)
    started: list[psutil.Process] = []

    def has_started() -> bool:
        for parser in list(pool.busy):
            started[:] = psutil.Process(parser.process.pid).children(recursive=True)
        return any(each.name() == "soffice.bin" for each in started)

    try:
        with pytest.raises(Cancelled):
            pool.parse(tmp_path / "blob", "a.doc", is_cancelled=has_started)
        assert psutil.wait_procs(started, timeout=10)[1] == []
    finally:
        pool.close()


def put_program(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program = folder / "soffice"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_program_that_hangs_is_ended_with_its_children(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_program(tmp_path, f"sleep 1000 & echo $! > {tmp_path}/child; wait", monkeypatch)
    monkeypatch.setattr(old_office, "CONVERT_S", 2)
    with pytest.raises(UnreadableDocument, match="did not convert it within 2 s"):
        read("a.doc", OLE)
    child = int((tmp_path / "child").read_text())
    with suppress(psutil.NoSuchProcess):  # it may take the system a moment to end it
        process, deadline = psutil.Process(child), time.monotonic() + 30
        while process.status() != "zombie":
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_without_libreoffice_the_error_says_what_to_install(
    read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreadableDocument, match="libreoffice-writer-nogui"):
        read("a.doc", OLE)
    mail = make_mail("The pump.", attached={"a.ppt": OLE})
    gaps = read("a.eml", mail.as_bytes()).coverage.gaps
    assert gaps == (Gap("attachment", "unsupported", "a.ppt"),)


def test_folders_that_were_left_are_removed_once_they_are_old(
    read: Read, temporary: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_program(tmp_path, "exit 1", monkeypatch)
    old, new = temporary / "zhiwen-office-old", temporary / "zhiwen-office-new"
    for folder in (old, new):
        folder.mkdir()
    long_ago = time.time() - 2 * old_office.LEFT_S
    os.utime(old, (long_ago, long_ago))
    with pytest.raises(UnreadableDocument):
        read("a.doc", OLE)
    assert list(temporary.iterdir()) == [new]


def test_new_formats_and_rtf_under_the_old_names_are_read(read: Read) -> None:
    assert "每年换油一次。" in read("a.doc", make_docx(fill)).text
    assert read("a.doc", make_rtf("换油", "", "每年一次")).text == "换油\n\n每年一次"

    def fill_show(show: Presentation) -> None:
        show.slides.add_slide(show.slide_layouts[5]).shapes.title.text = "换油"

    assert read("a.ppt", make_pptx(fill_show)).text == "换油"


def test_other_files_are_refused(read: Read) -> None:
    for name in ("a.doc", "a.ppt"):
        with pytest.raises(UnreadableDocument, match="not what its extension says"):
            read(name, b"plain text")


def test_macros_are_off_in_the_profile(tmp_path: Path) -> None:
    old_office.write_profile(tmp_path)
    text = (tmp_path / "user" / "registrymodifications.xcu").read_text()
    assert 'name="MacroSecurityLevel" oor:op="fuse"><value>3<' in text
    assert 'name="DisableMacrosExecution" oor:op="fuse"><value>true<' in text
