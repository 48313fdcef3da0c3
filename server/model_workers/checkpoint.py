"""A checkpoint on disk: is it whole, will it fit, and what do the errors of loading it mean.

Knows no generation. What it checks, it checks before minutes of loading.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
from safetensors import SafetensorError, safe_open

from configs import ROOT
from server.errors import ModelFailed

if TYPE_CHECKING:
    import torch

WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the first one there is wins
POINTER = b"version https://git-lfs"
GIB = 2**30


def find_checkpoint(name: str, path: str) -> Path:
    """Return the folder of a checkpoint that looks whole.

    Raises:
        ModelFailed: something is missing, or was not downloaded to its end.
    """
    folder = ROOT / Path(path).expanduser()
    if not folder.is_dir():
        raise ModelFailed(
            model=name,
            reason_en=f"the folder {folder} does not exist. Download the model, or correct its "
            "path under workers.models.",
            reason_zh=f"目录 {folder} 不存在。请下载模型，或修改 workers.models 中的 path。",
        )
    if not (folder / "config.json").is_file():
        raise ModelFailed(
            model=name,
            reason_en=f"{folder} has no config.json, so it is not a checkpoint of transformers. "
            "GGUF files need an engine such as llama-server (worker: engine).",
            reason_zh=f"{folder} 中没有 config.json，不是 transformers 格式的模型目录。"
            "GGUF 文件需要 llama-server 等引擎（worker: engine）。",
        )
    for weights in find_weights(name, folder):
        check_weights(name, weights)
    return folder


def find_weights(name: str, folder: Path) -> list[Path]:
    """Return the files with the weights, those that transformers would read.

    Raises:
        ModelFailed: there are none, or some of those that the index lists are missing.
    """
    for file in WEIGHTS:
        if (folder / file).is_file():
            return [folder / file]
        index = folder / f"{file}.index.json"
        if index.is_file():
            return read_index(name, index)
    raise missing_weights(name, folder, " / ".join(WEIGHTS))


def read_index(name: str, index: Path) -> list[Path]:
    """Return the files that an index lists.

    Raises:
        ModelFailed: some are missing, or the index is damaged.
    """
    refuse_pointer(name, index)
    try:
        shards = {
            str(shard) for shard in json.loads(index.read_text("utf-8"))["weight_map"].values()
        }
    except (ValueError, LookupError) as error:
        raise damaged(name, index, error) from error
    missing = sorted(shard for shard in shards if not (index.parent / shard).is_file())
    if missing:
        more = " …" if len(missing) > 3 else ""
        raise missing_weights(name, index.parent, ", ".join(missing[:3]) + more)
    return [index.parent / shard for shard in sorted(shards)]


def missing_weights(name: str, folder: Path, files: str) -> ModelFailed:
    """Return the error for weights that are not there."""
    return ModelFailed(
        model=name,
        reason_en=f"weights are missing from {folder}: {files}. Download the model again.",
        reason_zh=f"{folder} 中缺少权重文件：{files}。请重新下载模型。",
    )


def damaged(name: str, file: Path, error: Exception) -> ModelFailed:
    """Return the error for a file that is not whole."""
    return ModelFailed(
        model=name,
        reason_en=f"{file} is damaged or was not downloaded to its end ({error}). "
        "Delete it and download it again.",
        reason_zh=f"{file} 已损坏或未下载完整（{error}）。请删除后重新下载。",
    )


def check_weights(name: str, weights: Path) -> None:
    """Refuse a file of weights that is a pointer or was cut off.

    Raises:
        ModelFailed: it is one of these.
    """
    refuse_pointer(name, weights)
    if weights.suffix != ".safetensors":
        return
    try:
        with safe_open(weights, framework="numpy"):  # reads the header only, without torch
            pass
    except SafetensorError as error:
        raise damaged(name, weights, error) from error


def refuse_pointer(name: str, file: Path) -> None:
    """Refuse a file that only names what Git LFS would have fetched.

    Raises:
        ModelFailed: it is one.
    """
    if read_head(file, len(POINTER)) == POINTER:
        raise ModelFailed(
            model=name,
            reason_en=f"{file} is a Git LFS pointer, not the file itself. Run 'git lfs pull' in "
            "its folder, or download the model again.",
            reason_zh=f"{file} 只是 Git LFS 指针，不是文件本身。"
            "请在该目录执行 git lfs pull，或重新下载模型。",
        )


def read_head(path: Path, size: int) -> bytes:
    """Return the first bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(size)


def check_memory(name: str, folder: Path, *, stored: "torch.dtype", wanted: "torch.dtype") -> None:
    """Refuse weights that the memory of this machine cannot take, before it kills the process.

    Raises:
        ModelFailed: there is not enough.
    """
    on_disk = sum(path.stat().st_size for path in find_weights(name, folder))
    needed = on_disk * wanted.itemsize / stored.itemsize
    free = psutil.virtual_memory().available
    if needed > free:
        raise ModelFailed(
            model=name,
            reason_en=f"it needs {needed / GIB:.1f} GiB of memory in {wanted}, {free / GIB:.1f} "
            "GiB are free. Set dtype to bfloat16, use a GPU, or choose a smaller model.",
            reason_zh=f"以 {wanted} 加载需要 {needed / GIB:.1f} GiB 内存，可用仅 {free / GIB:.1f} "
            "GiB。请将 dtype 设为 bfloat16、使用 GPU，或选择更小的模型。",
        )


def explain(name: str, error: Exception) -> ModelFailed:
    """Return an error of loading or running a model in words for users."""
    text = str(error).strip()
    first = (text.splitlines() or [""])[0]
    if "Weights only load failed" in text:
        return ModelFailed(
            model=name,
            reason_en="its .bin weights are damaged, or hold code, which is never run. "
            "Use a version of the model with .safetensors.",
            reason_zh="其 .bin 权重已损坏，或含有代码（绝不会执行）。请使用 .safetensors 版本。",
        )
    if "out of memory" in text or "allocate memory" in text:
        return ModelFailed(
            model=name,
            reason_en="the memory of the device is not enough. Use a smaller model, a shorter "
            f"context_tokens, dtype bfloat16, or more GPUs. ({first})",
            reason_zh="设备内存不足。请换用更小的模型、调小 context_tokens、"
            f"将 dtype 设为 bfloat16，或使用更多 GPU。（{first}）",
        )
    if "trust_remote_code" in text:
        return ModelFailed(
            model=name,
            reason_en="its folder brings code of its own, which is not run unless you allow it: "
            "read it, then set trust_remote_code: true for this model.",
            reason_zh="其目录自带代码，未经允许不会执行。请先检查代码，"
            "再为该模型设置 trust_remote_code: true。",
        )
    if "does not recognize this architecture" in text or "Unrecognized configuration" in text:
        return ModelFailed(
            model=name,
            reason_en="its kind of model cannot be served by the transformers worker. "
            f"Serve it by an engine (worker: engine). ({first})",
            reason_zh="transformers worker 不支持这种模型。"
            f"请改用推理引擎（worker: engine）。（{first}）",
        )
    reason = f"{type(error).__name__}: {first}"
    return ModelFailed(model=name, reason_en=reason, reason_zh=reason)
