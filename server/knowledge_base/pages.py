"""Pictures of pages, drawn when somebody wants to see one and kept on the disk. Knows no routes."""

import logging
import os
import re
import secrets
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from server.errors import LostFile, TooLarge, UnreadableDocument, UnreadablePage
from server.knowledge_base.blobs import sync_folder
from server.knowledge_base.loaders.limits import MIB
from server.knowledge_base.parsing import ParseLimits, ParserPool
from server.knowledge_base.paths import DataFolder
from server.knowledge_base.rendering import Picture, is_small_png

logger = logging.getLogger(__name__)

DRAWERS = 2  # pages that are drawn at once
DRAW_WITHIN_S = 20  # most pages take less than one
KEPT_MB = 256  # about a thousand pages of text, which take 100 to 300 kB each
NAME = re.compile(r"([0-9a-f]{64})-[0-9]+-([0-9]+)\.png")  # sha256, page, how many there are
TOO_MUCH = ("drawing it takes too much time or memory.", "绘制该页耗时过长或占用内存过多。")


class PagePictures:
    """Draws pages in parsers of its own, and keeps the latest ones; safe to use from threads."""

    def __init__(
        self, folder: DataFolder, limits: ParseLimits, *, max_bytes: int = KEPT_MB * MIB
    ) -> None:
        """Take what it works with; all pictures together take ``max_bytes`` on the disk."""
        self.folder = folder
        limits = replace(limits, timeout_s=DRAW_WITHIN_S, ocr_s=0)
        self.parsers = ParserPool(limits, count=DRAWERS)  # nobody waits for files that are read
        self.max_bytes = max_bytes
        self._lock = threading.Lock()  # held while pictures come and go

    def find(self, sha256: str, page: int) -> Picture | None:
        """Return the picture of a page of the file with this hash if it is kept."""
        for path in self.folder.pages.glob(f"{sha256}-{page}-*.png"):
            if (named := NAME.fullmatch(path.name)) is None:
                continue
            try:
                png = path.read_bytes()
                os.utime(path)  # the one that was wanted last is removed last
            except OSError as error:  # mostly because it has just been removed
                logger.info("A kept picture is drawn anew: %s", error)
                continue
            if is_small_png(png):
                return Picture(png, int(named[2]))
            logger.warning("A kept picture is damaged and is drawn anew: %s", path)
        return None

    def draw(self, path: Path, name: str, sha256: str, page: int) -> Picture:
        """Draw a page of the file at ``path``, and keep its picture.

        Raises:
            NoPages, UnknownPage: there is no such page.
            UnreadablePage: it is damaged, or takes too long.
            LostFile: its bytes are gone from the disk.
            Cancelled, ParserUnavailable: the service stops, or has no room for a process.
        """
        try:
            picture = self.parsers.render(path, name, page)
        except FileNotFoundError as error:
            raise LostFile(param="file_name", name=name) from error
        except (UnreadableDocument, TooLarge) as error:
            reasons = error.values.get("reason_en"), error.values.get("reason_zh")
            reason_en, reason_zh = TOO_MUCH if isinstance(error, TooLarge) else reasons
            raise UnreadablePage(
                param="page", name=name, page=page, reason_en=reason_en, reason_zh=reason_zh
            ) from error
        try:
            self._keep(picture, sha256, page)
        except OSError as error:  # the picture is there, and the next time it is drawn again
            logger.warning("The picture of a page cannot be kept: %s", error)
        return picture

    def forget(self, sha256: str) -> None:
        """Remove all pictures of the file with this hash."""
        with self._lock:
            remove(self.folder.pages.glob(f"{sha256}-*.png"))

    def tidy(self) -> None:
        """Remove the pictures of files that no knowledge base has, and what a crash left."""
        with self._lock:
            for path in self.folder.pages.glob("*"):
                named = NAME.fullmatch(path.name)
                if named is None or not self.folder.has_blob(named[1]):
                    path.unlink(missing_ok=True)

    def close(self) -> None:
        """End the parsers; pages that are being drawn are cancelled."""
        self.parsers.close()

    def _keep(self, picture: Picture, sha256: str, page: int) -> None:
        """Write a picture, whole or not at all, and remove the oldest ones that are too many."""
        folder = self.folder.pages
        with self._lock:
            folder.mkdir(parents=True, exist_ok=True)
            temporary = folder / f".{secrets.token_hex(8)}.tmp"
            try:
                with temporary.open("xb") as file:
                    file.write(picture.png)
                    os.fsync(file.fileno())
                temporary.replace(folder / f"{sha256}-{page}-{picture.pages}.png")
            finally:
                temporary.unlink(missing_ok=True)
            sync_folder(folder)
            remove(oldest(folder, self.max_bytes))


def oldest(folder: Path, max_bytes: int) -> list[Path]:
    """Return the pictures that are left, newest first, when others have filled ``max_bytes``."""
    kept = [(path.stat(), path) for path in folder.glob("*.png")]
    kept.sort(key=lambda each: each[0].st_mtime_ns, reverse=True)
    filled, over = 0, []
    for facts, path in kept:
        filled += facts.st_size
        if filled > max_bytes:
            over.append(path)
    return over


def remove(paths: Iterable[Path]) -> None:
    """Remove files that may be gone."""
    for path in paths:
        path.unlink(missing_ok=True)
