"""A name for the bytes of a checkpoint, found without reading all of them. Knows no models."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

BLOCK = 1 << 16
BLOCKS = 64  # of a large file, spread evenly: 4 MiB of each
CONFIGURATIONS = (".json", ".txt", ".model", ".py")
# They change with the library that saved the folder, not with the vectors.
WITHOUT_EFFECT = {"model.safetensors.index.json", "pytorch_model.bin.index.json"}


def fingerprint(folder: Path, module_paths: Iterable[str], facts: list[Any]) -> str:
    """Return 16 characters that change with the weights, the configuration or the facts.

    Of weights only blocks spread over the file are read: training changes them all.

    Raises:
        OSError: a file cannot be read, or there are no weights.
    """
    digest = hashlib.sha256(json.dumps(facts).encode())
    for path in find_files(folder, module_paths):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(folder)} {size}\n".encode())
        with path.open("rb") as file:
            for start in find_blocks(size):
                file.seek(start)
                digest.update(file.read(BLOCK))
    return digest.hexdigest()[:16]


def find_files(folder: Path, module_paths: Iterable[str]) -> Iterator[Path]:
    """Yield the files that the vectors depend on, folder by folder, by name.

    Raises:
        FileNotFoundError: no folder holds weights.
    """
    has_weights = False
    for part in dict.fromkeys([".", *module_paths]):
        files = sorted(path for path in (folder / part).glob("*") if path.is_file())
        weights = find_weights(files)
        has_weights = has_weights or bool(weights)
        small = [path for path in files if path.suffix in CONFIGURATIONS]
        yield from (path for path in small if path.name not in WITHOUT_EFFECT)
        yield from weights
    if not has_weights:
        raise FileNotFoundError("there is no model.safetensors and no pytorch_model.bin in it")


def find_weights(files: list[Path]) -> list[Path]:
    """Return the files that are loaded as weights: the safe format where there is one."""
    for pattern in ("model*.safetensors", "pytorch_model*.bin"):
        if found := [path for path in files if path.match(pattern)]:
            return found
    return []


def find_blocks(size: int) -> list[int]:
    """Return where the blocks begin that stand for a file; all of a small one."""
    if size <= BLOCK * BLOCKS:
        return list(range(0, size, BLOCK))
    return [index * (size - BLOCK) // (BLOCKS - 1) for index in range(BLOCKS)]
