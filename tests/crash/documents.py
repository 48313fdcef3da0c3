"""Documents of which every sentence, and so every chunk, says to which version it belongs."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

MARKER = re.compile(r"zw[a-z]{12}")
SENTENCES = 9
CHUNK_SIZE = 250  # about three sentences


def write_document(name: str, version: int, sentences: int = SENTENCES) -> bytes:
    """Return a document with a marker of its own in each of its sentences."""
    mark = marker(name, version)
    lines = "\n".join(
        f"Entry {number} of {mark} says that item {number} weighs {number * 3} kilograms."
        for number in range(sentences)
    )
    return f"# The {mark} list\n\n{lines}\n".encode()


def marker(name: str, version: int) -> str:
    """Return a word that no other document has."""
    digest = hashlib.sha256(f"{name} {version}".encode()).digest()
    return "zw" + "".join(chr(ord("a") + byte % 26) for byte in digest[:12])


def marker_of(content: bytes) -> str:
    """Return the marker of a document."""
    found = set(MARKER.findall(content.decode()))
    assert len(found) == 1, found
    return str(found.pop())


def markers_in(text: str) -> set[str]:
    """Return the markers that a text holds."""
    return set(MARKER.findall(text))


@dataclass(frozen=True)
class KbState:
    """What a knowledge base is, as a client may rely on it."""

    files: Mapping[str, bytes]
    chunk_size: int = CHUNK_SIZE  # by which its files are cut
    model: str = "hashing"


World = Mapping[str, KbState]  # by name of the knowledge base


@dataclass(frozen=True)
class KbAllowed:
    """What a knowledge base may be; None in the set of a file: it may be missing."""

    files: Mapping[str, frozenset[bytes | None]]
    may_be_missing: bool = False
    may_exist: bool = True
    models: frozenset[str] = frozenset({"hashing"})
    chunk_sizes: frozenset[int] = frozenset({CHUNK_SIZE})


Allowed = Mapping[str, KbAllowed]


def allow(*worlds: World) -> Allowed:
    """Return what may be when one of several states must be there, file by file."""
    names = {name for world in worlds for name in world}
    return {name: allow_kb([world.get(name) for world in worlds]) for name in sorted(names)}


def allow_kb(states: list[KbState | None]) -> KbAllowed:
    """Return what one knowledge base may be; None among the states: it may be missing."""
    present = [state for state in states if state is not None]
    names = {name for state in present for name in state.files}
    return KbAllowed(
        files={
            name: frozenset(state.files.get(name) for state in present) for name in sorted(names)
        },
        may_be_missing=len(present) < len(states),
        models=frozenset(state.model for state in present),
        chunk_sizes=frozenset(state.chunk_size for state in present),
    )
