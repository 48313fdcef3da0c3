"""The tokenizer of a checkpoint, and the languages that card and tokenizer show. Knows no weights.

Which languages a model was trained for is not in its files, but two things tell: the model card
lists languages, and a vocabulary that was made for a language has few tokens for a text in it.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from server.datatypes import Language

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_CARD_BYTES = 1 << 20
NAMES: dict[str, Language] = {
    **dict.fromkeys(("en", "eng", "english"), "en"),
    **dict.fromkeys(("zh", "zho", "cmn", "chinese", "zh-cn", "zh-hans"), "zh"),
}
MANY = {"multilingual", "multi"}
BOTH: frozenset[Language] = frozenset({"en", "zh"})
# Everyday words of manuals and contracts. A Chinese vocabulary has about a token for each
# character, an English one about a token for each word; others have twice as many, or none at all.
PROBES: dict[Language, tuple[str, int]] = {
    "en": ("please check the pressure before you replace the filter of the water pump", 13),
    "zh": ("更换水泵的滤芯之前，请检查压力是否符合规定", 21),
}
MOST_TOKENS = 1.5  # for each word or character
MOST_UNKNOWN = 0.1  # share of tokens that stand for anything unknown


def find_languages(folder: Path, body: Path) -> frozenset[Language]:
    """Return the languages that a model in a folder seems to know.

    Those of its model card come first, then those that its vocabulary (in ``body``) is made for.
    Where neither tells anything, both: the settings can say better.
    """
    return read_card(folder / "README.md") or probe(body) or BOTH


def read_card(path: Path) -> frozenset[Language]:
    """Return the languages that the head of a model card lists; none if it lists no known one."""
    try:
        if path.stat().st_size > MAX_CARD_BYTES:
            return frozenset()
        parts = path.read_text("utf-8").split("---", 2)
        head = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0].strip() else None
    except (OSError, ValueError, yaml.YAMLError):
        return frozenset()
    listed = head.get("language") if isinstance(head, dict) else None
    names = [str(name).lower() for name in (listed if isinstance(listed, list) else [listed])]
    if MANY & set(names):
        return BOTH
    return frozenset(NAMES[name] for name in names if name in NAMES)


def probe(body: Path) -> frozenset[Language]:
    """Return the languages that the vocabulary in a folder is made for; none if it has none."""
    try:
        tokenizer = load_tokenizer(body)
    except (OSError, ValueError):
        return frozenset()
    return frozenset(language for language in PROBES if is_made_for(tokenizer, *PROBES[language]))


def is_made_for(tokenizer: "Tokenizer", text: str, units: int) -> bool:
    """Return whether a text of so many words or characters has few tokens, and known ones."""
    (encoding,) = tokenizer.encode_batch([text], add_special_tokens=False)
    unknown = sum(token.strip("[]<>").lower() == "unk" for token in encoding.tokens)
    count = len(encoding.tokens)
    return 0 < count <= MOST_TOKENS * units and unknown <= MOST_UNKNOWN * count


def load_tokenizer(body: Path) -> "Tokenizer":
    """Return the tokenizer in a folder, which cuts nothing.

    Raises:
        OSError: its file cannot be read.
        ValueError: there is none, or it is of a kind that cannot be read without its library.
    """
    from tokenizers import BertWordPieceTokenizer, Tokenizer

    if (body / "tokenizer.json").is_file():
        content = (body / "tokenizer.json").read_text("utf-8")
        try:
            tokenizer: Tokenizer = Tokenizer.from_str(content)
        except Exception as error:  # the library raises no narrower one
            raise ValueError(f"tokenizer.json cannot be read: {error}") from error
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer
    if (body / "vocab.txt").is_file():
        config = body / "tokenizer_config.json"
        settings = json.loads(config.read_text("utf-8")) if config.is_file() else {}
        lowercase = bool(settings.get("do_lower_case", True))
        made = BertWordPieceTokenizer(str(body / "vocab.txt"), lowercase=lowercase)
        return Tokenizer.from_str(made.to_str())
    raise ValueError(
        f"{body} has no tokenizer.json; transformers writes it: "
        "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
    )
