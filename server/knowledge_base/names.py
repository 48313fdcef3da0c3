"""What a knowledge base and a file may be called. Knows no folders."""

import re
import unicodedata
from urllib.parse import unquote

from server.errors import BlankName, InvalidName, UnsafeName

MAX_KB_NAME = 64  # characters
MAX_FILE_NAME_BYTES = 255  # of one part in UTF-8, the limit of Linux file systems
KB_NAME = re.compile(r"[\w《（(][\w\-. ,&+()（）《》、，·—]*")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows devices


def check_kb_name(name: str) -> str:
    """Return the name of a knowledge base in its stored form (NFC, without outer spaces).

    Raises:
        UnsafeName: it could be read as a path out of the data folder.
        InvalidName: it is empty, too long or has characters that are not allowed.
    """
    checked = unicodedata.normalize("NFC", name).strip()
    if not checked:
        raise BlankName(param="name", name=name, reason_en="it is empty.", reason_zh="名称为空。")
    refuse_escapes(checked)
    if "/" in checked:
        raise unsafe(name, "it must not contain slashes.", "不能包含斜杠。")
    if len(checked) > MAX_KB_NAME:
        limit = f"{len(checked)} characters; the limit is {MAX_KB_NAME}."
        raise invalid(name[:80], limit, f"共 {len(checked)} 个字符，上限为 {MAX_KB_NAME}。")
    if not KB_NAME.fullmatch(checked) or checked.endswith(".") or RESERVED.fullmatch(checked):
        raise invalid(
            name,
            "use letters, digits, Chinese characters, spaces and - _ . , & + ( ) 《 》 、 ·, and "
            "begin with a letter, digit, Chinese character or bracket.",
            "只能使用字母、数字、汉字、空格和 - _ . , & + ( ) （ ） 《 》 、 ， · —，"
            "且以字母、数字、汉字或括号开头。",
        )
    return checked


def check_file_name(name: str) -> str:
    """Return the name of a file in its stored form (NFC); folders are parted by "/".

    Raises:
        UnsafeName: it could be read as a path out of the knowledge base.
        InvalidName: it is empty, too long or has control characters.
    """
    checked = unicodedata.normalize("NFC", name)
    if not checked.strip():
        raise BlankName(param="name", name=name, reason_en="it is empty.", reason_zh="名称为空。")
    refuse_escapes(checked)
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs") for letter in checked):
        raise invalid(
            name,
            "it has control or invisible characters.",
            "包含控制字符或不可见字符。",
        )
    for part in checked.split("/"):
        check_part(name, part)
    return checked


def check_part(name: str, part: str) -> None:
    """Refuse a part of a path that some file system cannot hold, or would hide."""
    if len(part.encode()) > MAX_FILE_NAME_BYTES:
        raise invalid(
            name[:80],
            f"{len(part.encode())} bytes; the limit is {MAX_FILE_NAME_BYTES}. Shorten it.",
            f"共 {len(part.encode())} 字节，上限为 {MAX_FILE_NAME_BYTES}，请缩短。",
        )
    if part != part.strip() or part.endswith(".") or RESERVED.fullmatch(part):
        raise invalid(
            name,
            "parts of it begin or end with a space, end with a dot, or are reserved.",
            "名称的某一部分以空格开头或结尾、以点结尾，或为系统保留名。",
        )
    if part.startswith((".", "~$")):
        raise invalid(
            name,
            "names that begin with '.' or '~$' are hidden or temporary files.",
            "以 '.' 或 '~$' 开头的是隐藏文件或临时文件。",
        )


def refuse_escapes(name: str) -> None:
    """Refuse a name that leaves its folder as it is, percent-decoded or compatibility-folded."""
    decoded = unquote(unquote(name))
    for form in (name, decoded, unicodedata.normalize("NFKC", decoded)):
        parts = re.split(r"[/\\]", form)
        if "\0" in form or "\\" in form or form.startswith("/") or re.match(r"[A-Za-z]:", form):
            raise unsafe(
                name, "it must be relative, with '/' only.", "必须是相对路径，且只用 '/'。"
            )
        if any(part.strip(" .") == "" for part in parts):
            raise unsafe(
                name, "it must not contain '..' or empty parts.", "不能含 '..' 或空的部分。"
            )
        if form != name and len(parts) != len(name.split("/")):
            raise unsafe(name, "it hides slashes.", "其中隐藏了斜杠。")


def invalid(name: str, reason_en: str, reason_zh: str) -> InvalidName:
    """Return the error for a name that cannot be used."""
    return InvalidName(param="name", name=name, reason_en=reason_en, reason_zh=reason_zh)


def unsafe(name: str, reason_en: str, reason_zh: str) -> UnsafeName:
    """Return the error for a name that tries to leave its folder."""
    return UnsafeName(param="name", name=name, reason_en=reason_en, reason_zh=reason_zh)
