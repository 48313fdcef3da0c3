"""Makes small files of the formats that are zip archives. Knows no loader."""

from collections.abc import Callable, Mapping
from io import BytesIO
from zipfile import ZipFile

import openpyxl
import pptx
from openpyxl.workbook import Workbook
from pptx.presentation import Presentation

OFFICE = "urn:oasis:names:tc:opendocument:xmlns:"
SPACES = " ".join(f'xmlns:{name}="{OFFICE}{name}:1.0"' for name in ("office", "text", "table"))


def zip_up(parts: Mapping[str, str]) -> bytes:
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def make_odt(body: str, *, styles: str = "", title: str = "") -> bytes:
    content = (
        f"<office:document-content {SPACES}><office:automatic-styles>{styles}"
        f"</office:automatic-styles><office:body><office:text>{body}</office:text></office:body>"
        "</office:document-content>"
    )
    return zip_up({"content.xml": content, "meta.xml": f"<meta><title>{title}</title></meta>"})


def make_epub(pages: Mapping[str, str], *, title: str = "", encryption: str = "") -> bytes:
    items = "".join(
        f'<item id="i{n}" href="text/{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(pages)
    )
    spine = "".join(f'<itemref idref="i{n}"/>' for n in range(len(pages)))
    parts = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": '<container><rootfiles><rootfile full-path="OPS/a.opf"/>'
        "</rootfiles></container>",
        "OPS/a.opf": '<package xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>{title}</dc:title></metadata><manifest>{items}</manifest>"
        f"<spine>{spine}</spine></package>",
        **{f"OPS/text/{name}": f"<html><body>{page}</body></html>" for name, page in pages.items()},
    }
    return zip_up(parts | ({"META-INF/encryption.xml": encryption} if encryption else {}))


def make_xlsx(fill: Callable[[Workbook], object]) -> bytes:
    book, buffer = openpyxl.Workbook(), BytesIO()
    fill(book)
    book.save(buffer)
    return buffer.getvalue()


def make_pptx(fill: Callable[[Presentation], object]) -> bytes:
    show, buffer = pptx.Presentation(), BytesIO()
    fill(show)
    show.save(buffer)
    return buffer.getvalue()
