"""What the files of a checkpoint say about it, read without torch.

Knows no process and no text. ``embeddings/sentences.py`` runs what is described here.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from configs.model_settings import EmbeddingModelSettings
from embeddings.catalogue import KnownModel, choose_instruction, find_known
from embeddings.fingerprint import fingerprint
from server.errors import EmbeddingFailed

MAX_JSON_BYTES = 1 << 20  # configurations are far smaller; tokenizers are not read here
NO_LIMIT = 1 << 20  # tokenizers write 10^30 for "not set"
USUAL_MAX_TOKENS = 512
KEYWORDS = "_keywords"  # after the name of a model that ``add_embedding_keywords`` made
WIDTHS = ("hidden_size", "d_model", "dim", "n_embd")  # names of one thing among architectures
POOLINGS = {  # as in 1_Pooling/config.json of sentence-transformers
    "cls": "cls",
    "mean": "mean",
    "lasttoken": "last",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
}


@dataclass(frozen=True)
class Checkpoint:
    """Everything that vectors of a checkpoint depend on, but the bytes of its weights."""

    folder: str
    module_paths: tuple[str, ...]  # of modules.json; empty: a folder of plain transformers
    pooling: str  # what it has or gets, several joined by "+"
    is_pooling_own: bool  # False: ``pooling`` takes the place of what the folder says, if anything
    computed_dimension: int  # of what it computes
    dimension: int  # of its vectors: cut to it, and made unit rows again
    max_tokens: int
    query_instruction: str
    document_instruction: str
    trust_remote_code: bool
    generation: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what ``from_json`` takes."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Checkpoint":
        """Return the checkpoint that was written by ``to_json``."""
        return cls(**{**values, "module_paths": tuple(values["module_paths"])})

    def find_generation(self) -> str:
        """Return the name of everything that the vectors of documents depend on.

        Raises:
            OSError: the files cannot be read.
        """
        facts = [self.pooling, self.dimension, self.max_tokens, self.document_instruction]
        return f"checkpoint-{fingerprint(Path(self.folder), self.module_paths, facts)}"


def read_checkpoint(name: str, folder: Path, wishes: EmbeddingModelSettings) -> Checkpoint:
    """Return what is known of the model in a folder: by the settings, its files, the catalogue.

    Raises:
        EmbeddingFailed: the folder holds no model that can be run.
    """
    known = find_known(name) or find_known(hub_name(folder))
    try:
        checkpoint = describe(folder, wishes, known)
        return replace(checkpoint, generation=checkpoint.find_generation())
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        reason = f"{folder} holds no embedding model that can be run: {error}"
        raise EmbeddingFailed(model=name, reason=reason) from error


def describe(folder: Path, wishes: EmbeddingModelSettings, known: KnownModel | None) -> Checkpoint:
    """Return the description of a folder, without its generation.

    Raises:
        OSError, ValueError, TypeError, KeyError, AttributeError: the files say nonsense.
    """
    modules = read_modules(folder)
    body = folder / modules[0][1] if modules else folder
    config = read_json(body / "config.json")
    check_own_code(config, wishes, known)
    width = find_width(config)
    own_pooling, dimension = follow(folder, modules, width, wishes.pooling)
    asked = wishes.dimension or dimension
    if asked > dimension:
        raise ValueError(f"its vectors have {dimension} dimensions, fewer than {asked}")
    prompts = read_prompts(folder)
    return Checkpoint(
        folder=str(folder),
        module_paths=tuple(path for _, path in modules),
        pooling=own_pooling or wishes.pooling or (known.pooling if known else "mean"),
        is_pooling_own=bool(own_pooling) and not wishes.pooling,
        computed_dimension=dimension,
        dimension=asked,
        max_tokens=wishes.max_tokens or find_max_tokens(body, config, known),
        query_instruction=choose_instruction(
            wishes.query_instruction,
            prompts.get("query", ""),
            known.query_instruction if known else "",
        ),
        document_instruction=choose_instruction(
            wishes.document_instruction,
            prompts.get("document") or prompts.get("passage", ""),
            known.document_instruction if known else "",
        ),
        trust_remote_code=wishes.trust_remote_code,
    )


def hub_name(folder: Path) -> str:
    """Return the name of the model that a folder is named after.

    The hub's cache calls it ``models--ORGANISATION--NAME/snapshots/REVISION``; with more words in
    its tokenizer it is the same model still.
    """
    name = folder.name
    for part in (folder.name, folder.parent.parent.name):
        if part.startswith("models--"):
            name = part.rpartition("--")[2]
            break
    return re.sub(rf"({KEYWORDS})+$", "", name)


def check_own_code(
    config: Mapping[str, Any], wishes: EmbeddingModelSettings, known: KnownModel | None
) -> None:
    """Refuse a model with code of its own, unless the settings trust it.

    Without that code some load all the same, as another architecture with random parts.

    Raises:
        ValueError: it needs its code.
    """
    needs_code = "AutoModel" in (config.get("auto_map") or {})
    if needs_code and not wishes.trust_remote_code and not (known and known.is_own_code_needless):
        raise ValueError(
            "it comes with Python code of its own. If you trust its source, set "
            "embedding.models.NAME.trust_remote_code to true"
        )


def read_modules(folder: Path) -> list[tuple[str, str]]:
    """Return kind and path of each module of a sentence-transformers folder; none for others.

    Raises:
        ValueError: a module is of a kind that does not make one vector of a text, or its path
            leads out of the folder.
    """
    if not (folder / "modules.json").is_file():
        return []
    modules = []
    for entry in read_json(folder / "modules.json", list):
        kind, path = str(entry["type"]), str(entry["path"])
        if not kind.startswith("sentence_transformers."):
            raise ValueError(f"the module {kind!r} is none of sentence-transformers")
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise ValueError(f"the module path {path!r} leads out of the folder")
        modules.append((kind.rpartition(".")[2], path))
    if not modules or modules[0][0] != "Transformer":
        raise ValueError("its first module is no Transformer")
    return modules


def follow(folder: Path, modules: list[tuple[str, str]], width: int, wish: str) -> tuple[str, int]:
    """Return the pooling that the modules do, "" for none, and the dimension in the end.

    ``wish`` is the pooling that takes the place of theirs, if it is not empty.

    Raises:
        ValueError: a module is of a kind that is not known here.
    """
    pooling = ""
    for kind, path in modules[1:]:
        if kind == "Pooling":
            config = read_json(folder / path / "config.json")
            modes = [wish] if wish else read_pooling(config)
            pooling = "+".join(modes)
            width *= len(modes)
        elif kind == "Dense":
            width = int(read_json(folder / path / "config.json")["out_features"])
        elif kind not in ("Normalize", "LayerNorm", "Dropout"):
            raise ValueError(f"the module {kind!r} is not supported")
    return pooling, width


def read_pooling(config: Mapping[str, Any]) -> list[str]:
    """Return the modes of a pooling module, in the form of today or in that of before."""
    if "pooling_mode" in config:
        modes = config["pooling_mode"]
        found = [modes] if isinstance(modes, str) else [str(mode) for mode in modes]
    else:
        found = [key for key in POOLINGS if key.startswith("pooling_mode") and config.get(key)]
    return [POOLINGS.get(mode, mode) for mode in found] or ["mean"]


def find_width(config: Mapping[str, Any]) -> int:
    """Return the size of a token's vector.

    Raises:
        ValueError: the configuration does not say it.
    """
    for values in (config, config.get("text_config") or {}):
        for key in WIDTHS:
            if isinstance(values.get(key), int):
                return int(values[key])
    raise ValueError("config.json does not say how large its vectors are (hidden_size)")


def find_max_tokens(body: Path, config: Mapping[str, Any], known: KnownModel | None) -> int:
    """Return how many tokens of a text the model takes."""
    own = read_json(body / "sentence_bert_config.json", default={}).get("max_seq_length")
    if isinstance(own, int):
        return own
    if known:
        return known.max_tokens
    tokenizer = read_json(body / "tokenizer_config.json", default={}).get("model_max_length")
    positions = config.get("max_position_embeddings")
    if isinstance(positions, int) and "roberta" in str(config.get("model_type")):
        positions -= 2  # it counts positions from the padding token on
    limits = [n for n in (tokenizer, positions) if isinstance(n, int | float) and 0 < n < NO_LIMIT]
    return int(min(limits, default=USUAL_MAX_TOKENS))


def read_prompts(folder: Path) -> Mapping[str, str]:
    """Return the instructions that a folder names, by their kind; empty ones say nothing."""
    config = read_json(folder / "config_sentence_transformers.json", default={})
    return {str(kind): str(text) for kind, text in (config.get("prompts") or {}).items() if text}


def read_json(path: Path, kind: type = dict, default: Any = None) -> Any:
    """Return the content of a small file; ``default`` if it is given and there is no file.

    Raises:
        OSError: it is missing or cannot be read.
        ValueError: it is too large, no JSON, or not of the kind.
    """
    if default is not None and not path.is_file():
        return default
    if path.stat().st_size > MAX_JSON_BYTES:
        raise ValueError(f"{path.name} is too large")
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path.name} is no JSON: {error}") from error
    if not isinstance(content, kind):
        raise ValueError(f"{path.name} holds no {kind.__name__}")
    return content
