"""Turns the bytes of a text file into text, or refuses them. Knows no file format."""

import codecs
import re
from functools import cache

from server.errors import UnreadableDocument

BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
CONTROL = re.compile("[\x00-\x06\x0e-\x19\x1c-\x1f\x7f]")  # others occur in logs and old files
NOT_ASCII = re.compile("[^\x00-\x7f]")
SIDE_BY_SIDE = re.compile("[^\x00-\x7f]{2}")
MAX_CONTROL_SHARE = 0.02  # text has next to none, compiled or packed data has a tenth and more
STRAY_CONTROLS = 2  # even in a short text
MIN_COMMON_SHARE = 0.75  # real sentences reach 0.9, text in the wrong one of the two stays below
SAMPLE_CHARS = 20_000  # enough to tell encodings apart, and quick on a file of 100 MB
WESTERN = re.compile(r"[A-Za-zÀ-ÖØ-öø-ÿŒœŠšŽžŸ‘’“”„‚‹›«»–—…•€£©®™°·±²³µ½¿¡§†\s]")


def decode(data: bytes, name: str) -> str:
    """Return the text of a file of unknown encoding, without a byte order mark.

    Raises:
        UnreadableDocument: the file is no text, or none of the known encodings fits.
    """
    for mark, encoding in BOMS:
        if data.startswith(mark):
            text = try_decode(data[len(mark) :], encoding)
            return require_text(text, name)
    if b"\0" in data:
        return require_text(decode_with_nul(data), name)
    text = try_decode(data, "utf-8")
    return require_text(decode_legacy(data) if text is None else text, name)


def require_text(text: str | None, name: str) -> str:
    """Return the text if it is one."""
    if text is None or has_controls(text):
        raise UnreadableDocument(
            name=name,
            reason_en="it is not text in UTF-8, UTF-16, UTF-32, GB18030, Big5 or Windows-1252. "
            "If it is a text file, save it as UTF-8 and upload it again.",
            reason_zh="它不是 UTF-8、UTF-16、UTF-32、GB18030、Big5 或 Windows-1252 编码的文本。"
            "如果确实是文本文件，请另存为 UTF-8 后重新上传。",
        )
    return text


def has_controls(text: str) -> bool:
    """Tell whether the text has more control characters than slip into a text."""
    return len(CONTROL.findall(text)) > STRAY_CONTROLS + MAX_CONTROL_SHARE * len(text)


def try_decode(data: bytes, encoding: str) -> str | None:
    """Return the text, None where the bytes are not valid in the encoding."""
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def decode_with_nul(data: bytes) -> str | None:
    """Decode bytes that hold NUL: UTF-16 without a mark, or UTF-8 with a few stray ones."""
    return most_usual(data, ("utf-16-le", "utf-16-be")) or try_decode(data, "utf-8")


def decode_legacy(data: bytes) -> str | None:
    """Decode bytes that are not UTF-8: in a Chinese encoding, or a western one.

    A western sign and the letter behind it make a Chinese character too: "°C" is 蚓. In Chinese
    text many such characters stand side by side.
    """
    western = try_decode(data, "cp1252")
    if western is not None and not is_western(western):
        western = None
    chinese = most_usual(data, ("gb18030", "big5hkscs"))
    if chinese is not None and (western is None or SIDE_BY_SIDE.search(chinese)):
        return chinese
    return western


def most_usual(data: bytes, encodings: tuple[str, ...]) -> str | None:
    """Decode with the encoding that gives the most common characters, None where too few are.

    Most bytes are valid in each of these encodings, so that only the text can tell.
    """
    candidates = [try_decode(data, encoding) for encoding in encodings]
    best = max((text for text in candidates if text is not None), key=common_share, default=None)
    return best if best is not None and common_share(best) >= MIN_COMMON_SHARE else None


def common_share(text: str) -> float:
    """Return how much of what is not ASCII is common in Chinese text, 0 to 1."""
    others = NOT_ASCII.findall(text[:SAMPLE_CHARS])
    return sum(map(is_common, others)) / len(others) if others else 1.0


@cache
def is_common(character: str) -> bool:
    """Tell whether the character is in the frequent half of GB 2312 or Big5, or punctuation."""
    if "\u3001" <= character <= "\u301e" or "\uff01" <= character <= "\uff5e":
        return True
    if character in "‘’“”—…·　×°℃%‰±μ①②③④⑤⑥⑦⑧⑨⑩≤≥→":
        return True
    return is_frequent(character, "gb2312", 0xB0, 0xD7) or is_frequent(
        character, "big5", 0xA4, 0xC6
    )


def is_frequent(character: str, encoding: str, first: int, last: int) -> bool:
    """Tell whether the lead byte is in the range that the encoding keeps for frequent ones."""
    try:
        return first <= character.encode(encoding)[0] <= last
    except UnicodeEncodeError:
        return False


def is_western(text: str) -> bool:
    """Tell whether the text is mostly ASCII with the accents and quotes of western languages."""
    sample = text[:SAMPLE_CHARS]
    others = NOT_ASCII.findall(sample)
    return (
        len(others) <= 0.2 * len(sample)
        and len(WESTERN.findall(sample)) >= 0.7 * len(sample)
        and sum(bool(WESTERN.match(character)) for character in others) >= 0.9 * len(others)
        and not CONTROL.search(sample)
    )
