"""How a loaded model turns a prompt into tokens. Knows neither requests in turn nor texts."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from server.model_workers.chat_template import PromptWriter
from server.model_workers.generator import Generation

if TYPE_CHECKING:
    import torch
    from transformers import GenerationConfig


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that can be used."""

    model: Any  # a PreTrainedModel, whose generate is not typed in a way that helps
    prompts: PromptWriter
    context_tokens: int
    ends: frozenset[int]  # the tokens with which it ends its turn


def configure(loaded: Loaded, generation: Generation, max_tokens: int) -> "GenerationConfig":
    """Return the model's own generation settings with those of a request."""
    config: GenerationConfig = copy.deepcopy(loaded.model.generation_config)
    is_greedy = generation.temperature <= 0
    config.update(  # type: ignore[no-untyped-call]
        max_length=None,
        max_new_tokens=max_tokens,
        num_beams=1,
        do_sample=not is_greedy,
        temperature=None if is_greedy else generation.temperature,
        top_p=None if is_greedy else generation.top_p,
        # 0 is "all"; transformers would take the 50 likeliest where a model says nothing
        top_k=None if is_greedy else config.top_k or 0,
        eos_token_id=sorted(loaded.ends),
        pad_token_id=min(loaded.ends, default=0),  # never used, as there is one row
    )
    return config


def sow(seed: int | None) -> None:
    """Seed the random numbers of the sampling; None: by chance."""
    import torch

    if seed is None:
        torch.seed()
    else:
        torch.manual_seed(seed % 2**63)


def run(
    loaded: Loaded, prompt: list[int], config: "GenerationConfig", follow: Callable[[int], bool]
) -> None:
    """Generate; ``follow`` gets each token and says whether that was enough."""
    import torch
    from transformers import StoppingCriteriaList

    def is_enough(tokens: "torch.Tensor", *_: object, **__: object) -> "torch.Tensor":
        return torch.tensor([follow(int(tokens[0, -1]))], device=tokens.device)

    inputs = torch.tensor([prompt], device=loaded.model.device)
    loaded.model.generate(
        inputs,
        attention_mask=torch.ones_like(inputs),
        generation_config=config,
        stopping_criteria=StoppingCriteriaList([is_enough]),
    )
