"""Prompts in tokens, by the chat template that comes with a tokenizer. Knows no model."""

import inspect
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError

from server.errors import InvalidRequest, ModelFailed
from server.model_workers.generator import Generation

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Messages = list[dict[str, str]]


class PromptWriter:
    """Encodes prompts and decodes answers; safe to use from several threads."""

    def __init__(self, name: str, tokenizer: "PreTrainedTokenizerBase") -> None:
        """Keep the tokenizer; ``name`` is the model's, for messages."""
        self.name = name
        self.tokenizer = tokenizer
        self._lock = threading.Lock()  # a tokenizer changes its own state while it encodes
        rendering = inspect.signature(tokenizer.apply_chat_template).parameters
        self._reserved = {*rendering, "messages", *tokenizer.special_tokens_map} - {"kwargs"}

    def encode(self, generation: Generation) -> list[int]:
        """Return the tokens of a prompt.

        Raises:
            ModelFailed: the tokenizer has no chat template.
            InvalidRequest: the template refuses the messages or its values.
        """
        if generation.prompt is not None:
            with self._lock:
                return list(self.tokenizer(generation.prompt)["input_ids"])
        self._check(generation)
        messages = [dict(message) for message in generation.messages]
        try:
            return self._render(messages, generation)
        except TemplateError:
            # Mixtral's and others' know no system text and want user and assistant in turn.
            folded = fold(messages)
        try:
            return self._render(folded, generation)
        except TemplateError as error:
            raise InvalidRequest(
                param="messages",
                problem_en=f"the chat template of {self.name!r} refuses the messages: {error}",
                problem_zh=f"模型 {self.name!r} 的对话模板不接受这些消息：{error}",
            ) from error

    def decode(self, tokens: Sequence[int]) -> str:
        """Return the text of tokens, without special ones."""
        with self._lock:
            return str(
                self.tokenizer.decode(
                    list(tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
                )
            )

    def _render(self, messages: Messages, generation: Generation) -> list[int]:
        with self._lock:
            encoded: Any = self.tokenizer.apply_chat_template(
                messages,
                add_generation_prompt=True,
                # What a document says must not open or close a turn.
                sanitize_control_tokens=True,
                **generation.template_values,
            )
        return list(encoded["input_ids"])

    def _check(self, generation: Generation) -> None:
        if not self.tokenizer.chat_template:
            raise ModelFailed(
                model=self.name,
                reason_en="its tokenizer has no chat template, so it cannot chat. Use the instruct "
                "or chat version of the model, or put a chat_template.jinja into its folder.",
                reason_zh="其分词器没有对话模板，无法对话。请使用该模型的 instruct 或 chat 版本，"
                "或在模型目录中放入 chat_template.jinja。",
            )
        taken = ", ".join(sorted(self._reserved & set(generation.template_values)))
        if taken:
            raise InvalidRequest(
                param="chat_template_kwargs",
                problem_en=f"chat_template_kwargs may not set {taken}.",
                problem_zh=f"chat_template_kwargs 不可设置 {taken}。",
            )


def fold(messages: Sequence[Mapping[str, str]]) -> Messages:
    """Return the messages without system ones, user and assistant in turn.

    System text opens the first turn as the user's; neighbours of one role become one.
    """
    system = [message["content"] for message in messages if message["role"] == "system"]
    folded: Messages = [{"role": "user", "content": "\n\n".join(system)}] if system else []
    for message in messages:
        role, content = message["role"], message["content"]
        if role == "system":
            continue
        if folded and folded[-1]["role"] == role:
            folded[-1]["content"] += f"\n\n{content}"
        else:
            folded.append({"role": role, "content": content})
    return folded
