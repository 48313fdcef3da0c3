"""Teach the tokenizer of an embedding model words of your own.

``python -m embeddings.add_embedding_keywords --model NAME_OR_PATH --keywords FILE``

A word that was several tokens becomes one, whose vector is the mean of theirs; texts without the
words keep their vectors. The model is written beside the original, which is never changed. Knows
no knowledge base: name the new folder under ``embedding.models`` and change over to it.
"""

import argparse
import logging
import shutil
import sys
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from configs.model_settings import EmbeddingModelSettings
from configs.settings import EmbeddingSettings, SettingsError, load_settings
from embeddings.checkpoint import KEYWORDS, hub_name, read_checkpoint
from embeddings.places import find_place
from server.errors import InvalidRequest, ZhiwenError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

HIDDEN = (".git*", ".cache")
WEIGHTS = (
    *("*.safetensors", "*.bin", "*.pt", "*.h5", "*.msgpack", "*.ot", "*.index.json"),
    *("onnx", "openvino"),
)


def add_keywords(folder: Path, keywords: Sequence[str], output: Path | None = None) -> Path:
    """Write the model of a folder with more words into ``output``, and return that.

    Without ``output`` it is the folder beside the model, with ``_keywords`` after its name.

    Raises:
        EmbeddingFailed: the folder holds no model that can be run.
        InvalidRequest: there is no new word, or ``output`` exists already.
        OSError: the files cannot be read or written; nothing is left of ``output``.
        ImportError: the packages that run models are not installed.
    """
    import torch
    from tokenizers import AddedToken
    from transformers import AutoModel, AutoTokenizer

    checkpoint = read_checkpoint(folder.name, folder, EmbeddingModelSettings())
    output = output or choose_output(folder)
    partial = output.with_name(f"{output.name}.partial")  # whole, or not there under its name
    for taken in (output, partial):
        if taken.exists():
            raise InvalidRequest(
                param="output",
                problem_en=f"{taken} exists already. Remove it, or name another folder.",
                problem_zh=f"{taken} 已经存在。请先删除它，或指定其他文件夹。",
            )
    part = (checkpoint.module_paths or ("",))[0]
    tokenizer = AutoTokenizer.from_pretrained(folder / part, local_files_only=True)
    pieces = find_pieces(tokenizer, keywords)
    if not pieces:
        raise InvalidRequest(
            param="keywords",
            problem_en="each of the words is one token already; there is nothing to add.",
            problem_zh="这些词都已是单个词元，无需添加。",
        )
    model = AutoModel.from_pretrained(
        folder / part, dtype="auto", local_files_only=True, weights_only=True
    )
    # Within other words a Chinese word stands for itself, an English one does not.
    tokenizer.add_tokens([AddedToken(word, single_word=word.isascii()) for word in pieces])
    model.resize_token_embeddings(max(len(tokenizer), model.config.vocab_size))
    with torch.no_grad():
        rows = model.get_input_embeddings().weight
        for word, former in pieces.items():
            rows[tokenizer.convert_tokens_to_ids(word)] = rows[former].mean(0)
    partial.mkdir(parents=True)
    try:
        copy_rest(folder, part, partial)
        model.save_pretrained(partial / part)
        tokenizer.save_pretrained(partial / part)
        partial.rename(output)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return output


def find_pieces(
    tokenizer: "PreTrainedTokenizerBase", keywords: Sequence[str]
) -> dict[str, list[int]]:
    """Return the new words, each with the tokens that it was so far; unknown ones mean nothing."""
    pieces = {}
    for word in dict.fromkeys(filter(None, map(str.strip, keywords))):
        former = tokenizer.encode(word, add_special_tokens=False)
        known = [token for token in former if token != tokenizer.unk_token_id]
        if len(former) > 1 and known:
            pieces[word] = known
    return pieces


def copy_rest(folder: Path, part: str, output: Path) -> None:
    """Copy all of a model but its weights, in whatever format, into an empty folder."""
    body = (folder / part).absolute()

    def find_left_out(directory: str, names: list[str]) -> set[str]:
        patterns = WEIGHTS if Path(directory).absolute() == body else ()
        return {name for name in names if any(fnmatch(name, one) for one in (*HIDDEN, *patterns))}

    shutil.copytree(folder, output, ignore=find_left_out, dirs_exist_ok=True)


def choose_output(folder: Path) -> Path:
    """Return the folder beside a model, with its name and ``_keywords``."""
    whole = folder.absolute()
    if whole.parent.name == "snapshots":  # in the hub's cache
        whole = whole.parent.parent
    is_cached = whole.name.startswith("models--")
    return whole.with_name(f"{hub_name(whole) if is_cached else whole.name}{KEYWORDS}")


def read_keywords(path: Path) -> list[str]:
    """Return the words of a file, one a line.

    Raises:
        InvalidRequest: it cannot be read as UTF-8.
    """
    try:
        return path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise InvalidRequest(
            param="keywords",
            problem_en=f"{path} cannot be read as UTF-8 text: {error}",
            problem_zh=f"无法将 {path} 读作 UTF-8 文本：{error}",
        ) from error


def locate(model: str, settings: EmbeddingSettings) -> Path:
    """Return the folder of a model by its path or its name.

    Raises:
        InvalidRequest: there is none.
    """
    if Path(model).is_dir():
        return Path(model)
    place = find_place(model, settings)
    if isinstance(place, Path):
        return place
    raise InvalidRequest(
        param="model",
        problem_en=f"the embedding model {model!r} is no folder of a checkpoint.",
        problem_zh=f"向量模型 {model!r} 不是检查点文件夹。",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--model", required=True, help="name or folder of the embedding model")
    parser.add_argument("--keywords", required=True, type=Path, help="file with a word a line")
    parser.add_argument("--output", type=Path, help=f"new folder; else beside it, with {KEYWORDS}")
    flags = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logger = logging.getLogger(__name__)
    try:
        folder = locate(flags.model, load_settings().embedding)
        made = add_keywords(folder, read_keywords(flags.keywords), flags.output)
    except SettingsError as error:
        logger.error("%s", error)
        return 2
    except ZhiwenError as error:
        logger.error("%s\n%s", error.message("en"), error.message("zh"))
        return 1
    except ImportError as error:
        install = "pip install -r requirements.txt"
        logger.error("A package is missing (%s): %s\n缺少软件包，请运行上述命令。", error, install)
        return 1
    except OSError as error:
        logger.error("Files could not be read or written 无法读写文件：%s", error)
        return 1
    logger.info("Written to 已写入 %s", made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
