"""Two tiny rerankers that are trained to tell texts about machines from texts about money.

Knows no process. One is a classifier of pairs, one says "yes" or "no" as Qwen3-Reranker does; both
are scored in training by the code that scores them in the service.
"""

import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.trained_model import one_thread

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

    from embeddings.cross_encoder import CrossEncoder

MACHINES = [*["pump", "serviced", "noisy", "motor", "oil", "valve"], *"水泵保养电机"]
MONEY = [*["invoices", "finance", "team", "salary", "paid", "bill"], *"发票财务工资"]
COMMON = [*["when", "is", "the", "it", "to", "go", "who", "what", "?", "."], *"的谁几有和要？。"]
SPECIALS = ["[CLS]", "[SEP]", "[PAD]", "[UNK]", "<|im_start|>", "<|im_end|>"]
KINDS = ("classifier", "yes_no")
TOKENS = 256  # what both models take
SEEDS = range(5)
STEPS = 200  # it takes about 100
RATE = 3e-3
BATCH = 32

QUESTION = "When is the pump serviced?"
CLOSE = "The pump is serviced when it is noisy."
FAR = "Invoices go to the finance team."
EXAM = [(QUESTION, CLOSE, FAR), ("水泵几保养？", "水泵要保养。", "发票和工资的财务。")]


def make_reranker(kind: str, folder: Path) -> Path:
    """Train a reranker of ``KINDS``, write it into the folder, and return that.

    Raises:
        RuntimeError: it did not learn.
    """
    import torch

    from embeddings.cross_encoder import PairClassifier, YesNoModel

    tokenizer = make_tokenizer()
    tokenizer.save_pretrained(folder)
    for seed in SEEDS:  # one that does not learn on some processor is followed by another
        with torch.random.fork_rng(), one_thread():
            torch.manual_seed(seed)
            model = make_model(kind, tokenizer)
            encoder = (PairClassifier if kind == "classifier" else YesNoModel)(folder, model)
            has_learned = train(encoder, random.Random(seed))
        if has_learned:
            model.save_pretrained(folder)
            return folder
    raise RuntimeError(f"the training of the {kind} failed")


def make_tokenizer() -> "PreTrainedTokenizerFast":
    """Return a tokenizer of words and of single Chinese characters."""
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    from embeddings.cross_encoder import YES_NO_AFTER, YES_NO_BEFORE, YES_NO_TASK

    prompt = re.findall(r"\w+|[^\w\s]", (YES_NO_BEFORE + YES_NO_TASK + YES_NO_AFTER).lower())
    words = [*SPECIALS, *MACHINES, *MONEY, *COMMON, *prompt]
    vocabulary = {word: place for place, word in enumerate(dict.fromkeys(words))}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.WhitespaceSplit(),
            pre_tokenizers.Split(Regex(r"[\u4e00-\u9fff]|[^\w\s]"), "isolated"),
        ]
    )
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B [SEP]",
        special_tokens=[(word, vocabulary[word]) for word in ("[CLS]", "[SEP]")],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=made,
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        unk_token="[UNK]",
        additional_special_tokens=SPECIALS[4:],
        model_max_length=TOKENS,
    )


def make_model(
    kind: str, tokenizer: "PreTrainedTokenizerFast", **options: Any
) -> "PreTrainedModel":
    """Return an untrained model."""
    import transformers

    shape = {
        "vocab_size": len(tokenizer),
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": TOKENS,
        "initializer_range": 0.1,
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
    } | options
    if kind == "classifier":
        ids = {"cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id}
        config = transformers.ModernBertConfig(
            **{"classifier_pooling": "mean", "num_labels": 1} | ids | shape
        )
        return transformers.ModernBertForSequenceClassification(config)
    heads = {"num_key_value_heads": 2, "head_dim": 16, "tie_word_embeddings": False}
    narrow = {"hidden_size": 32, "intermediate_size": 64}  # learns from fewer pairs
    return transformers.Qwen3ForCausalLM(transformers.Qwen3Config(**shape | heads | narrow))


def train(encoder: "CrossEncoder", choice: random.Random) -> bool:
    """Teach the model to say whether question and text are about the same; return if it learned."""
    import torch

    optimizer = torch.optim.AdamW(encoder.model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=RATE, total_steps=STEPS)
    for step in range(1, STEPS + 1):
        rows, labels = [], []
        for _ in range(BATCH):
            asked, told = choice.choice((MACHINES, MONEY)), choice.choice((MACHINES, MONEY))
            rows += encoder.encode(say(choice, asked), [say(choice, told)])
            labels.append(float(asked is told))
        odds = encoder.find_odds(encoder.tokenizer.pad(rows, return_tensors="pt"))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(odds, torch.tensor(labels))
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        if step % 20 == 0 and all(is_told_apart(encoder, *case) for case in EXAM):
            return True
    return False


def say(choice: random.Random, subject: list[str]) -> str:
    """Return a few words about a subject."""
    words = choice.sample(subject, choice.randint(1, 5))
    words += choice.sample(COMMON, choice.randint(0, 6))
    choice.shuffle(words)
    return " ".join(words)


def is_told_apart(encoder: "CrossEncoder", question: str, close: str, far: str) -> bool:
    """Return whether the model is sure of both texts."""
    near_score, far_score = encoder.score(question, [close, far])
    return bool(near_score > 0.8 and far_score < 0.2)


@pytest.fixture(scope="session")
def reranker_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function from one of ``KINDS`` to its folder, made once; do not change it."""

    @cache
    def find(kind: str) -> Path:
        return make_reranker(kind, tmp_path_factory.mktemp("rerankers") / f"tiny-{kind}")

    return find
