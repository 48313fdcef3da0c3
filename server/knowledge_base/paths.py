"""Where things lie in the data folder: the one place where a user's text becomes a path."""

import re
from pathlib import Path

from server.errors import UnsafeName
from server.knowledge_base.names import check_file_name, check_kb_name


class DataFolder:
    """The layout of the data folder. Makes paths, changes no files."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.database = self.root / "zhiwen.db"
        self.lock = self.root / ".run" / "api.lock"
        self.models = self.root / ".cache" / "models"
        self.pages = self.root / ".cache" / "pages"  # pictures of them
        self.indexes = self.root / ".cache" / "api"  # private to the one process that serves

    def knowledge_base(self, name: str) -> Path:
        """Return the folder of a knowledge base."""
        return self._inside(self.root, check_kb_name(name))

    def blobs(self, kb_name: str) -> Path:
        """Return the folder of the stored bytes, one file for each content."""
        return self.knowledge_base(kb_name) / "blobs"

    def blob(self, kb_name: str, sha256: str) -> Path:
        """Return where the bytes with this hash lie."""
        if not re.fullmatch(r"[0-9a-f]{64}", sha256):
            raise ValueError(f"not a sha256: {sha256!r}")  # never user input
        return self.blobs(kb_name) / sha256

    def has_blob(self, sha256: str) -> bool:
        """Return whether any knowledge base has the bytes with this hash."""
        return any(self.root.glob(f"[!.]*/blobs/{sha256}"))

    def content_folder(self, kb_name: str) -> Path:
        """Return where people find and put files under their own names."""
        return self.knowledge_base(kb_name) / "content"

    def content(self, kb_name: str, file_name: str) -> Path:
        """Return where people find a file under its own name."""
        return self._inside(self.content_folder(kb_name), check_file_name(file_name))

    def trash(self, kb_id: int) -> Path:
        """Return where the folder of a deleted knowledge base waits for its end."""
        return self.root / f".trash-{kb_id}"

    def all_trash(self) -> list[Path]:
        """Return all folders that wait for their end."""
        return list(self.root.glob(".trash-*"))

    def index(self, kb_id: int, kind: str) -> Path:
        """Return the folder of an index."""
        return self.indexes / str(kb_id) / kind

    def _inside(self, folder: Path, name: str) -> Path:
        path = folder / name
        steps = [path, *path.parents[: name.count("/")]]
        has_link = any(step.is_symlink() for step in steps)
        if has_link and not path.resolve().is_relative_to(folder.resolve()):
            raise UnsafeName(
                param="name",
                name=name,
                reason_en="a link in the data folder leads out of it there.",
                reason_zh="数据目录中的符号链接在此处指向了目录之外。",
            )
        return path
