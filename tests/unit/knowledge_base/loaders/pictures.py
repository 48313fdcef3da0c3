"""Draws pictures of text. Knows no loader."""

import subprocess
from collections.abc import Sequence
from functools import cache
from io import BytesIO
from shutil import which

import pytest
from PIL import Image, ImageDraw, ImageFont

Written = tuple[int, int, int, str]  # left and top in pixels, font size, text


@cache
def find_font() -> str:
    """Return a font file with Chinese; skips the test where there is none."""
    found = b""
    if which("fc-match"):
        ask = ["fc-match", "-f", "%{file}", "sans:lang=zh-cn"]  # a font is named even without one
        list_all = ["fc-list", ":lang=zh-cn"]
        if subprocess.run(list_all, capture_output=True, check=True).stdout:
            found = subprocess.run(ask, capture_output=True, check=True).stdout
    if not found:
        pytest.skip("needs a font with Chinese: apt-get install fontconfig fonts-noto-cjk")
    return found.decode()


def draw(texts: Sequence[Written], *, size: tuple[int, int] = (1240, 1754)) -> Image.Image:
    """Return black text on white; A4 at 150 dpi."""
    picture = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(picture)
    for left, top, height, text in texts:
        pen.text((left, top), text, fill="black", font=ImageFont.truetype(find_font(), height))
    return picture


def draw_lines(*lines: str, height: int = 30) -> Image.Image:
    """Return lines under each other on a strip."""
    texts = [(40, 40 + 2 * height * number, height, line) for number, line in enumerate(lines)]
    return draw(texts, size=(1240, 80 + 2 * height * len(lines)))


def encode(picture: Image.Image, form: str) -> bytes:
    """Return the bytes of a picture file."""
    buffer = BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


def make_scan(*pages: Image.Image) -> bytes:
    """Return a PDF whose pages are pictures."""
    buffer = BytesIO()
    pages[0].save(buffer, "PDF", save_all=True, append_images=pages[1:], resolution=150)
    return buffer.getvalue()
