"""The old binary formats of Word and PowerPoint. Knows nothing of them: LibreOffice converts them.

It works on a copy in a folder of its own, with a profile of its own that forbids macros and links.
"""

import os
import shutil
import subprocess
import tempfile
import time
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import psutil

from server.datatypes import Document
from server.errors import UnreadableDocument
from server.knowledge_base.loaders import docx_document, rich_text, slides
from server.knowledge_base.loaders.limits import MIB, Limits, unpacks_too_large
from server.knowledge_base.loaders.signatures import name_kind
from server.knowledge_base.loaders.zipped import OLE_MAGIC

PROGRAMS = ("soffice", "libreoffice")
CONVERT_S = 120  # for one file; a book takes some seconds
FOLDER = "zhiwen-office-"
LEFT_S = 5 * CONVERT_S  # after which the folder of a parser that was killed is removed
BLOCK = 512  # bytes; what "ulimit -f" counts
# A parser may write next to nothing: the limit is raised for what is started here, and the copy is
# written by it. The time is that of the processor, for when nobody is left to end the program.
START = 'ulimit -S -f "$1" && ulimit -t "$2" && cat > "$3" && shift 3 && exec "$@" < /dev/null'
SETTINGS = {
    "Office.Common/Security/Scripting": {
        "MacroSecurityLevel": "3",  # the highest
        "DisableMacrosExecution": "true",
        "DisableActiveContent": "true",
        "BlockUntrustedRefererLinks": "true",
        "DisablePythonRuntime": "true",
    },
    "Office.Writer/Content/Update": {"Link": "2"},  # text of other files is never taken in
    # What is asked for nevertheless goes to a port of this machine where nobody listens.
    "Inet/Settings": {
        "ooInetProxyType": "1",
        **{f"ooInet{kind}ProxyName": "127.0.0.1" for kind in ("HTTP", "HTTPS", "FTP")},
        **{f"ooInet{kind}ProxyPort": "9" for kind in ("HTTP", "HTTPS", "FTP")},
        "ooInetNoProxy": "",
    },
}


def load_doc(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read a Word document; some programs give this ending to the new format, or to RTF."""
    magic = peek(file)
    if magic.startswith(b"PK"):
        return docx_document.load(file, name, limits)
    if magic.startswith(b"{\\rtf"):
        return rich_text.load(file, name, limits)
    new = convert(file, name, limits, form="docx", reader="MS Word 97")
    return docx_document.load(new, name, limits)


def load_ppt(file: BinaryIO, name: str, limits: Limits) -> Document:
    """Read a presentation; some programs give this ending to the new format."""
    if peek(file).startswith(b"PK"):
        return slides.load(file, name, limits)
    new = convert(file, name, limits, form="pptx", reader="MS PowerPoint 97")
    return slides.load(new, name, limits)


def peek(file: BinaryIO) -> bytes:
    """Return how a file begins, and go back."""
    magic = file.read(len(OLE_MAGIC))
    file.seek(0)
    return magic


def convert(file: BinaryIO, name: str, limits: Limits, *, form: str, reader: str) -> BytesIO:
    """Return the file in a new format; ``reader`` is LibreOffice's name of the old one.

    Raises:
        UnreadableDocument: it is damaged, has a password or takes too long, or LibreOffice is
            missing.
        TooLarge: the new file is too large.
    """
    if (magic := peek(file)) != OLE_MAGIC:
        raise name_kind(name, magic)
    program = find_program(name)
    remove_left_folders()
    with tempfile.TemporaryDirectory(prefix=FOLDER, ignore_cleanup_errors=True) as held:
        folder = Path(held)
        write_profile(folder / "profile")
        run(command(program, folder, form, reader, limits), file.read(), folder, name)
        result = folder / "new" / f"old.{form}"
        if not result.is_file():
            raise UnreadableDocument(
                name=name,
                reason_en="LibreOffice cannot read it: it is damaged or has a password.",
                reason_zh="LibreOffice 无法读取该文件：文件已损坏或设有密码。",
            )
        if result.stat().st_size > limits.max_unpacked_mb * MIB:
            raise unpacks_too_large(name, limits.max_unpacked_mb)
        return BytesIO(result.read_bytes())


def find_program(name: str) -> str:
    """Return the path of LibreOffice.

    Raises:
        UnreadableDocument: it is not installed.
    """
    for program in PROGRAMS:
        if path := shutil.which(program):
            return path
    raise UnreadableDocument(
        name=name,
        reason_en="this old format is read by LibreOffice, which is not installed "
        "(apt-get install libreoffice-writer-nogui libreoffice-impress-nogui). "
        "Or save the file in the present format.",
        reason_zh="读取该旧版格式需要 LibreOffice，但未安装"
        "（apt-get install libreoffice-writer-nogui libreoffice-impress-nogui）。"
        "也可以将文件另存为新版格式。",
    ) from FileNotFoundError(PROGRAMS[0])


def command(program: str, folder: Path, form: str, reader: str, limits: Limits) -> list[str]:
    """Return what is run."""
    blocks = limits.max_unpacked_mb * MIB // BLOCK
    return [
        *("/bin/sh", "-c", START, "sh", str(blocks), str(CONVERT_S), str(folder / "old"), program),
        *("--headless", "--norestore", "--nologo", "--nodefault", "--nolockcheck"),
        f"-env:UserInstallation={(folder / 'profile').as_uri()}",
        *(f"--infilter={reader}", "--convert-to", form, "--outdir", str(folder / "new")),
        str(folder / "old"),
    ]


def run(arguments: list[str], data: bytes, folder: Path, name: str) -> None:
    """Run LibreOffice until it ends; in the process group of the parser, which may be killed.

    Raises:
        UnreadableDocument: it does not end in time.
    """
    path = os.environ.get("PATH", os.defpath)
    with subprocess.Popen(  # noqa: S603  # no word of the arguments is from the file
        arguments,
        cwd=folder,
        env={"PATH": path, "HOME": str(folder), "TMPDIR": str(folder), "LANG": "C.UTF-8"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            process.communicate(data, CONVERT_S)
        except subprocess.TimeoutExpired as error:
            raise UnreadableDocument(
                name=name,
                reason_en=f"LibreOffice did not convert it within {CONVERT_S} s. "
                "Save it in the present format.",
                reason_zh=f"LibreOffice 未能在 {CONVERT_S} 秒内完成转换。请另存为新版格式。",
            ) from error
        finally:
            kill_tree(process)


def kill_tree(process: subprocess.Popen[bytes]) -> None:
    """Kill a process with all that it started; do nothing where it has ended."""
    if process.poll() is not None:
        return
    leader = psutil.Process(process.pid)
    for each in [*leader.children(recursive=True), leader]:
        try:
            each.kill()
        except psutil.NoSuchProcess:  # it ended by itself
            continue


def write_profile(folder: Path) -> None:
    """Write the settings of LibreOffice."""
    items = "".join(
        f'<item oor:path="/org.openoffice.{group}"><prop oor:name="{key}" oor:op="fuse">'
        f"<value>{value}</value></prop></item>"
        for group, values in SETTINGS.items()
        for key, value in values.items()
    )
    place = folder / "user" / "registrymodifications.xcu"
    place.parent.mkdir(parents=True)
    place.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><oor:items xmlns:oor="http://openoffice.org/2001/'
        f'registry">{items}</oor:items>'
    )


def remove_left_folders() -> None:
    """Remove what parsers left that were killed while they converted a file."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER}*"):
        try:
            status = folder.lstat()
        except FileNotFoundError:  # another parser has just done with it
            continue
        if status.st_uid == os.getuid() and time.time() - status.st_mtime > LEFT_S:
            shutil.rmtree(folder, ignore_errors=True)
