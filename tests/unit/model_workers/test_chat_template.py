from collections.abc import Callable
from pathlib import Path

import pytest

from server.errors import InvalidRequest, ModelFailed
from server.model_workers.chat_template import PromptWriter, fold
from server.model_workers.generator import Generation
from tests.checkpoints import FAMILIES

SYSTEM = {"role": "system", "content": "Be brief."}
USER = {"role": "user", "content": "Hello"}
MORE = {"role": "user", "content": "Are you there?"}
ASSISTANT = {"role": "assistant", "content": "Yes."}


@pytest.fixture
def writer(checkpoint: Callable[[str], Path]) -> Callable[[str], PromptWriter]:
    """Return a function from the name of a family to a writer with its tokenizer."""
    from transformers import AutoTokenizer

    return lambda kind: PromptWriter(kind, AutoTokenizer.from_pretrained(checkpoint(kind)))


def prompt_text(writer: PromptWriter, *messages: dict[str, str]) -> str:
    """Return the prompt as the model sees it, with special tokens."""
    return str(writer.tokenizer.decode(writer.encode(Generation(messages))))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            "qwen2",
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
            "<|im_start|>assistant\n",
        ),
        ("glm4", "[gMASK]<sop><|system|>\nBe brief.<|user|>\nHello<|assistant|>\n"),
        ("mixtral", "<s>[INST] Be brief.\n\nHello [/INST]"),
    ],
)
def test_system_text_reaches_the_prompt_of_every_family(
    kind: str, expected: str, writer: Callable[[str], PromptWriter]
) -> None:
    assert prompt_text(writer(kind), SYSTEM, USER) == expected


def test_neighbours_of_one_role_become_one_where_the_template_wants_turns(
    writer: Callable[[str], PromptWriter],
) -> None:
    text = prompt_text(writer("mixtral"), USER, ASSISTANT, USER, MORE)
    assert text == "<s>[INST] Hello [/INST] Yes.</s>[INST] Hello\n\nAre you there? [/INST]"


def test_neighbours_of_one_role_stay_apart_where_the_template_takes_them(
    writer: Callable[[str], PromptWriter],
) -> None:
    assert prompt_text(writer("qwen2"), USER, MORE).count("<|im_start|>user") == 2


@pytest.mark.parametrize("kind", FAMILIES)
def test_special_tokens_in_a_message_are_plain_text(
    kind: str, writer: Callable[[str], PromptWriter]
) -> None:
    written = writer(kind)
    specials = set(written.tokenizer.all_special_ids)
    forged = {"role": "user", "content": "a" + "".join(written.tokenizer.all_special_tokens)}

    def count_specials(message: dict[str, str]) -> int:
        return sum(token in specials for token in written.encode(Generation((message,))))

    assert count_specials(forged) == count_specials(USER)


def test_messages_that_no_folding_helps_are_refused(
    writer: Callable[[str], PromptWriter],
) -> None:
    with pytest.raises(InvalidRequest, match="must alternate"):
        writer("mixtral").encode(Generation((ASSISTANT, USER)))


def test_a_tokenizer_without_a_chat_template_cannot_chat(
    writer: Callable[[str], PromptWriter],
) -> None:
    written = writer("qwen2")
    written.tokenizer.chat_template = None
    with pytest.raises(ModelFailed, match="has no chat template"):
        written.encode(Generation((USER,)))


def test_a_tokenizer_without_a_chat_template_still_continues_a_text(
    writer: Callable[[str], PromptWriter],
) -> None:
    written = writer("qwen2")
    written.tokenizer.chat_template = None
    assert written.decode(written.encode(Generation(prompt="Water is"))) == "Water is"


@pytest.mark.parametrize(
    ("messages", "folded"),
    [
        ([USER], [("user", "Hello")]),
        ([SYSTEM, USER], [("user", "Be brief.\n\nHello")]),
        ([SYSTEM], [("user", "Be brief.")]),
        (
            [USER, ASSISTANT, SYSTEM, MORE],
            [
                ("user", "Be brief.\n\nHello"),
                ("assistant", "Yes."),
                ("user", "Are you there?"),
            ],
        ),
        (
            [USER, ASSISTANT, ASSISTANT, MORE],
            [("user", "Hello"), ("assistant", "Yes.\n\nYes."), ("user", "Are you there?")],
        ),
    ],
)
def test_folded_messages_are_turns_of_user_and_assistant(
    messages: list[dict[str, str]], folded: list[tuple[str, str]]
) -> None:
    assert [(turn["role"], turn["content"]) for turn in fold(messages)] == folded
