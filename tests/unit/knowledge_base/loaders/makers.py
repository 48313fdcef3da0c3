"""Makes small files of the binary formats. Knows no loader."""

from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import zip_longest

import docx
from docx.document import Document

Text = tuple[float, float, float, str]  # left, baseline, font size, text
Rule = tuple[float, float, float, float]  # from left and height, to left and height

FONT = (
    b"<< /Type /Font /Subtype /Type0 /BaseFont /Test /Encoding /Identity-H"
    b" /DescendantFonts [2 0 R] /ToUnicode 4 0 R >>",
    b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Test /FontDescriptor 3 0 R /DW 1000"
    b" /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
    b" /W [32 126 500] >>",
    b"<< /Type /FontDescriptor /FontName /Test /Flags 4 /FontBBox [0 -200 1000 900] /ItalicAngle 0"
    b" /Ascent 900 /Descent -200 /CapHeight 700 /StemV 80 >>",
)
UNICODE = (  # every character stands for itself
    b"/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /X def /CMapType 2 def"
    b" 1 begincodespacerange <0000> <ffff> endcodespacerange"
    b" 1 beginbfrange <0000> <ffff> <0000> endbfrange endcmap end end"
)


def stream(content: bytes) -> bytes:
    return b"<< /Length %d >> stream\n%s\nendstream" % (len(content), content)


def make_pdf(
    pages: Sequence[Sequence[Text]],
    *,
    rules: Sequence[Sequence[Rule]] = (),
    title: str = "",
    extra: bytes = b"",
) -> bytes:
    """Return a PDF; Chinese characters are one font size wide, others half of it.

    ``rules`` are the lines drawn on each of the first pages.
    """
    objects = [*FONT, stream(UNICODE)]
    tree = len(objects) + 2 * len(pages) + 1
    for texts, drawn in zip_longest(pages, rules, fillvalue=()):
        content = [
            b"BT /F 1 Tf %g 0 0 %g %g %g Tm <%s> Tj ET"
            % (size, size, left, bottom, text.encode("utf-16-be").hex().encode())
            for left, bottom, size, text in texts
        ]
        content += [b"%g %g m %g %g l S" % rule for rule in drawn]
        objects.append(stream(b"\n".join(content)))
        objects.append(
            b"<< /Type /Page /Parent %d 0 R /MediaBox [0 0 595 842] /Contents %d 0 R"
            b" /Resources << /Font << /F 1 0 R >> >> >>" % (tree, len(objects))
        )
    kids = b" ".join(b"%d 0 R" % (6 + 2 * index) for index in range(len(pages)))
    objects.append(b"<< /Type /Pages /Count %d /Kids [%s] >>" % (len(pages), kids))
    objects.append(b"<< /Type /Catalog /Pages %d 0 R >>" % tree)
    objects.append(b"<< /Title <feff%s> >>" % title.encode("utf-16-be").hex().encode())
    return assemble(objects, tree + 1, extra)


def assemble(objects: Sequence[bytes], root: int, extra: bytes) -> bytes:
    out = b"%PDF-1.7\n"
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    size = len(objects) + 1
    return out + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Size %d /Root %d 0 R /Info %d 0 R %s >>\n"
        b"startxref\n%d\n%%%%EOF" % (size, table, size, root, root + 1, extra, len(out))
    )


def make_docx(fill: Callable[[Document], object]) -> bytes:
    document = docx.Document()
    fill(document)
    buffer = BytesIO()
    document.save(buffer)
    return buffer.getvalue()
