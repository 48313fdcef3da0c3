"""Reads the text in pictures. Knows no document format.

By PP-OCR through rapidocr, whose models come with its package: nothing is downloaded.
"""

import logging
import time
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from statistics import median_low
from typing import TYPE_CHECKING, Any

from server.datatypes import GapReason
from server.errors import UnreadableDocument
from server.knowledge_base.loaders.layout import Line
from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.outline import Outline
from server.knowledge_base.loaders.reading_order import arrange

if TYPE_CHECKING:  # most documents have no pictures, and need no megabytes for them
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image as Pixels

MAX_PIXELS = 50_000_000  # 7,000 x 7,000, more than a scanner makes of A3 at 400 dpi
MIN_SIDE = 24  # pixels; what is smaller holds no word: lines, dots, bullets
THREADS = 4  # beyond, a page gains little; other files are read at the same time
SURE = 0.5  # of 1; below, the words of PP-OCR are noise more often than not
# Not all that Pillow knows: it hands PostScript to a program of the system.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
FONT_SHARE = 0.75  # of the height of a box that PP-OCR finds around a line
LARGER = 1.35  # boxes of one font differ by less
LONG = 2.5  # a box as many times longer than wide shows a direction, and is not a digit
TALL = 1.5  # rapidocr lays boxes down that are as many times taller than wide
DAMAGED = (OSError, SyntaxError, ValueError, EOFError)  # what Pillow raises

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


class CannotRead(Exception):
    """A picture cannot be read; ``reason`` says why."""

    def __init__(self, reason: GapReason) -> None:
        super().__init__(reason)
        self.reason = reason


def read_picture(data: bytes, limits: Limits) -> list[Line]:
    """Return the lines in a picture of any usual format in the order of reading; lengths in pixels.

    Raises:
        CannotRead: it is damaged, too large, or there is no OCR or no time for it.
    """
    import numpy as np
    from PIL import Image

    require_time(limits)
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise CannotRead("too_large")
            if min(picture.size) < MIN_SIDE:
                return []
            flat = flatten(picture)
    except Image.DecompressionBombError as error:
        raise CannotRead("too_large") from error
    except DAMAGED as error:
        raise CannotRead("damaged") from error
    return read_pixels(np.asarray(flat), limits)


def flatten(picture: "Pixels") -> "Pixels":
    """Return a picture upright and in RGB: text on nothing is meant for white paper."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith("I;16"):  # Pillow would make white of all but the darkest
        upright = upright.point(lambda light: light / 256).convert("L")
    flat = Image.new("RGB", upright.size, "white")
    layer = upright.convert("RGBA")
    flat.paste(layer, mask=layer)
    return flat


def read_pixels(pixels: "NDArray[np.uint8]", limits: Limits, *, scale: float = 1.0) -> list[Line]:
    """Return the lines in a picture, ``pixels`` (height, width, 3) in RGB, in the order of reading.

    Lengths are in pixels, or in points if ``scale`` says how many pixels one has. A picture that
    lies on its side or its head is turned; the lengths are then those of the turned.

    Raises:
        CannotRead: there is no OCR or no time for it.
    """
    import numpy as np

    require_time(limits)
    found, turns = recognize(pixels)
    if turns:
        require_time(limits)
        pixels = np.rot90(pixels, turns)
        found, _ = recognize(pixels)
    if found.txts is None or found.boxes is None:
        return []
    height, width = pixels.shape[:2]
    boxes = [
        (text.strip(), *box.min(axis=0).tolist(), *box.max(axis=0).tolist())
        for text, box, score in zip(found.txts, found.boxes, found.scores, strict=True)
        if text.strip() and score >= SURE
    ]
    usual = median_low(low - top for _, _, top, _, low in boxes) if boxes else 0
    return arrange(
        [
            Line(
                text,
                left / scale,
                right / scale,
                (height - low) / scale,
                font_size(low - top, usual) / scale,
                reach=right / width,
            )
            for text, left, top, right, low in boxes
        ]
    )


def recognize(pixels: "NDArray[np.uint8]") -> tuple[Any, int]:
    """Return what rapidocr finds, and by how many quarters to the left it must be turned.

    rapidocr reads a line in any direction but leaves it where it is: on a page that is upside down
    the last line comes first. What it found out about the directions is no part of its result.
    Chinese in upright columns, from the right to the left, is turned, too: they are then lines.
    """
    import numpy as np

    engine = load_engine()
    picture = np.ascontiguousarray(pixels[:, :, ::-1])  # it takes BGR
    resized, record = engine.preprocess_img(picture)
    found = engine.run_ocr_steps(resized, record)
    detected, directions, _, _ = found
    labels = [label for label, _ in directions.cls_res or ()]
    turns = quarter_turns([] if detected.boxes is None else detected.boxes, labels)
    return engine.build_final_output(picture, *found, record), turns


def quarter_turns(boxes: "Iterable[NDArray[np.float32]]", labels: Iterable[str]) -> int:
    """Return by how many quarters to the left most of the text must be turned.

    ``boxes`` are of four corners (x, y), clockwise; ``labels`` tell whether the text in them, once
    a tall one is turned a quarter to the left, is on its head: "180" or "0".
    """
    import numpy as np

    votes = dict.fromkeys(range(4), 0.0)
    for (first, second, third, _), label in zip(boxes, labels, strict=False):
        width = float(np.linalg.norm(second - first))
        height = float(np.linalg.norm(third - second))
        if max(width, height) >= LONG * min(width, height):
            turns = (height >= TALL * width) + (2 if label == "180" else 0)
            votes[turns] += max(width, height)
    return max(votes, key=lambda turns: votes[turns])  # none, where there is no vote


def font_size(height: float, usual: float) -> float:
    """Return the size of the font in a box: the usual one unless it is clearly another.

    The heights of boxes differ with the letters in them; a heading must be told from that.
    """
    steps = round(2 * height / usual) / 2
    return FONT_SHARE * usual * (1 if height < LARGER * usual else max(steps, LARGER))


def require_time(limits: Limits) -> None:
    """Do nothing if there may be OCR now.

    Raises:
        CannotRead: it is off, or its time is over.
    """
    if limits.ocr is None:
        raise CannotRead("no_ocr")
    if time.monotonic() >= limits.ocr.until:
        raise CannotRead("no_time")


@cache
def load_engine() -> Any:
    """Return the engine of this process.

    Raises:
        CannotRead: its package is not installed.
    """
    try:
        from rapidocr import RapidOCR
    except ModuleNotFoundError as error:
        logging.getLogger(__name__).warning("Pictures are not read: %s.", error)
        raise CannotRead("no_ocr") from error
    params = {
        "Global.log_level": "error",
        "EngineConfig.onnxruntime.intra_op_num_threads": THREADS,
    }
    return RapidOCR(params=params)


def cannot_read(name: str, reason: GapReason) -> UnreadableDocument:
    """Return the error about a file that is nothing but a picture."""
    reason_en, reason_zh = REASONS[reason]
    return UnreadableDocument(name=name, reason_en=reason_en, reason_zh=reason_zh)


def add_picture(
    outline: Outline, data: bytes, limits: Limits, *, name: str = "", page: int | None = None
) -> None:
    """Add the text in a picture that is a part of a document, or note that it was not read."""
    try:
        lines = read_picture(data, limits)
    except CannotRead as error:
        outline.miss("picture", error.reason, name)
        return
    outline.add("\n".join(line.text for line in lines), page=page)
