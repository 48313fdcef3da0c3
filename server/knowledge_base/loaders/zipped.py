"""Opens documents that are zip archives. Knows no format inside."""

import zlib
from typing import BinaryIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile

from server.errors import UnreadableDocument
from server.knowledge_base.loaders.limits import MIB, Limits, unpacks_too_large
from server.knowledge_base.loaders.signatures import name_kind

# One of these is in every Office document, OpenDocument text and e-book.
MARKS = frozenset({"[Content_Types].xml", "mimetype", "META-INF/container.xml", "content.xml"})
OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
# What reading a damaged archive raises; a part that is encrypted is a RuntimeError.
DAMAGED = (BadZipFile, EOFError, LookupError, OSError, RuntimeError, zlib.error)
# And what office libraries raise on damaged parts: they look up parts and attributes unchecked, and
# the errors of their XML parser are SyntaxErrors.
DAMAGED_OFFICE = (*DAMAGED, AttributeError, SyntaxError, TypeError, ValueError)


def open_package(file: BinaryIO, name: str, limits: Limits) -> ZipFile:
    """Open a document that is a zip archive of sane size.

    Raises:
        UnreadableDocument: it is none, an old binary file, or has a password.
        TooLarge: it would unpack to more than ``limits`` allow.
        BadZipFile: it is damaged, or says something else about its parts than is true.
    """
    magic = file.read(len(OLE_MAGIC))
    if magic == OLE_MAGIC:
        raise UnreadableDocument(
            name=name,
            reason_en="it is in the old binary format or has a password. Save it in the present "
            "format, without a password.",
            reason_zh="它是旧版二进制格式或设有密码。请另存为不带密码的新版格式。",
        )
    if not magic.startswith(b"PK"):
        raise name_kind(name, magic)
    archive = ZipFile(file)
    if MARKS.isdisjoint(archive.namelist()):
        raise UnreadableDocument(
            name=name,
            reason_en="it is a zip archive and no document. Unpack it and upload what is in it.",
            reason_zh="它是 zip 压缩包，而不是文档。请解压后上传其中的文件。",
        )
    if sum(entry.file_size for entry in archive.infolist()) > limits.max_unpacked_mb * MIB:
        raise unpacks_too_large(name, limits.max_unpacked_mb)
    require_true_sizes(archive)
    return archive


def require_true_sizes(archive: ZipFile) -> None:
    """Refuse an archive with parts that are larger than it says.

    Read at once, a part is unpacked in full before its size is looked at; in portions it is not.

    Raises:
        BadZipFile: a part is larger or damaged, or packed as no program packs documents.
    """
    for entry in archive.infolist():
        if entry.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise BadZipFile(f"part packed with method {entry.compress_type}")
        with archive.open(entry) as part:
            while part.read(MIB):
                pass
