"""Pictures of the pages of files, drawn by real parsers."""

import os
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from server.errors import UnreadablePage
from server.knowledge_base import pages as module
from server.knowledge_base.pages import PagePictures
from server.knowledge_base.parsing import ParseLimits
from server.knowledge_base.paths import DataFolder
from server.knowledge_base.rendering import MAX_SIDE, PNG_END, PNG_HEAD, Picture
from tests.api.conftest import upload
from tests.conftest import make_settings, open_client, wait_until_ready
from tests.unit.knowledge_base.loaders.makers import assemble, make_pdf, stream
from tests.unit.knowledge_base.loaders.pictures import draw_lines, encode, make_scan

KEY = "a-key-for-the-tests"
SENTENCE = "The circulation pump P-200 moves 12 litres per minute."
A4 = b"[0 0 595 842]"
LIMITS = ParseLimits(
    memory_mb=1024, timeout_s=250, max_chars=1 << 20, max_pages=100, max_unpacked_mb=64
)


def make_book(pages: int) -> bytes:
    """Return a PDF whose pages have text at the top, nothing at the bottom."""
    return make_pdf([[(72.0, 700.0, 11.0, f"{SENTENCE} {page}")] for page in range(pages)])


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Return a client with a knowledge base of a book of three pages, a scan and pictures."""
    with open_client(make_settings(tmp_path_factory.mktemp("pages"))) as client:
        wait_until_ready(client)
        make_kb(client)
        add(client, "手册 2/book.pdf", make_book(3))
        add(client, "scan.pdf", make_scan(draw_lines(SENTENCE), draw_lines(SENTENCE)))
        add(client, "photo.JPG", encode(draw_lines(SENTENCE, SENTENCE).resize((2480, 400)), "JPEG"))
        add(client, "notes.md", SENTENCE.encode())
        yield client


def make_kb(client: TestClient) -> None:
    assert client.post("/api/v1/knowledge_bases", json={"name": "kb"}).status_code == 201


def add(client: TestClient, name: str, content: bytes) -> str:
    """Add a file and return its sha256."""
    answer = upload(client, name, content, override="true")
    assert answer.status_code == 201, answer.text
    sha256: str = answer.json()["files"][0]["file"]["sha256"]
    return sha256


def show(client: TestClient, name: str, page: object, **headers: str) -> httpx.Response:
    path = f"/api/v1/knowledge_bases/kb/files/{name}/pages/{page}"
    return client.get(path, headers={"Accept-Language": "en", **headers})


def read(answer: httpx.Response) -> Image.Image:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return Image.open(BytesIO(answer.content))


def kept(client: TestClient) -> list[Path]:
    return sorted(client.app.state.container.folder.pages.iterdir())


@pytest.mark.parametrize("page", [1, 3])
def test_a_page_of_a_pdf_is_a_picture(shelf: TestClient, page: int) -> None:
    answer = show(shelf, "手册 2/book.pdf", page)
    picture = read(answer)
    assert picture.size == (1131, MAX_SIDE)
    dark, light = picture.convert("L").crop((0, 200, 1131, 400)).getextrema()
    assert (dark < 128, light) == (True, 255)
    assert answer.headers["x-page-count"] == "3"


def test_a_scanned_page_is_a_picture(shelf: TestClient) -> None:
    answer = show(shelf, "scan.pdf", 2)
    assert max(read(answer).size) == MAX_SIDE
    assert answer.headers["x-page-count"] == "2"


def test_a_picture_is_its_only_page(shelf: TestClient) -> None:
    answer = show(shelf, "photo.JPG", 1)
    assert read(answer).size == (MAX_SIDE, 258)
    assert answer.headers["x-page-count"] == "1"
    assert show(shelf, "photo.JPG", 2).status_code == 404


@pytest.mark.parametrize("page", [4, 2**31 - 1])
def test_a_page_that_is_not_there_is_told_with_their_number(shelf: TestClient, page: int) -> None:
    answer = show(shelf, "手册 2/book.pdf", page)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_page"
    assert f"has no page {page}: it has 3" in answer.json()["error"]["message"]


@pytest.mark.parametrize("page", ["0", "-1", "x", "1.5", str(2**31), "9" * 400])
def test_what_is_no_number_of_a_page_is_refused(shelf: TestClient, page: str) -> None:
    assert show(shelf, "手册 2/book.pdf", page).status_code == 422


def test_a_file_without_pages_is_told(shelf: TestClient) -> None:
    answer = show(shelf, "notes.md", 1)
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "no_pages"


@pytest.mark.parametrize("name", ["nowhere.pdf", "..%2F..%2Fbook.pdf"])
def test_a_file_that_is_not_there_has_no_pages(shelf: TestClient, name: str) -> None:
    assert show(shelf, name, 1).status_code in (403, 404, 422)


def test_nothing_in_a_page_can_run_and_nobody_else_keeps_it(shelf: TestClient) -> None:
    headers = show(shelf, "手册 2/book.pdf", 1).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["cache-control"] == "private, no-cache"


def test_a_page_that_a_browser_has_is_not_sent_again(shelf: TestClient) -> None:
    first = show(shelf, "手册 2/book.pdf", 2)
    again = show(shelf, "手册 2/book.pdf", 2, **{"If-None-Match": first.headers["etag"]})
    other = show(shelf, "手册 2/book.pdf", 1, **{"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, other.status_code) == (304, b"", 200)


def test_pages_need_the_key_where_keys_are_on(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, server={"host": "0.0.0.0"}, auth={"api_key": KEY})
    with open_client(settings) as client:
        wait_until_ready(client)
        client.headers["X-API-Key"] = KEY
        make_kb(client)
        add(client, "book.pdf", make_book(1))
        tag = show(client, "book.pdf", 1).headers["etag"]
        for key in ("", "wrong"):
            refused = show(client, "book.pdf", 1, **{"X-API-Key": key, "If-None-Match": tag})
            assert refused.status_code == 401
            assert b"PNG" not in refused.content


def test_a_page_is_drawn_once_also_after_a_restart(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    with open_client(settings) as client:
        wait_until_ready(client)
        make_kb(client)
        sha256 = add(client, "book.pdf", make_book(2))
        first = show(client, "book.pdf", 2).content
        (path,) = kept(client)
        assert path.name == f"{sha256}-2-2.png"
    with open_client(settings) as client:
        wait_until_ready(client)
        client.app.state.container.knowledge_bases.pages.parsers.close()  # nothing is drawn now
        assert show(client, "book.pdf", 2).content == first
        assert show(client, "book.pdf", 1).status_code == 409
        path.write_bytes(first[:-4])  # as after a crash of the machine
        assert show(client, "book.pdf", 2).status_code == 409


def test_another_file_of_that_name_has_other_pages(client: TestClient) -> None:
    make_kb(client)
    add(client, "book.pdf", make_book(2))
    first = show(client, "book.pdf", 1)
    add(client, "book.pdf", make_book(3))
    second = show(client, "book.pdf", 1, **{"If-None-Match": first.headers["etag"]})
    assert (second.status_code, second.headers["x-page-count"]) == (200, "3")


def test_deleted_files_leave_no_pictures(client: TestClient) -> None:
    make_kb(client)
    for name, pages in (("a.pdf", 1), ("b.pdf", 2)):
        add(client, name, make_book(pages))
        show(client, name, 1)
    (client.app.state.container.folder.pages / ".1234.tmp").write_bytes(b"left by a crash")
    client.delete("/api/v1/knowledge_bases/kb/files/a.pdf")
    assert not [path for path in kept(client) if path.name.endswith("-1-1.png")]
    client.delete("/api/v1/knowledge_bases/kb")
    wait_until_empty(client)


def wait_until_empty(client: TestClient) -> None:
    deadline = time.monotonic() + 60
    while kept(client):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_damaged_page_costs_only_itself(client: TestClient) -> None:
    make_kb(client)
    add(client, "book.pdf", make_book(3).replace(b"8 0 R 10 0 R]", b"8 0 R 99 0 R]"))
    answer = show(client, "book.pdf", 3)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "unreadable_page"
    assert "Page 3 of 'book.pdf' cannot be shown" in answer.json()["error"]["message"]
    assert show(client, "book.pdf", 2).status_code == 200


@pytest.mark.parametrize(
    "content", [b"", b"%PDF-1.7\n" + b"\0" * 500, make_book(2)[:400], b"\x89PNG\r\n\x1a\n"]
)
@pytest.mark.parametrize("name", ["book.pdf", "photo.JPG"])
def test_a_file_that_is_damaged_on_the_disk_is_told(
    drawers: PagePictures, tmp_path: Path, name: str, content: bytes
) -> None:
    with pytest.raises(UnreadablePage, match="damaged"):
        drawers.draw(put(tmp_path, content), name, "0" * 64, 1)


@pytest.fixture
def drawers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PagePictures]:
    """Return what draws pages and keeps three pictures of 1,000 bytes."""
    monkeypatch.setattr(module, "DRAW_WITHIN_S", 2)
    made = PagePictures(DataFolder(tmp_path), LIMITS, max_bytes=3000)
    yield made
    made.close()


def put(folder: Path, content: bytes) -> Path:
    path = folder / "blob"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("box", "size"),
    [
        (b"[0 0 99999 9]", (MAX_SIDE, 1)),
        (b"[0 0 9 99999]", (1, MAX_SIDE)),
        (b"[0 0 99 9999]", (16, MAX_SIDE)),
        (b"[0 0 72 144] ", (288, 576)),
        (b"[0 0 .1 .1]  ", (1, 1)),
        (b"[0 0 0 0]    ", (1237, MAX_SIDE)),  # PDFium takes it for Letter
    ],
)
def test_no_page_is_too_large_for_a_picture(
    drawers: PagePictures, tmp_path: Path, box: bytes, size: tuple[int, int]
) -> None:
    book = put(tmp_path, make_book(1).replace(A4, box))
    picture = drawers.draw(book, "book.pdf", "0" * 64, 1)
    assert Image.open(BytesIO(picture.png)).size == size


def test_a_picture_of_too_many_pixels_is_told(drawers: PagePictures, tmp_path: Path) -> None:
    bomb = put(tmp_path, encode(Image.new("1", (30_000, 30_000)), "PNG"))
    with pytest.raises(UnreadablePage, match="50 million"):
        drawers.draw(bomb, "a.png", "0" * 64, 1)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_a_large_picture_of_any_mode_is_blended_and_upright(
    drawers: PagePictures, tmp_path: Path, mode: str
) -> None:
    marks = Image.Exif()
    marks[0x0112] = 6  # the camera was turned: show it a quarter to the right
    stripes = Image.new("1", (4000, 3000), 1)
    stripes.paste(0, (0, 0, 2000, 3000))
    buffer = BytesIO()
    coloured = stripes.convert("L").convert(mode)
    coloured = coloured.point(lambda light: light * 257) if mode == "I;16" else coloured
    coloured.save(buffer, "TIFF" if mode == "CMYK" else "PNG", exif=marks)
    drawn = drawers.draw(put(tmp_path, buffer.getvalue()), "a.png", "0" * 64, 1)
    picture = Image.open(BytesIO(drawn.png))
    assert (picture.mode, picture.size) == ("RGB", (1200, MAX_SIDE))
    assert picture.getpixel((600, 300)) == (0, 0, 0)
    assert picture.getpixel((600, 1300)) != (0, 0, 0)


def test_a_picture_of_sixteen_bits_keeps_its_greys(drawers: PagePictures, tmp_path: Path) -> None:
    grey = put(tmp_path, encode(Image.new("I;16", (40, 40), 0x8000), "PNG"))
    drawn = drawers.draw(grey, "a.png", "0" * 64, 1)
    assert Image.open(BytesIO(drawn.png)).getpixel((0, 0)) == (128, 128, 128)


def make_bomb() -> bytes:
    """Return a PDF of one page that draws a form that draws ten forms, and so on."""
    box = b"/BBox [0 0 595 842] /Resources << /XObject << /X %d 0 R >> >>"
    form = b"<< /Type /XObject /Subtype /Form " + box + b" /Length 60 >> stream\n%s\nendstream"
    calls = b"/X Do " * 10
    objects = [stream(b"0 0 m 595 842 l S"), *(form % (number, calls) for number in range(1, 16))]
    objects[0] = objects[0].replace(b"<<", b"<< /Type /XObject /Subtype /Form /BBox [0 0 9 9]")
    first = len(objects) + 1
    objects += [
        stream(calls),
        b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
        b" /Resources << /XObject << /X %d 0 R >> >> >>" % (first + 2, first, first - 1),
        b"<< /Type /Pages /Count 1 /Kids [%d 0 R] >>" % (first + 1),
        b"<< /Type /Catalog /Pages %d 0 R >>" % (first + 2),
        b"<< >>",
    ]
    return assemble(objects, first + 3, b"")


def test_a_page_that_takes_too_long_is_told_and_the_next_one_drawn(
    drawers: PagePictures, tmp_path: Path
) -> None:
    with pytest.raises(UnreadablePage, match="too much time"):
        drawers.draw(put(tmp_path, make_bomb()), "bomb.pdf", "0" * 64, 1)
    assert drawers.draw(put(tmp_path, make_book(1)), "book.pdf", "1" * 64, 1).pages == 1


def test_the_oldest_pictures_make_room(drawers: PagePictures) -> None:
    head = PNG_HEAD + b"\0\0\0\1" * 2
    picture = Picture(head + b"\0" * (1000 - len(head + PNG_END)) + PNG_END, 9)
    for page in range(1, 4):
        drawers._keep(picture, "0" * 64, page)
        os.utime(drawers.folder.pages / f"{'0' * 64}-{page}-9.png", (page, page))
    assert drawers.find("0" * 64, 1) == picture  # wanted again, and so not the oldest any more
    drawers._keep(picture, "0" * 64, 4)
    found = [page for page in range(1, 5) if drawers.find("0" * 64, page)]
    assert found == [1, 3, 4]
    assert len(list(drawers.folder.pages.iterdir())) == 3


def test_a_disk_that_is_full_costs_no_picture(
    drawers: PagePictures, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / ".cache").write_text("a file where the folder should be")
    book = put(tmp_path, make_book(1))
    assert drawers.draw(book, "book.pdf", "0" * 64, 1).pages == 1
    assert "cannot be kept" in caplog.text
