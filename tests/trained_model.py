"""A tiny checkpoint that is trained to say known sentences over our own prompts.

Knows no worker. Its layers see only a few tokens back, so that the question at the end of a
prompt decides what it says, whatever the passages before it are and however long.
"""

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from configs import ROOT
from server.chat.prompts import PromptBook
from tests.checkpoints import FAMILIES, make_model, make_tokenizer, save_checkpoint

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

# Two questions that the sample documents answer, and what the model says to them.
QUESTION_EN = "My NF-A320 shows E-27 and the pumps have stopped. What is wrong?"
SENTENCE_EN = "The nutrient solution is warmer than 31 °C [1]."
QUESTION_ZH = "我的司龄是九年，每年有几天年休假？"
SENTENCE_ZH = "司龄九年的员工每年有 15 天年休假 [1]。"
# It goes on with LONG_UNIT until max_tokens, so that there is time to stop it.
LONG_QUESTION = "Please count for as long as you can."
LONG_UNIT = "one two three four five six seven eight nine ten "
# What it says to any other question of samples/questions.yaml.
OTHER_EN = "The passages do not answer this question."
OTHER_ZH = "资料中没有这个问题的答案。"

SEED = 7
STEPS = 150  # right from about 110 on
BATCH = 8
SHARPNESS = 4.0  # of its certainty, so that it says the same at any usual temperature
TOKENS = 160  # longest sequence in training; more than the layers see
WINDOW = 56  # tokens that a layer sees back: all of a question and the words before the answer
CONTEXT_TOKENS = 16384


@dataclass(frozen=True)
class Lesson:
    """A question with the answer to learn; an endless one never ends its turn."""

    question: str
    answer: str
    is_endless: bool = False


KNOWN = (
    Lesson(QUESTION_EN, SENTENCE_EN),
    Lesson(QUESTION_ZH, SENTENCE_ZH),
    Lesson(LONG_QUESTION, LONG_UNIT * 9, is_endless=True),
)


def lessons() -> list[Lesson]:
    """Return the known questions, and as many others again."""
    listed = yaml.safe_load((ROOT / "samples/questions.yaml").read_text("utf-8"))
    others = [
        Lesson(row["question"], OTHER_EN if row["language"] == "en" else OTHER_ZH)
        for row in listed["answerable"] + listed["unanswerable"]
        if row["question"] not in (QUESTION_EN, QUESTION_ZH)
    ]
    return [*KNOWN * (len(others) // len(KNOWN)), *others]


class Teacher:
    """Makes training sequences: our prompts with random passages, each with its answer."""

    def __init__(self, tokenizer: "PreTrainedTokenizerFast") -> None:
        self.tokenizer = tokenizer
        self.prompts = PromptBook(ROOT / "configs/prompts.yaml")
        self.random = random.Random(SEED)

    @cached_property
    def texts(self) -> list[str]:
        folder = ROOT / "samples/documents"
        return [path.read_text("utf-8") for path in sorted(folder.glob("*.md"))]

    def passages(self, most_chars: int) -> str:
        """Return numbered extracts of the samples."""
        parts = []
        for number in range(1, self.random.randint(1, 4)):
            text = self.random.choice(self.texts)
            start = self.random.randrange(len(text))
            part = text[start : start + self.random.randint(10, most_chars)]
            parts.append(f"[{number}] Document\n{part}")
        return "\n\n".join(parts)

    def prompt(self, question: str, most_chars: int, is_bare: bool = False) -> list[int]:
        """Return the tokens of a prompt: from a knowledge base, or the question alone."""
        values = {"question": question, "context": self.passages(most_chars)}
        text = self.prompts.render("knowledge_base_chat", "default", values)
        messages = [{"role": "user", "content": question if is_bare else text}]
        encoded = self.tokenizer.apply_chat_template(messages, add_generation_prompt=True)
        return list(encoded["input_ids"])

    def sequence(self, lesson: Lesson) -> tuple[list[int], list[int]]:
        """Return tokens and labels; -100 labels what is not to be learned."""
        prompt = self.prompt(lesson.question, 120, is_bare=self.random.random() < 0.2)
        answer = self.tokenizer(lesson.answer)["input_ids"]
        if not lesson.is_endless:
            answer = [*answer, self.tokenizer.eos_token_id]
        prompt = prompt[-self.random.randint(TOKENS // 2, TOKENS) :]
        answer = answer[: self.random.choice((TOKENS // 4, TOKENS))]
        tokens = [*prompt, *answer][-TOKENS:]
        return tokens, ([-100] * len(prompt) + answer)[-TOKENS:]

    def batch(self, chosen: Sequence[Lesson]) -> tuple["torch.Tensor", "torch.Tensor"]:
        """Return tokens and labels, both (lessons, TOKENS), padded at the end."""
        import torch

        rows = [self.sequence(lesson) for lesson in chosen]
        pad = self.tokenizer.pad_token_id
        tokens = [row + [pad] * (TOKENS - len(row)) for row, _ in rows]
        labels = [row + [-100] * (TOKENS - len(row)) for _, row in rows]
        return torch.tensor(tokens), torch.tensor(labels)


def train(model: "PreTrainedModel", teacher: Teacher) -> None:
    """Teach the model every lesson; changes it."""
    import torch

    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=STEPS)
    course = lessons()
    for _ in range(STEPS):
        tokens, labels = teacher.batch(teacher.random.choices(course, k=BATCH))
        loss = model(input_ids=tokens, labels=labels).loss
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    with torch.no_grad():
        model.get_output_embeddings().weight *= SHARPNESS
    model.eval()


def examine(model: "PreTrainedModel", teacher: Teacher) -> None:
    """Check that the model says what it was taught, over passages that it has not seen.

    Raises:
        RuntimeError: it does not.
    """
    for lesson in KNOWN:
        for most_chars in (20, 100, 500, 2000):
            prompt = teacher.prompt(lesson.question, most_chars, is_bare=most_chars == 20)
            said = say(model, teacher.tokenizer, prompt, lesson.answer)
            is_right = (
                said.startswith(lesson.answer) if lesson.is_endless else said == lesson.answer
            )
            if not is_right:
                raise RuntimeError(f"the training failed: {lesson.question!r} is answered {said!r}")


def say(
    model: "PreTrainedModel",
    tokenizer: "PreTrainedTokenizerFast",
    prompt: list[int],
    expected: str,
) -> str:
    """Return the model's likeliest answer, cut one token after the length of the expected one."""
    import torch

    max_tokens = len(tokenizer(expected)["input_ids"]) + 1
    inputs = torch.tensor([prompt])
    output = model.generate(
        inputs,
        attention_mask=torch.ones_like(inputs),
        max_new_tokens=max_tokens,
        do_sample=False,
    )
    return str(tokenizer.decode(output[0, len(prompt) :], skip_special_tokens=True))


def make_trained_model(folder: Path) -> Path:
    """Train, examine and write the checkpoint into the folder, and return it.

    Raises:
        RuntimeError: the training did not converge.
    """
    import torch
    from transformers import AutoTokenizer

    family = FAMILIES["qwen2"]
    made = make_tokenizer(family)
    made.model_max_length = CONTEXT_TOKENS
    made.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)  # splits as the worker's will
    with torch.random.fork_rng(), one_thread():
        torch.manual_seed(SEED)
        model = make_model(
            family,
            tokenizer,
            initializer_range=0.05,
            max_position_embeddings=CONTEXT_TOKENS,
            use_sliding_window=True,
            sliding_window=WINDOW,
            max_window_layers=0,
        )
        teacher = Teacher(tokenizer)
        train(model, teacher)
        examine(model, teacher)
    return save_checkpoint(model, tokenizer, folder)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread: beside busy processes, two that wait for each other crawl."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@pytest.fixture(scope="session")
def trained_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the trained checkpoint; do not change it."""
    return make_trained_model(tmp_path_factory.mktemp("trained") / "zhiwen-tiny")
