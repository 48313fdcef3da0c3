"""What a model worker serves: the contract between its HTTP side and a language model.

Knows neither FastChat nor any model library.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from configs.settings import ModelSettings

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Generation:
    """What is to be generated: a chat, or with ``prompt`` the continuation of a text.

    ``messages`` are OpenAI's, with texts as contents; what is None is left to the model.
    """

    messages: Sequence[Mapping[str, str]] = ()
    prompt: str | None = None
    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int | None = None  # None: what the context window has left
    stop: tuple[str, ...] = ()
    seed: int | None = None
    template_values: Mapping[str, Any] = field(default_factory=dict)  # chat_template_kwargs


@dataclass(frozen=True, slots=True)
class Piece:
    """The next piece of a generated text with the counts so far; the last has a finish reason."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: FinishReason | None = None


class Generator(Protocol):
    """A language model in this process or behind an engine.

    ``load`` and ``count`` block and are called in a thread; ``stream`` is async. All raise
    ``ModelFailed`` with a text for users, or ``PromptTooLong`` (server/errors.py).
    """

    @property
    def parallel(self) -> int:
        """How many generations may run at once; the others wait their turn."""
        return 1

    def load(self) -> None:
        """Make the model usable; logs what it is doing, may take minutes."""
        ...

    @property
    def context_tokens(self) -> int:
        """The context window in tokens, prompt and answer together; known after ``load``."""
        ...

    def count(self, generation: Generation) -> int:
        """Return how many tokens the prompt takes, the chat template included."""
        ...

    def stream(self, generation: Generation) -> AsyncGenerator[Piece]:
        """Yield the pieces as they are generated; closing the iterator ends the generation."""
        ...

    def close(self) -> None:
        """Give memory, threads and processes back."""
        ...


# What the table of workers holds: called with the name of the model and its settings.
GeneratorClass = Callable[[str, ModelSettings], Generator]
