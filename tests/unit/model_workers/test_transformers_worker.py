import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from server.errors import InvalidRequest, ModelFailed, PromptTooLong
from server.model_workers import WORKERS
from server.model_workers.generator import Generation
from server.model_workers.transformers_worker import TransformersGenerator
from tests.checkpoints import CONTEXT_TOKENS, FAMILIES
from tests.trained_model import (
    LONG_QUESTION,
    LONG_UNIT,
    QUESTION_EN,
    QUESTION_ZH,
    SENTENCE_EN,
    SENTENCE_ZH,
)
from tests.unit.model_workers.generations import HELLO, chat, generate, loaded, text_of

LONG = 900  # tokens


@pytest.fixture(scope="module")
def models(checkpoint: Callable[[str], Path]) -> Iterator[Callable[[str], TransformersGenerator]]:
    """Return a function from the name of a family to its loaded model."""
    with ExitStack() as stack:

        @lru_cache
        def find(kind: str) -> TransformersGenerator:
            return stack.enter_context(loaded(checkpoint(kind)))

        yield find


@pytest.fixture(params=FAMILIES)
def model(
    request: pytest.FixtureRequest, models: Callable[[str], TransformersGenerator]
) -> TransformersGenerator:
    return models(request.param)


@pytest.fixture
def qwen(models: Callable[[str], TransformersGenerator]) -> TransformersGenerator:
    return models("qwen2")


@pytest.fixture
def glm(models: Callable[[str], TransformersGenerator]) -> TransformersGenerator:
    """Return the one that does not end by itself before LONG."""
    return models("glm4")


@pytest.fixture(scope="module")
def trained(trained_model: Path) -> Iterator[TransformersGenerator]:
    with loaded(trained_model) as generator:
        yield generator


def plain_generate(folder: Path, max_tokens: int) -> tuple[str, int, int]:
    """Return text, prompt tokens and new tokens of the library's own greedy generation."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder)
    inputs = tokenizer.apply_chat_template(
        list(HELLO), add_generation_prompt=True, return_tensors="pt"
    )
    output = model.generate(**inputs, max_new_tokens=max_tokens, do_sample=False)[0]
    prompt = inputs["input_ids"].shape[1]
    text = tokenizer.decode(output[prompt:], skip_special_tokens=True)
    return text, prompt, len(output) - prompt


def count_prompt(generator: TransformersGenerator, generation: Generation) -> int:
    """Return how many tokens a prompt takes."""
    return generate(generator, replace(generation, max_tokens=1))[-1].prompt_tokens


def test_the_table_of_workers_has_it() -> None:
    assert WORKERS.get("transformers") is TransformersGenerator


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_pieces_join_to_what_plain_generation_gives(
    kind: str,
    models: Callable[[str], TransformersGenerator],
    checkpoint: Callable[[str], Path],
) -> None:
    text, prompt_tokens, new_tokens = plain_generate(checkpoint(kind), 60)
    pieces = generate(models(kind), chat(max_tokens=60))
    assert text_of(pieces) == text.rstrip("\ufffd")
    assert (pieces[-1].prompt_tokens, pieces[-1].completion_tokens) == (prompt_tokens, new_tokens)


def test_only_the_last_piece_has_a_finish_reason(model: TransformersGenerator) -> None:
    *first, last = generate(model, chat())
    assert {piece.finish_reason for piece in first} == {None}
    assert last.finish_reason in ("stop", "length")


def test_pieces_come_token_by_token(model: TransformersGenerator) -> None:
    pieces = generate(model, chat())
    assert len(pieces) > pieces[-1].completion_tokens / 2  # some tokens are parts of characters


def test_a_stop_string_ends_the_answer_before_it(model: TransformersGenerator) -> None:
    whole = text_of(generate(model, chat()))
    stop = whole[9:13]  # over the borders of several tokens
    pieces = generate(model, chat(stop=(stop,)))
    assert text_of(pieces) == whole[: whole.index(stop)]
    assert pieces[-1].finish_reason == "stop"


def test_the_same_seed_gives_the_same_answer(model: TransformersGenerator) -> None:
    asked = chat(temperature=1.5, seed=11)
    assert text_of(generate(model, asked)) == text_of(generate(model, asked))


def test_another_seed_gives_another_answer(qwen: TransformersGenerator) -> None:
    asked = chat(temperature=1.5, seed=11)
    assert text_of(generate(qwen, asked)) != text_of(generate(qwen, replace(asked, seed=12)))


def test_without_a_seed_answers_differ_even_after_a_seeded_one(
    qwen: TransformersGenerator,
) -> None:
    def sample() -> str:
        generate(qwen, chat(temperature=1.5, seed=1, max_tokens=1))
        return text_of(generate(qwen, chat(temperature=1.5)))

    assert sample() != sample()


def test_a_top_p_of_almost_nothing_leaves_only_the_likeliest(qwen: TransformersGenerator) -> None:
    greedy = text_of(generate(qwen, chat()))
    assert text_of(generate(qwen, chat(temperature=1.5, top_p=1e-6))) == greedy


def test_a_prompt_is_continued_without_the_template(qwen: TransformersGenerator) -> None:
    asked = Generation(prompt="Water is", temperature=0, max_tokens=3)
    assert count_prompt(qwen, asked) < count_prompt(
        qwen, chat({"role": "user", "content": "Water is"})
    )
    assert generate(qwen, asked)[-1].completion_tokens == 3


def test_template_values_reach_the_template(qwen: TransformersGenerator) -> None:
    silent = chat(template_values={"enable_thinking": False})
    assert count_prompt(qwen, silent) > count_prompt(qwen, chat())


@pytest.mark.parametrize("name", ["chat_template", "tokenize", "messages", "eos_token"])
def test_template_values_cannot_replace_what_is_ours(
    name: str, qwen: TransformersGenerator
) -> None:
    with pytest.raises(InvalidRequest, match=name):
        generate(qwen, chat(template_values={name: "{{ 1 }}"}))


def test_a_prompt_that_leaves_no_room_is_refused(qwen: TransformersGenerator) -> None:
    with pytest.raises(PromptTooLong) as caught:
        generate(qwen, chat({"role": "user", "content": "水" * 2 * CONTEXT_TOKENS}))
    assert caught.value.values["limit"] == CONTEXT_TOKENS


def test_an_answer_ends_where_the_context_window_does(checkpoint: Callable[[str], Path]) -> None:
    with loaded(checkpoint("qwen2"), context_tokens=64) as small:
        last = generate(small, chat(max_tokens=None))[-1]  # type: ignore[arg-type]
    assert last.prompt_tokens + last.completion_tokens == 64
    assert last.finish_reason == "length"


def test_a_context_larger_than_the_model_was_made_for_is_not_used(
    checkpoint: Callable[[str], Path],
) -> None:
    with (
        loaded(checkpoint("qwen2"), context_tokens=10 * CONTEXT_TOKENS) as generator,
        pytest.raises(PromptTooLong) as caught,
    ):
        generate(generator, chat({"role": "user", "content": "水" * 2 * CONTEXT_TOKENS}))
    assert caught.value.values["limit"] == CONTEXT_TOKENS


def test_requests_at_the_same_time_get_their_own_answers(qwen: TransformersGenerator) -> None:
    asked = [chat({"role": "user", "content": word}) for word in ("one", "二", "three")]

    async def ask_all() -> list[str]:
        return await asyncio.gather(*(ask(qwen, generation) for generation in asked))

    assert asyncio.run(ask_all()) == [text_of(generate(qwen, each)) for each in asked]


async def ask(generator: TransformersGenerator, generation: Generation) -> str:
    return "".join([piece.text async for piece in generator.stream(generation)])


def count_forward_passes(generator: TransformersGenerator) -> list[int]:
    """Return a list that grows by one with each forward pass of the model."""
    passes: list[int] = []
    model: Any = generator._usable().model
    model.register_forward_hook(lambda *_: passes.append(1))
    return passes


def test_closing_the_iterator_ends_the_generation(glm: TransformersGenerator) -> None:
    passes = count_forward_passes(glm)

    async def leave_early() -> None:
        pieces = glm.stream(chat(max_tokens=LONG))
        async for piece in pieces:
            if piece.completion_tokens >= 5:
                break
        await pieces.aclose()
        await ask(glm, chat(max_tokens=1))  # its turn comes once the first has ended

    asyncio.run(leave_early())
    assert len(passes) < LONG / 2


def test_a_request_that_was_cancelled_in_the_queue_is_never_run(
    qwen: TransformersGenerator,
) -> None:
    async def give_up() -> int:
        first = asyncio.create_task(ask(qwen, chat(max_tokens=200)))
        second = asyncio.create_task(ask(qwen, chat(max_tokens=200)))
        await asyncio.sleep(0)
        second.cancel()
        await first
        passes = count_forward_passes(qwen)
        await ask(qwen, chat(max_tokens=1))
        return len(passes)

    assert asyncio.run(give_up()) == 1


def test_an_answer_that_is_cut_by_closing_the_generator_fails(
    checkpoint: Callable[[str], Path],
) -> None:
    async def close_early(generator: TransformersGenerator) -> None:
        async for _ in generator.stream(chat(max_tokens=LONG)):
            await generator.close()

    with loaded(checkpoint("glm4")) as generator, pytest.raises(ModelFailed, match="shut down"):
        asyncio.run(close_early(generator))


def test_a_model_that_is_not_loaded_says_so(checkpoint: Callable[[str], Path]) -> None:
    with loaded(checkpoint("qwen2")) as generator:
        pass
    with pytest.raises(ModelFailed, match="not loaded"):
        generate(generator, chat())


@pytest.mark.slow
@pytest.mark.parametrize("temperature", [0, 1])
@pytest.mark.parametrize(
    ("question", "sentence"), [(QUESTION_EN, SENTENCE_EN), (QUESTION_ZH, SENTENCE_ZH)]
)
def test_a_trained_model_says_what_it_learned(
    question: str, sentence: str, temperature: float, trained: TransformersGenerator
) -> None:
    pieces = generate(trained, chat({"role": "user", "content": question}, temperature=temperature))
    assert text_of(pieces) == sentence
    assert pieces[-1].finish_reason == "stop"


@pytest.mark.slow
def test_a_trained_model_goes_on_until_max_tokens(trained: TransformersGenerator) -> None:
    pieces = generate(trained, chat({"role": "user", "content": LONG_QUESTION}, max_tokens=300))
    assert text_of(pieces).startswith(LONG_UNIT * 10)
    assert (pieces[-1].finish_reason, pieces[-1].completion_tokens) == ("length", 300)
