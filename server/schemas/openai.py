"""Requests in OpenAI's shape, reduced to what the models served here can honour.

Knows no routes and no workers.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from server.schemas.fields import Text

# What does not change the answer may come along; clients send it on their own.
HARMLESS = frozenset(
    {
        *("user", "metadata", "store", "service_tier", "safety_identifier"),
        *("prompt_cache_key", "prompt_cache_retention", "parallel_tool_calls"),
    }
)
# Fields that are not supported, but say nothing with these values; None and [] never do.
NEUTRAL: dict[str, tuple[Any, ...]] = {
    "n": (1,),
    "best_of": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "echo": (False,),
    "suffix": ("",),
    "presence_penalty": (0,),
    "frequency_penalty": (0,),
    "repetition_penalty": (1,),
    "top_k": (-1, 0),
    "min_p": (0,),
    "logit_bias": ({},),
    "response_format": ({"type": "text"},),
    "tool_choice": ("none", "auto"),
    "modalities": (["text"],),
}
MAX_STOPS = 16
TokenLimit = Annotated[int, Field(ge=1)]


def drop_neutral(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request body without the fields that change nothing."""
    return {
        name: value
        for name, value in body.items()
        if value not in (None, []) and name not in HARMLESS and value not in NEUTRAL.get(name, ())
    }


def unwrap_single(prompt: object) -> object:
    """Return the prompt in a list of one; clients send those."""
    return prompt[0] if isinstance(prompt, list) and len(prompt) == 1 else prompt


class OpenAIRequest(BaseModel):
    """A body as ``drop_neutral`` leaves it; what is unknown then is refused by name."""

    model_config = ConfigDict(extra="forbid", strict=True)


class TextPart(BaseModel):
    """A part of a message; pictures and sound are refused."""

    type: Literal["text"]
    text: Text


class Message(BaseModel):
    """A message of a chat; what clients echo of our own answers is left aside."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[list[TextPart], Field(min_length=1)]

    def as_text(self) -> dict[str, str]:
        """Return role and text, as the workers take them."""
        parts = self.content
        text = parts if isinstance(parts, str) else "\n".join(part.text for part in parts)
        return {"role": "system" if self.role == "developer" else self.role, "content": text}


class StreamOptions(BaseModel):
    """What a stream holds beside the text."""

    include_usage: bool = False


class GenerationRequest(OpenAIRequest):
    """What chats and completions have in common."""

    model: Text
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] = 0.7
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    stop: Text | Annotated[list[Text], Field(max_length=MAX_STOPS)] = ""
    seed: int | None = None
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()

    @property
    def stops(self) -> tuple[str, ...]:
        """The texts that end the generation."""
        stops = (self.stop,) if isinstance(self.stop, str) else self.stop
        return tuple(filter(None, stops))


class ChatRequest(GenerationRequest):
    """``POST /v1/chat/completions``."""

    messages: Annotated[list[Message], Field(min_length=1)]
    max_tokens: TokenLimit | None = None
    max_completion_tokens: TokenLimit | None = None  # the newer name of the same
    chat_template_kwargs: dict[str, Any] = {}


class CompletionRequest(GenerationRequest):
    """``POST /v1/completions``."""

    prompt: Annotated[Text, BeforeValidator(unwrap_single)]
    max_tokens: TokenLimit = 16  # OpenAI's default
