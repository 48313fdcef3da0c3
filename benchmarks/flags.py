"""The flags of the benchmarks that ask question sets. Knows no measurements."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from benchmarks.upload import MODES
from configs import ROOT

SETS = ("cmrc2018dev", "xquad_zh", "xquad_en")


def make_parser(text: str | None, modes: Sequence[str] = tuple(MODES)) -> argparse.ArgumentParser:
    """Return a parser with the flags that these benchmarks share; the first line says what for."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0] if text else "")
    shared = ROOT.parent / "shared" / "data"
    has_default = shared.is_dir()
    parser.add_argument("--data", type=Path, default=shared, required=not has_default)
    parser.add_argument("--name", action="append", help="a set; may be repeated")
    parser.add_argument("--mode", action="append", choices=modes, help="default: all")
    parser.add_argument("--json", action="store_true", help="one line of JSON at the end")
    return parser


def parse(
    parser: argparse.ArgumentParser, modes: Sequence[str] = tuple(MODES)
) -> argparse.Namespace:
    """Read the flags; all modes of the common sets unless some are named."""
    flags = parser.parse_args()
    flags.name = flags.name or list(SETS)
    flags.mode = flags.mode or list(modes)
    return flags
