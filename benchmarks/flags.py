"""The flags of the benchmarks that ask question sets. Knows no measurements."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from benchmarks.upload import MODES
from configs import ROOT
from server.knowledge_base.splitters import SPLITTERS

SETS = ("cmrc2018dev", "xquad_zh", "xquad_en")
NONE: Mapping[str, tuple[int, str]] = MappingProxyType({})


def parse_flags(
    text: str | None,
    *,
    modes: Sequence[str] = tuple(MODES),
    numbers: Mapping[str, tuple[int, str]] = NONE,
    has_splitter: bool = False,
) -> argparse.Namespace:
    """Read the flags; all modes of the common sets unless some are named.

    The first line of ``text`` says what the benchmark is. ``numbers`` are flags of its own, each
    with its default and what it means. With ``has_splitter`` there is one for the way to cut.
    """
    parser = argparse.ArgumentParser(description=text.splitlines()[0] if text else "")
    shared = ROOT.parent / "shared" / "data"
    has_default = shared.is_dir()
    parser.add_argument("--data", type=Path, default=shared, required=not has_default)
    parser.add_argument("--name", action="append", help="a set; may be repeated")
    parser.add_argument("--mode", action="append", choices=modes, help="default: all")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    if has_splitter:
        parser.add_argument("--splitter", choices=list(SPLITTERS), help="default: recursive")
    for flag, (default, meaning) in numbers.items():
        parser.add_argument(flag, type=int, default=default, help=meaning)
    flags = parser.parse_args()
    flags.name = flags.name or list(SETS)
    flags.mode = flags.mode or list(modes)
    return flags
