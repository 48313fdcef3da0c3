"""Tells by the first bytes of a file what it is, when it is not what its name says."""

from server.errors import UnreadableDocument

# How files begin, what they are in English and Chinese, and the extension that fits.
KINDS = (
    (b"%PDF", "a PDF", "PDF 文件", ".pdf"),
    (b"{\\rtf", "an RTF document", "RTF 文档", ".rtf"),
    (b"\x89PNG", "a PNG picture", "PNG 图片", ".png"),
    (b"\xff\xd8\xff", "a JPEG picture", "JPEG 图片", ".jpg"),
    (b"<", "a web page or XML", "网页或 XML 文件", ".html / .xml"),
)


def name_kind(name: str, start: bytes) -> UnreadableDocument:
    """Return the error about a file that is of another format, with what would help."""
    for magic, kind_en, kind_zh, extension in KINDS:
        if start.startswith(magic):
            return UnreadableDocument(
                name=name,
                reason_en=f"it is {kind_en}. Give it the extension {extension}.",
                reason_zh=f"它其实是 {kind_zh}。请将扩展名改为 {extension}。",
            )
    return UnreadableDocument(
        name=name,
        reason_en="it is not what its extension says.",
        reason_zh="它的内容与扩展名不符。",
    )
