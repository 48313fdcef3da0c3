"""What a model worker serves: the contract between its HTTP side and a language model.

Knows neither FastChat nor any model library.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from configs.model_settings import ModelSettings

FinishReason = Literal["stop", "length"]
Trouble = tuple[str, str]  # what is wrong, in English and in Chinese


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
    """The next piece of a generated text with the counts so far; the last has a finish reason.

    One without text is a sign of life, of a model that thinks before it speaks.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: FinishReason | None = None


class Generator(Protocol):
    """A language model in this process or behind an engine.

    ``load`` blocks and is called in a thread; ``stream`` and ``close`` are async. All raise
    ``ModelFailed`` with a text for users, or ``PromptTooLong`` (server/errors.py).
    """

    trouble: Trouble | None = None  # what keeps it from answering now; told during ``load`` too

    @property
    def parallel(self) -> int:
        """How many generations may run at once; the others wait their turn."""
        return 1

    def load(self) -> None:
        """Make the model usable; logs what it is doing, may take minutes."""
        ...

    def stream(self, generation: Generation) -> AsyncGenerator[Piece]:
        """Yield the pieces as they are generated; closing the iterator ends the generation."""
        ...

    async def close(self) -> None:
        """Give memory, threads, connections and processes back; ends a ``load`` that waits."""
        ...


# What the table of workers holds: called with the name of the model and its settings.
GeneratorClass = Callable[[str, ModelSettings], Generator]
