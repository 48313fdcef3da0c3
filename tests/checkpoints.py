"""Tiny checkpoints with random weights, in the manner of the model families people serve.

Knows no worker. What they say is noise, but it is real noise: any byte, any token.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from configs import ROOT

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

CONTEXT_TOKENS = 1024
VOCABULARY = 2000  # what the BPE learns; special tokens come on top

CHATML = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% endif %}
{%- endif -%}
"""
GLM = """\
[gMASK]<sop>
{%- for message in messages -%}
<|{{ message.role }}|>
{{ message.content }}
{%- endfor -%}
{%- if add_generation_prompt -%}
<|assistant|>
{% endif -%}
"""
INSTRUCT = """\
{{- bos_token -}}
{%- for message in messages -%}
{%- if message.role != ("user" if loop.index0 is even else "assistant") -%}
{{ raise_exception("Conversation roles must alternate user/assistant/user/assistant/...") }}
{%- endif -%}
{%- if message.role == "user" -%}
[INST] {{ message.content }} [/INST]
{%- else -%}
{{ " " ~ message.content }}{{ eos_token }}
{%- endif -%}
{%- endfor -%}
"""


@dataclass(frozen=True)
class Family:
    """What a family's checkpoints have: configuration, special tokens, template.

    The first of ``ends`` is the tokenizer's end token; all of them end a generation.
    """

    config: str  # name of the configuration class
    template: str
    ends: tuple[str, ...]
    specials: tuple[str, ...] = ()
    bos: str | None = None
    options: dict[str, Any] = field(default_factory=dict)


FAMILIES = {
    "qwen2": Family("Qwen2Config", CHATML, ("<|im_end|>", "<|endoftext|>"), ("<|im_start|>",)),
    "qwen3": Family(
        "Qwen3Config",
        CHATML,
        ("<|im_end|>", "<|endoftext|>"),
        ("<|im_start|>",),
        options={"head_dim": 16},
    ),
    "glm4": Family(
        "Glm4Config",
        GLM,
        ("<|endoftext|>", "<|user|>", "<|observation|>"),
        ("[gMASK]", "<sop>", "<|system|>", "<|assistant|>"),
        options={"head_dim": 16},
    ),
    "mixtral": Family(
        "MixtralConfig",
        INSTRUCT,
        ("</s>",),
        bos="<s>",
        options={"num_local_experts": 4, "num_experts_per_tok": 2},
    ),
}


def make_checkpoint(kind: str, folder: Path) -> Path:
    """Write a random checkpoint of a family of ``FAMILIES`` into the folder, and return it."""
    family = FAMILIES[kind]
    tokenizer = make_tokenizer(family)
    model = make_model(family, tokenizer)
    return save_checkpoint(model, tokenizer, folder)


def make_tokenizer(family: Family) -> "PreTrainedTokenizerFast":
    """Return a tokenizer of a family with the shared vocabulary."""
    from transformers import PreTrainedTokenizerFast

    specials = [*family.ends, *family.specials, *([family.bos] if family.bos else [])]
    return PreTrainedTokenizerFast(
        tokenizer_object=byte_pairs(),
        eos_token=family.ends[0],
        pad_token=family.ends[-1],
        bos_token=family.bos,
        additional_special_tokens=specials,
        chat_template=family.template,
        model_max_length=CONTEXT_TOKENS,
        clean_up_tokenization_spaces=False,
    )


def make_model(
    family: Family, tokenizer: "PreTrainedTokenizerFast", **options: Any
) -> "PreTrainedModel":
    """Return a model with random weights, the same ones every time."""
    import torch
    import transformers

    ends = tokenizer.convert_tokens_to_ids(list(family.ends))
    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT_TOKENS,
        "initializer_range": 0.2,  # large: else every token is about as likely
        "tie_word_embeddings": False,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": ends,
        "pad_token_id": tokenizer.pad_token_id,
    }
    config = getattr(transformers, family.config)(**shape | family.options | options)
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def save_checkpoint(
    model: "PreTrainedModel", tokenizer: "PreTrainedTokenizerFast", folder: Path
) -> Path:
    """Write model and tokenizer as people download them, and return the folder."""
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@lru_cache(maxsize=1)
def learned_pairs() -> str:
    """Return a byte-level BPE of the sample documents, as JSON."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [ROOT / "configs/prompts.yaml", ROOT / "samples/questions.yaml"]
    texts += sorted((ROOT / "samples/documents").glob("*.md"))
    tokenizer.train_from_iterator((path.read_text("utf-8") for path in texts), trainer)
    return str(tokenizer.to_str())


def byte_pairs() -> "Tokenizer":
    """Return a tokenizer of its own with the shared vocabulary."""
    from tokenizers import Tokenizer

    return Tokenizer.from_str(learned_pairs())


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function from a name of ``FAMILIES`` to its folder, made once; do not change it."""

    @cache
    def find(kind: str) -> Path:
        return make_checkpoint(kind, tmp_path_factory.mktemp("checkpoints") / kind)

    return find


@pytest.fixture
def own_checkpoint(checkpoint: Callable[[str], Path], tmp_path: Path) -> Path:
    """Return a Qwen2 folder that a test may damage."""
    return Path(shutil.copytree(checkpoint("qwen2"), tmp_path / "damaged"))
