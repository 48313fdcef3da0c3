"""Pictures inside documents. Knows no document format."""

import posixpath
from hashlib import sha256

from server.knowledge_base.loaders.limits import Limits
from server.knowledge_base.loaders.ocr import add_picture
from server.knowledge_base.loaders.outline import Outline

DRAWN = (".emf", ".wmf", ".svg", ".wdp", ".svm", ".pict")  # by lines, or by nothing that we know


class Pictures:
    """Reads the pictures of one document, each once, however often it is shown."""

    def __init__(self, outline: Outline, limits: Limits) -> None:
        self.outline = outline
        self.limits = limits
        self.seen: set[bytes] = set()

    def add(self, data: bytes, place: str, *, page: int | None = None) -> None:
        """Add the text in a picture, or note why there is none; ``place`` is where it is stored."""
        digest = sha256(data).digest()
        if digest in self.seen:
            return
        self.seen.add(digest)
        name = posixpath.basename(place)
        if name.lower().endswith(DRAWN):
            self.outline.miss("picture", "unsupported", name)
        else:
            add_picture(self.outline, data, self.limits, name=name, page=page)
