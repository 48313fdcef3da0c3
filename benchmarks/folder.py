"""Thousands of mixed files in a folder, a hundred of them bad, taken in by one command.

``python -m benchmarks.folder --json``

``init_database.py --increment`` runs over the folder and is killed twice on the way. Then every
good file must be found by the word that only it has, and every bad one must be named with the
reason that fits it; ``lost`` counts those for which neither is so.
"""

import argparse
import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path

from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Frame, Paragraph
from tqdm import tqdm

from benchmarks.printed import build, make_style
from benchmarks.report import print_report
from benchmarks.written import WRITERS, write_sentences
from configs import ROOT, load_settings
from server.increment import ask, open_api

KB = "mixed"
KILLS = (0.33, 0.66)  # shares of the files after which the command is killed
PER_KIND = 5  # bad files of each kind


def main() -> None:
    """Generate, take in, kill, resume, check and report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    parser.add_argument("--files", type=int, default=3000, help="good and bad ones")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="zhiwen-folder-") as place:
        content = Path(place) / KB / "content"
        content.mkdir(parents=True)
        bad = write_bad(content)
        words = write_good(content, flags.files - len(bad))
        started = time.monotonic()
        for share in KILLS:
            kill_at(Path(place), round(share * len(words)))
        summary = take_in(place).splitlines()
        took_s = time.monotonic() - started
        found = asyncio.run(find_all(place, words))
    named = {line.strip().split(": ", 1)[0]: line for line in summary if line.startswith("  ")}
    fitting = [name for name, reason in bad.items() if reason in named.get(name, "")]
    for name in sorted(set(bad) - set(fitting)):
        print(f"{name}: expected {bad[name]!r}, got {named.get(name)!r}", file=sys.stderr)
    for name in sorted(set(words) - found):
        print(f"{name}: not found; {named.get(name, '')}", file=sys.stderr)
    results = {
        "good": len(words),
        "searchable": len(found),
        "bad": len(bad),
        "named_with_reason": len(fitting),
        "named_though_good": len(set(named) - set(bad)),
        "lost": len(words) - len(found) + len(bad) - len(fitting),
        "kills": len(KILLS),
        "files_per_s": flags.files / took_s,
    }
    if flags.json:
        print_report("folder", {"files": flags.files}, results, {})
    else:
        print("\n".join(f"{name:20} {value:8.1f}" for name, value in results.items()))


def write_good(folder: Path, count: int) -> dict[str, str]:
    """Write files of all formats in turn, and return the word that only each of them has."""
    writers = {**WRITERS, ".pdf": write_pdf}
    sentences = [*write_sentences("en", 60), *write_sentences("zh", 60)]
    words = {}
    for number in tqdm(range(count), desc="write", unit="file"):
        extension = list(writers)[number % len(writers)]
        name = f"{number % 40:02}/file-{number:05}{extension}"
        words[name] = f"zq{number:05}x"
        start = number % 100
        few = [f"The code of this file is {words[name]}.", *sentences[start : start + 12]]
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(writers[extension](few))
    return words


def write_pdf(sentences: list[str]) -> bytes:
    """Return a PDF of paragraphs."""
    style = make_style("zh")
    frame = Frame(60, 60, A4[0] - 120, A4[1] - 120)
    return build([Paragraph(sentence, style) for sentence in sentences], [frame])


def write_bad(folder: Path) -> dict[str, str]:
    """Write bad files of all kinds, and return a part of the reason that each should get."""
    reasons = {}
    for kind, (extension, content, reason) in bad_kinds().items():
        for number in range(PER_KIND):
            name = f"{kind}-{number}{extension}"
            data = content() if callable(content) else content
            # The same bytes under five names would be read once.
            (folder / name).write_bytes(data + b" " * number if data and kind != "empty" else data)
            reasons[name] = reason
    return reasons


def bad_kinds() -> dict[str, tuple[str, bytes | Callable[[], bytes], str]]:
    """Return each kind of bad file: extension, content, a part of its reason."""
    bomb = b"<!DOCTYPE a [<!ENTITY b 'bbbbbbbbbb'>" + b"".join(
        b"<!ENTITY c%d '%s'>" % (n, b"&c%d;" % (n - 1) * 10 if n else b"&b;" * 10)
        for n in range(9)
    ) + b"]><a>&c8;</a>"  # fmt: skip
    word = WRITERS[".docx"](["a sentence of the file"])
    return {
        "empty": (".txt", b"", "is empty"),
        "blank": (".md", b" \n\n \n", "no text"),
        "program": (".exe", b"MZ\x90\0", "format that cannot be read"),
        "binary": (".txt", bytes(range(256)) * 40, "is not text"),
        "pdf-broken": (".pdf", b"%PDF-1.7\n1 0 obj <<", "damaged"),
        "pdf-password": (".pdf", lambda: print_pdf("text", password="x"), "password"),
        "pdf-blank": (".pdf", lambda: print_pdf(""), "no text"),
        "docx-cut": (".docx", word[: len(word) // 2], "damaged"),
        "docx-password": (".docx", bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600, "password"),
        "docx-bomb": (".docx", make_bomb, "unpacks to"),
        "pptx-is-docx": (".pptx", word, "damaged"),
        "xlsx-text": (".xlsx", b"a;b;c\n1;2;3\n", "not what its extension says"),
        "epub-cut": (".epub", b"PK\x03\x04" + b"\0" * 30, "damaged"),
        "odt-text": (".odt", b"PK\x03\x04 no archive", "damaged"),
        "json-broken": (".json", b'{"a": [1, 2,, 3]}', "not valid JSON"),
        "json-deep": (".json", b"[" * 100_000 + b"]" * 100_000, "nested too deeply"),
        "xml-bomb": (".xml", bomb, "could not be read"),
        "notebook": (".ipynb", b"{}", "not a Jupyter notebook"),
        "rtf-text": (".rtf", b"plain text", "not an RTF"),
        "picture": (".png", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "damaged"),
    }


def print_pdf(text: str, password: str = "") -> bytes:
    """Return a PDF of one line."""
    buffer = BytesIO()
    lock = StandardEncryption(password) if password else None
    canvas = Canvas(buffer, encrypt=lock)
    canvas.drawString(100, 700, text)
    canvas.showPage()
    canvas.save()
    return buffer.getvalue()


def make_bomb() -> bytes:
    """Return a Word file that unpacks to a gigabyte."""
    buffer = BytesIO(WRITERS[".docx"](["a sentence of the file"]))
    with (
        zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive,
        archive.open("word/media/image1.png", "w", force_zip64=True) as part,
    ):
        for _ in range(1024):
            part.write(b"\0" * (1 << 20))
    return buffer.getvalue()


def kill_at(data: Path, files: int) -> None:
    """Run the command and kill it once so many files are stored."""
    process = start(str(data))
    try:
        while count_files(data) < files:
            if process.poll() is not None:
                raise SystemExit("The command ended before it could be killed.")
            time.sleep(0.2)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def take_in(data: str) -> str:
    """Run the command to its end and return what it says."""
    process = start(data, stdout=subprocess.PIPE)
    said, _ = process.communicate()
    return said.decode()


def start(data: str, stdout: int | None = subprocess.DEVNULL) -> "subprocess.Popen[bytes]":
    """Start the command on a data folder."""
    return subprocess.Popen(
        [sys.executable, "init_database.py", "--increment"],
        cwd=ROOT,
        env=os.environ | {"ZHIWEN_PATHS__DATA": data, "ZHIWEN_SERVER__LANGUAGE": "en"},
        stdout=stdout,
        start_new_session=True,
    )


def count_files(data: Path) -> int:
    """Return how many files are stored."""
    try:
        with closing(sqlite3.connect(f"file:{data / 'zhiwen.db'}?mode=ro", uri=True)) as database:
            return int(database.execute("select count(*) from file").fetchone()[0])
    except sqlite3.OperationalError:  # it was not made yet
        return 0


async def find_all(data: str, words: dict[str, str]) -> set[str]:
    """Return the files that a search for their word finds."""
    os.environ["ZHIWEN_PATHS__DATA"] = data
    found = set()
    async with open_api(load_settings(), "en") as api:
        for name, word in tqdm(words.items(), desc="search", unit="file"):
            body = {"query": word, "top_k": 10}
            answer = await ask(api, "POST", f"/api/v1/knowledge_bases/{KB}/search", body)
            if any(hit["file_name"] == name for hit in answer["hits"]):
                found.add(name)
    return found


if __name__ == "__main__":
    main()
