import codecs
import random

import pytest

from server.errors import UnreadableDocument
from server.knowledge_base.loaders.encoding import decode

SIMPLIFIED = "员工可在八点半至十点之间弹性到岗，做满 8 小时后离岗。"
TRADITIONAL = "測試文件的內容必須能夠正確讀取，請於十五日內辦理報銷。"


@pytest.mark.parametrize(
    "text", [SIMPLIFIED, TRADITIONAL, "Plain English.\r\nTwo lines.", "", "好"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_is_read_without_its_mark(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), "a.txt") == text


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE])
def test_big_endian_marks_are_known(mark: bytes) -> None:
    encoding = "utf-16-be" if len(mark) == 2 else "utf-32-be"
    assert decode(mark + SIMPLIFIED.encode(encoding), "a.txt") == SIMPLIFIED


@pytest.mark.parametrize("text", [SIMPLIFIED + "\n", "plain English\n", "一二三\n一二三\n"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_needs_no_mark(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding), "a.txt") == text


@pytest.mark.parametrize("text", [SIMPLIFIED, TRADITIONAL, "知问", "差旅制度", "x = 1  # 默认值"])
def test_gb18030_is_recognised_even_when_short(text: str) -> None:
    assert decode(text.encode("gb18030"), "a.txt") == text


@pytest.mark.parametrize("text", [TRADITIONAL, "測試文件", "圖書館開放時間", "name = 王小明"])
def test_big5_is_recognised_even_when_short(text: str) -> None:
    assert decode(text.encode("big5"), "a.txt") == text


@pytest.mark.parametrize(
    "text", ["Müller wohnt in Köln – “schön” dort.", "Le café est très réputé."]
)
def test_western_text_is_recognised(text: str) -> None:
    assert decode(text.encode("cp1252"), "a.txt") == text


@pytest.mark.parametrize("sign", ["35 °C", "§A", "5 µm and £B", "a ›b ‹c"])
def test_a_western_sign_and_its_letter_are_no_chinese_character(sign: str) -> None:
    text = f"Dissolve the salts one at a time, at {sign}, and stir for ten minutes. " * 3
    assert decode(text.encode("cp1252"), "a.txt") == text


def test_a_stray_nul_does_not_make_text_binary() -> None:
    text = "A log line with a NUL\0 in it, written by a careless program.\n"
    assert decode(text.encode(), "a.log") == text


@pytest.mark.parametrize(
    "data",
    [
        b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff\x00\x00\xb8" * 40,
        b"PK\x03\x04\x14\x00\x06\x00\x08\x00" + random.Random(1).randbytes(400),
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + random.Random(2).randbytes(400),
        random.Random(3).randbytes(2000),
        bytes(100),
        bytes(range(1, 9)) * 30,
        SIMPLIFIED.encode()[:-5] + b"\xff" + SIMPLIFIED.encode(),
    ],
    ids=["program", "zip", "png", "random", "zeros", "controls", "damaged"],
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableDocument, match="UTF-8"):
        decode(data, "a.txt")


def test_half_a_utf16_character_is_refused() -> None:
    with pytest.raises(UnreadableDocument):
        decode("知问".encode("utf-16")[:-1], "a.txt")
