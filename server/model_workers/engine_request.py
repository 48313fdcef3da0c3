"""Requests and answers in the shape that engines share. Knows no connections."""

from typing import Any

from server.model_workers.generator import FinishReason, Generation

BYTES_PER_TOKEN = 3


def write_request(model: str, generation: Generation) -> tuple[str, dict[str, Any]]:
    """Return path and body of the request for a generation."""
    options = {
        "max_tokens": generation.max_tokens,
        "stop": list(generation.stop),
        "seed": generation.seed,
        "chat_template_kwargs": dict(generation.template_values),
    }
    body = {
        "model": model,
        "temperature": generation.temperature,
        "top_p": generation.top_p,
        "stream": True,
        "stream_options": {"include_usage": True},
        # Not every engine knows every field: what says nothing stays away.
        **{name: value for name, value in options.items() if value not in (None, [], {})},
    }
    if generation.prompt is None:
        messages = [dict(turn) for turn in generation.messages]
        return "chat/completions", {**body, "messages": messages}
    return "completions", {**body, "prompt": generation.prompt}


def estimate_tokens(generation: Generation) -> int:
    """Return about how long a prompt is: engines do not agree on a way to ask them."""
    texts = [generation.prompt or "", *(turn["content"] for turn in generation.messages)]
    return sum(-(-len(text.encode()) // BYTES_PER_TOKEN) for text in texts)


def read_text(choice: dict[str, Any]) -> str | None:
    """Return the new text of a choice, "" for a thought that is not shown, None for neither."""
    delta = choice.get("delta") or {}
    if text := choice.get("text") or delta.get("content"):
        return str(text)
    is_thought = delta.get("reasoning_content") or delta.get("reasoning")  # vLLM has had both
    return "" if is_thought else None


def read_finish(choice: dict[str, Any]) -> FinishReason | None:
    """Return why the text ended, None if it has not."""
    reason = choice.get("finish_reason")
    return None if reason is None else "length" if reason == "length" else "stop"


def message_of(error: object) -> str:
    """Return the message of an error in OpenAI's or another shape."""
    text = error.get("message", error) if isinstance(error, dict) else error
    return str(text).strip()[:500]
