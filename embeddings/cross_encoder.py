"""Rerankers from a folder: how well each of several texts answers a question, by torch.

Knows no processes and no settings. Only a child process may load one: torch takes much memory.
"""

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from embeddings.minilm import group_by_length
from server.errors import EmbeddingFailed

if TYPE_CHECKING:
    import torch
    from transformers import BatchEncoding, PreTrainedModel, PreTrainedTokenizerBase

Scores = NDArray[np.float32]

MOST_TOKENS = 8192  # of a question with a text, whatever the model could take
CPU_BATCH_TOKENS = 2048  # four pairs of 512 tokens; larger batches are no faster on a processor
GPU_BATCH_TOKENS = 16_384
# The documented prompt of Qwen3-Reranker, which was trained with exactly these words.
YES_NO_BEFORE = (
    "<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and "
    'the Instruct provided. Note that the answer can only be "yes" or "no".<|im_end|>\n'
    "<|im_start|>user\n"
)
YES_NO_TASK = "Given a web search query, retrieve relevant passages that answer the query"
YES_NO_AFTER = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


class CrossEncoder(ABC):
    """Scores pairs of a question and a text; for one thread at a time."""

    def __init__(self, folder: Path, model: "PreTrainedModel") -> None:
        self.name = folder.name
        self.model = model
        self.tokenizer = load_tokenizer(folder)
        self.limit = find_limit(model.config, self.tokenizer.model_max_length)

    def score(self, question: str, texts: Sequence[str]) -> Scores:
        """Return float32 (n,), 0..1, in the order of the texts: higher answers the question better.

        What does not fit the model is cut from the end of the text. The question is cut only where
        it would take more than half of what fits.

        Raises:
            EmbeddingFailed: the model gives no numbers.
        """
        import torch

        rows = self.encode(self.cut_question(question), list(texts)) if texts else []
        scores = np.zeros(len(rows), np.float32)
        is_cpu = self.model.device.type == "cpu"
        lengths = [np.asarray(row["input_ids"], np.int64) for row in rows]
        for batch in group_by_length(lengths, CPU_BATCH_TOKENS if is_cpu else GPU_BATCH_TOKENS):
            inputs = self.tokenizer.pad([rows[i] for i in batch], return_tensors="pt")
            with torch.inference_mode():
                odds = self.find_odds(inputs.to(self.model.device))
                scores[batch] = torch.sigmoid(odds.float()).cpu().numpy()
        if not np.isfinite(scores).all():
            raise EmbeddingFailed(model=self.name, reason="it gave scores that are not numbers")
        return scores

    def cut_question(self, question: str) -> str:
        """Return the beginning of a question that takes at most half of what fits the model."""
        most = self.limit // 2
        found = self.tokenizer(
            question,
            add_special_tokens=False,
            split_special_tokens=True,
            return_offsets_mapping=True,
            verbose=False,
        )
        offsets = found["offset_mapping"]
        return question if len(offsets) <= most else question[: offsets[most - 1][1]]

    @abstractmethod
    def encode(self, question: str, texts: list[str]) -> list[dict[str, list[int]]]:
        """Return the model's input for each text, not padded and at most ``limit`` long."""

    @abstractmethod
    def find_odds(self, inputs: "BatchEncoding") -> "torch.Tensor":
        """Return the logarithms of the odds that the texts answer the question: (n,)."""


class PairClassifier(CrossEncoder):
    """A classifier with one label, as bge-reranker and the MiniLM cross-encoders."""

    def encode(self, question: str, texts: list[str]) -> list[dict[str, list[int]]]:
        found = self.tokenizer(
            [question] * len(texts),
            texts,
            truncation="only_second",
            max_length=self.limit,
            split_special_tokens=True,  # "</s>" in a text is text
        )
        return [{name: found[name][i] for name in found} for i in range(len(texts))]

    def find_odds(self, inputs: "BatchEncoding") -> "torch.Tensor":
        logits: torch.Tensor = self.model(**inputs).logits
        return logits[:, 0]


class YesNoModel(CrossEncoder):
    """A language model that says "yes" or "no", as Qwen3-Reranker."""

    def __init__(self, folder: Path, model: "PreTrainedModel") -> None:
        super().__init__(folder, model)
        frame = self.tokenizer([YES_NO_BEFORE, YES_NO_AFTER], add_special_tokens=False)
        self.before, self.after = frame["input_ids"]
        self.limit -= len(self.before) + len(self.after)
        vocabulary = self.tokenizer.get_vocab()
        if not {"yes", "no"} <= vocabulary.keys():
            raise ValueError('its tokenizer has no tokens "yes" and "no"')
        self.yes, self.no = vocabulary["yes"], vocabulary["no"]

    def encode(self, question: str, texts: list[str]) -> list[dict[str, list[int]]]:
        head = f"<Instruct>: {YES_NO_TASK}\n<Query>: {question}\n<Document>: "
        found = self.tokenizer(
            [head + text for text in texts],
            add_special_tokens=False,
            truncation=True,
            max_length=self.limit,
            split_special_tokens=True,  # "<|im_end|>" in a text is text
        )["input_ids"]
        rows = [[*self.before, *tokens, *self.after] for tokens in found]
        return [{"input_ids": row, "attention_mask": [1] * len(row)} for row in rows]

    def find_odds(self, inputs: "BatchEncoding") -> "torch.Tensor":
        import torch

        # Padding comes last, where no token before it sees it.
        hidden = self.model.base_model(**inputs).last_hidden_state
        last = inputs["attention_mask"].sum(dim=1) - 1
        ends = hidden[torch.arange(len(last), device=last.device), last]
        # Only two words of the vocabulary count, and half precision would make near ones equal.
        words = self.model.lm_head.weight[[self.yes, self.no]].float()
        odds: torch.Tensor = ends.float() @ (words[0] - words[1])
        return odds


def load_cross_encoder(folder: Path, *, threads: int) -> CrossEncoder:
    """Return the reranker in a folder, ready to score; ``threads`` 0 means one per core.

    It goes to a GPU, in half precision, where there is one. Nothing is fetched, and no code that
    comes with a model is run.

    Raises:
        EmbeddingFailed: it cannot be loaded, or is of a kind that is scored in another way.
    """
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()  # type: ignore[no-untyped-call]
        torch.set_num_threads(threads or os.cpu_count() or 1)
        config = read_config(folder)
        kind = str((config.get("architectures") or [""])[0])
        if kind.endswith("ForSequenceClassification"):
            model = load_weights(AutoModelForSequenceClassification, folder, torch.float16)
            check_classifier(folder, model)
            return PairClassifier(folder, model)
        if config.get("model_type") == "qwen3" and kind.endswith("ForCausalLM"):
            model = load_weights(AutoModelForCausalLM, folder, torch.bfloat16)
            return YesNoModel(folder, model)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        raise EmbeddingFailed(model=folder.name, reason=f"{folder}: {error}") from error
    raise EmbeddingFailed(
        model=folder.name,
        reason=f"{folder} holds a model of the kind {kind!r}, which is no reranker that can be run "
        "here: it must be a classifier with one label, or Qwen3-Reranker. Serve it by an endpoint.",
    )


def read_config(folder: Path) -> dict[str, Any]:
    """Return the configuration of a checkpoint.

    Raises:
        OSError, ValueError: there is none, or it is not one.
    """
    config = json.loads((folder / "config.json").read_text("utf-8"))
    if not isinstance(config, dict):
        raise ValueError("its config.json holds no object")
    return config


def load_weights(loader: Any, folder: Path, half: "torch.dtype") -> "PreTrainedModel":
    """Return the model on the best device there is; ``half`` is its number format on a GPU.

    ``loader`` is one of the Auto classes of transformers.

    Raises:
        OSError, ValueError, RuntimeError: its files are missing, damaged or of another model.
    """
    import torch

    device = torch.accelerator.current_accelerator(check_available=True) or torch.device("cpu")
    model, report = loader.from_pretrained(
        folder,
        local_files_only=True,
        dtype=torch.float32 if device.type == "cpu" else half,
        output_loading_info=True,
    )
    if report["missing_keys"]:  # they would be random, and so would be the scores
        names = ", ".join(sorted(report["missing_keys"])[:3])
        raise ValueError(
            f"weights are missing ({names} …). The download is not whole, or the model needs code "
            "of its own, which is not run here: serve it by an endpoint"
        )
    loaded: PreTrainedModel = model.to(device).eval()
    return loaded


def load_tokenizer(folder: Path) -> "PreTrainedTokenizerBase":
    """Return the tokenizer of a checkpoint, which pads and cuts at the end."""
    from transformers import AutoTokenizer

    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        folder, local_files_only=True, padding_side="right", truncation_side="right"
    )
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def check_classifier(folder: Path, model: "PreTrainedModel") -> None:
    """Refuse a classifier of something else than closeness.

    Raises:
        EmbeddingFailed: it has not one label.
    """
    if model.config.num_labels != 1:
        raise EmbeddingFailed(
            model=folder.name,
            reason=f"{folder} holds a classifier with {model.config.num_labels} labels. "
            "A reranker has one.",
        )


def find_limit(config: Any, tokenizer_limit: int) -> int:
    """Return how many tokens the model takes; ``config`` is that of transformers."""
    places = int(getattr(config, "max_position_embeddings", MOST_TOKENS))
    if "roberta" in config.model_type:  # it counts places from the padding token on
        places -= config.pad_token_id + 1
    return min(places, tokenizer_limit, MOST_TOKENS)
