"""Tiny embedding models with random weights, in the layouts that people download.

Their vectors carry no meaning but that of shared tokens: texts with more of them are closer.
"""

import json
import shutil
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from configs import ROOT
from tests.checkpoints import FAMILIES, make_tokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WIDTH = 64
OUT_FEATURES = 24  # of the layer after the pooling
MAX_TOKENS = 256
SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
QUERY_PROMPT = "Instruct: find the passage\nQuery:"
# Layouts by name: a transformers folder (plain) or one of sentence-transformers.
LAYOUTS = ("bert-mean", "bert-cls", "xlm-roberta-cls", "qwen3-last", "ernie-plain", "bert-dense")


def make_embedding_checkpoint(layout: str, folder: Path) -> Path:
    """Write a model of one of ``LAYOUTS`` into the folder, and return it."""
    {
        "bert-mean": write_bert_mean,
        "bert-cls": write_bert_cls,
        "xlm-roberta-cls": write_xlm_roberta,
        "qwen3-last": write_qwen3,
        "ernie-plain": write_ernie,
        "bert-dense": write_bert_dense,
    }[layout](folder)
    return folder


def write_bert_mean(folder: Path) -> None:
    """Write a plain BERT: no modules.json, so that the pooling is not said."""
    make_body("Bert").save_pretrained(folder)
    make_wordpieces().save_pretrained(folder)


def write_bert_cls(folder: Path) -> None:
    """Write a BERT as the bge models are: first token, unit rows."""
    write_bert_mean(folder)
    write_modules(folder, "cls")


def write_xlm_roberta(folder: Path) -> None:
    """Write an XLM-RoBERTa as bge-m3 is."""
    make_body("XLMRoberta", pad_token_id=1, max_position_embeddings=MAX_TOKENS + 2).save_pretrained(
        folder
    )
    make_unigrams().save_pretrained(folder)
    write_modules(folder, "cls")


def write_qwen3(folder: Path) -> None:
    """Write a Qwen3 embedding model: last token, padding on the left, an instruction."""
    from tokenizers import processors

    tokenizer = make_tokenizer(FAMILIES["qwen3"])
    tokenizer.padding_side = "left"
    tokenizer.chat_template = None
    tokenizer._tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <|endoftext|>",
        special_tokens=[("<|endoftext|>", tokenizer.convert_tokens_to_ids("<|endoftext|>"))],
    )
    body = make_body(
        "Qwen3",
        vocab_size=len(tokenizer),
        head_dim=16,
        num_key_value_heads=2,
        initializer_range=0.3,
    )
    body.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    write_modules(folder, "lasttoken")
    prompts = {"prompts": {"query": QUERY_PROMPT, "document": ""}, "default_prompt_name": None}
    write_json(folder / "config_sentence_transformers.json", prompts)


def write_ernie(folder: Path) -> None:
    """Write an ERNIE as it was published: a vocabulary, no tokenizer.json."""
    make_body("Ernie").save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(learned_wordpieces()) + "\n", "utf-8")
    write_json(
        folder / "tokenizer_config.json",
        {"tokenizer_class": "BertTokenizer", "do_lower_case": True, "model_max_length": MAX_TOKENS},
    )


def write_bert_dense(folder: Path) -> None:
    """Write a BERT with mean pooling and a layer that makes its vectors smaller."""
    import torch
    from safetensors.torch import save_file

    write_bert_mean(folder)
    write_modules(folder, "mean")
    dense = folder / "2_Dense"
    dense.mkdir()
    activation = "torch.nn.modules.activation.Tanh"
    shape = {"in_features": WIDTH, "out_features": OUT_FEATURES, "bias": True}
    write_json(dense / "config.json", {**shape, "activation_function": activation})
    with torch.random.fork_rng():
        torch.manual_seed(2)
        weight = torch.randn(OUT_FEATURES, WIDTH) / 8
    save_file(
        {"linear.weight": weight, "linear.bias": torch.zeros(OUT_FEATURES)},
        str(dense / "model.safetensors"),
    )
    modules = json.loads((folder / "modules.json").read_text())
    kind = "sentence_transformers.models.Dense"
    modules.insert(2, {"idx": 2, "name": "dense", "path": "2_Dense", "type": kind})
    write_json(folder / "modules.json", modules)


def write_modules(folder: Path, pooling: str) -> None:
    """Write what makes a transformers folder one of sentence-transformers, with unit rows."""
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), ("3_Normalize", "Normalize")]
    modules = [
        {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for i, (path, kind) in enumerate(kinds)
    ]
    write_json(folder / "modules.json", modules)
    key = {"cls": "cls_token", "mean": "mean_tokens", "lasttoken": "lasttoken"}[pooling]
    config = {"word_embedding_dimension": WIDTH, f"pooling_mode_{key}": True}
    (folder / "1_Pooling").mkdir()
    write_json(folder / "1_Pooling" / "config.json", config)
    limits = {"max_seq_length": MAX_TOKENS, "do_lower_case": False}
    write_json(folder / "sentence_bert_config.json", limits)


def write_json(path: Path, content: Any) -> None:
    """Write a file as the hub has them."""
    path.write_text(json.dumps(content, indent=2), "utf-8")


def make_body(kind: str, **options: Any) -> "PreTrainedModel":
    """Return a model without a head, with random weights, the same ones every time."""
    import torch
    import transformers

    shape = {
        "vocab_size": len(learned_wordpieces()),
        "hidden_size": WIDTH,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": MAX_TOKENS,
        "pad_token_id": 0,
    }
    config = getattr(transformers, f"{kind}Config")(**shape | options)
    with torch.random.fork_rng():
        torch.manual_seed(3)
        body = transformers.AutoModel.from_config(config, dtype=torch.float32)
        # Else all texts are close to one another, as they share the vectors of positions.
        body.get_input_embeddings().weight.data.normal_(std=1.0)
        mix_tokens(body)
    return body.eval()


def mix_tokens(body: "PreTrainedModel") -> None:
    """Let each token of a BERT take in the mean of all, so that the first knows the others."""
    import torch

    for name, weight in body.named_parameters():
        if name.endswith("attention.self.query.weight"):
            weight.data.zero_()
        elif name.endswith(("attention.self.value.weight", "attention.output.dense.weight")):
            weight.data = 2 * torch.eye(WIDTH)


def make_wordpieces() -> "PreTrainedTokenizerBase":
    """Return a BERT tokenizer of the sample documents: English words, Chinese characters."""
    from transformers import BertTokenizer

    vocabulary = {token: place for place, token in enumerate(learned_wordpieces())}
    return BertTokenizer(vocab=vocabulary, do_lower_case=True, model_max_length=MAX_TOKENS)


def make_unigrams() -> "PreTrainedTokenizerBase":
    """Return an XLM-RoBERTa tokenizer of the same size."""
    from transformers import XLMRobertaTokenizer

    pieces = [token for token in learned_wordpieces() if token not in SPECIALS]
    words = ["▁", *(f"▁{piece}" for piece in pieces if not piece.startswith("##"))]
    rest = [piece.removeprefix("##") for piece in pieces]
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    tokens = list(dict.fromkeys([*specials, *rest, *words]))[: len(learned_wordpieces()) - 1]
    scores = [(token, 0.0 if token in specials else -8.0 + len(token) / 4) for token in tokens]
    return XLMRobertaTokenizer(vocab=[*scores, ("<mask>", 0.0)], model_max_length=MAX_TOKENS)


@lru_cache(maxsize=1)
def learned_wordpieces() -> tuple[str, ...]:
    """Return the vocabulary, in order; the places of the special tokens are BERT's."""
    from tokenizers import BertWordPieceTokenizer

    tokenizer = BertWordPieceTokenizer(lowercase=True)
    texts = [ROOT / "samples/questions.yaml", *sorted((ROOT / "samples/documents").glob("*.md"))]
    tokenizer.train_from_iterator(
        (path.read_text("utf-8") for path in texts),
        vocab_size=4000,
        min_frequency=1,
        special_tokens=SPECIALS,
        show_progress=False,
    )
    places = tokenizer.get_vocab()
    return tuple(sorted(places, key=lambda token: places[token]))


@pytest.fixture(scope="session")
def embedding_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function from one of ``LAYOUTS`` to its folder, made once; do not change it."""

    @cache
    def find(layout: str) -> Path:
        return make_embedding_checkpoint(layout, tmp_path_factory.mktemp("embedding") / layout)

    return find


@pytest.fixture
def own_embedding_checkpoint(
    embedding_checkpoint: Callable[[str], Path], tmp_path: Path
) -> Callable[[str], Path]:
    """Return a function from one of ``LAYOUTS`` to a copy that the test may change."""

    def copy(layout: str) -> Path:
        return Path(shutil.copytree(embedding_checkpoint(layout), tmp_path / f"own-{layout}"))

    return copy
