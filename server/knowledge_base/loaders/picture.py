"""Pictures of text: photographs, scans, screenshots."""

from typing import BinaryIO

from server.datatypes import Document, GapReason
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.layout import add_pages
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.ocr import CannotRead, read_picture
from server.knowledge_base.loaders.outline import Outline

REASONS: dict[GapReason, tuple[str, str]] = {
    "damaged": (
        "the picture is damaged or in a format that is not known. Save it anew as PNG or JPEG.",
        "图片已损坏或格式未知。请另存为 PNG 或 JPEG 后重新上传。",
    ),
    "too_large": (
        "the picture has more than 50 million pixels. Save it in a smaller size.",
        "图片超过 5000 万像素。请缩小后重新上传。",
    ),
    "no_ocr": (
        "reading pictures is off: kb.ocr_timeout_s is 0, or the package rapidocr is not installed.",
        "图片文字识别未启用：kb.ocr_timeout_s 为 0，或未安装 rapidocr。",
    ),
    "no_time": (
        "the time for reading pictures (kb.ocr_timeout_s) is over.",
        "图片文字识别超时（kb.ocr_timeout_s）。",
    ),
}


def load(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read the text in a picture."""
    outline = Outline(name, max_chars=limits.max_chars)
    try:
        lines = read_picture(file.read(), limits)
    except CannotRead as error:
        reason_en, reason_zh = REASONS[error.reason]
        raise UnreadableDocument(name=name, reason_en=reason_en, reason_zh=reason_zh) from error
    outline.pages_ocr = 1
    add_pages(outline, [lines])
    return outline.document()
