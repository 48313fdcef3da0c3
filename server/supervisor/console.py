"""What a person at the terminal reads, in their language. Does not know what it reports."""

import re
import sys

from server.datatypes import Language
from server.errors import ZhiwenError

LOUD = re.compile(r" (WARNING|ERROR|CRITICAL) ")


class Console:
    """Prints messages at once; a closed terminal never stops the services."""

    def __init__(self, language: Language, *, is_quiet: bool = False) -> None:
        self.language = language
        self.is_quiet = is_quiet

    def say(self, en: str, zh: str) -> None:
        """Print a message."""
        self.write(zh if self.language == "zh" else en)

    def fail(self, error: ZhiwenError) -> None:
        """Print an error on stderr."""
        self.write(error.message(self.language), is_error=True)

    def remark(self, en: str, zh: str) -> None:
        """Print what only matters while one watches; nothing when quiet."""
        if not self.is_quiet:
            self.say(en, zh)

    def echo(self, name: str, line: str) -> None:
        """Print a line of a service's log; when quiet only warnings and errors."""
        if LOUD.search(line) or (line.strip() and not self.is_quiet):
            self.write(f"[{name}] {line}")

    def write(self, line: str, *, is_error: bool = False) -> None:
        """Print a line; characters that the terminal does not have become question marks."""
        stream = sys.stderr if is_error else sys.stdout
        encoding = stream.encoding or "utf-8"
        text = line.encode(encoding, errors="replace").decode(encoding)
        try:
            # One write: the line of another thread must not come in between.
            print(f"{text}\n", end="", file=stream, flush=True)
        except OSError:
            # The terminal is gone (SIGHUP, `| head`); the log files still have everything.
            self.is_quiet = True
