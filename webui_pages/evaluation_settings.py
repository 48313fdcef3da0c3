"""The retrieval settings that a run may have of its own. Knows no run."""

from typing import Any

import streamlit as st

from webui_pages.catalogue import text
from webui_pages.evaluation_client import EvaluationClient

# The settings that are numbers, with their limits; docs/settings.md explains each.
NUMBERS: dict[str, tuple[float, float]] = {
    "top_k": (1, 100),
    "candidates": (1, 1000),
    "lexical_weight": (0.0, 1.0),
    "sentence_weight": (0.0, 1.0),
    "sentence_vectors": (0, 100),
    "mmr_lambda": (0.0, 1.0),
    "score_threshold": (0.0, 2.0),
    "rerank_candidates": (1, 1000),
}
STEP = 0.05


def ask_settings(client: EvaluationClient) -> tuple[str, dict[str, Any]]:
    """Return the name of a run and the settings that differ from those in force."""
    in_force = client.status().settings["retrieval"]
    st.caption(text("evaluation.settings_help"))
    name = st.text_input(
        text("evaluation.run_name"), max_chars=100, help=text("evaluation.run_name_help")
    )
    left, right = st.columns(2)
    wanted: dict[str, Any] = {
        setting: ask_number(left if place % 2 == 0 else right, setting, in_force[setting])
        for place, setting in enumerate(NUMBERS)
    }
    wanted["min_relevance"] = ask_relevance(left, in_force["min_relevance"])
    wanted["reranker"] = ask_reranker(right, in_force)
    changed = {setting: value for setting, value in wanted.items() if value != in_force[setting]}
    return name.strip(), changed


def ask_number(column: Any, setting: str, value: float) -> float:  # Streamlit's own container
    """Return the value that is chosen for a setting."""
    low, high = NUMBERS[setting]
    kind = type(low)
    chosen: float = column.number_input(
        f"{describe(setting)} ({setting})",
        low,
        high,
        kind(value),
        step=STEP if kind is float else 1,
        key=f"evaluation_set_{setting}",
    )
    return round(chosen, 4) if kind is float else chosen


def ask_relevance(column: Any, value: float | str) -> float | str:  # Streamlit's own container
    """Return from which relevance on a question is answered: a number or "auto"."""
    written: str = column.text_input(
        f"{describe('min_relevance')} (min_relevance)",
        str(value),
        help=text("evaluation.min_relevance_help"),
        key="evaluation_set_min_relevance",
    ).strip()
    try:
        return float(written)
    except ValueError:
        return written or value  # what is no number but "auto" is refused by the API


def ask_reranker(column: Any, in_force: dict[str, Any]) -> str:  # Streamlit's own container
    """Return the name of the reranker that is chosen, "" for none."""
    value = in_force["reranker"]
    names = list(dict.fromkeys(["", value, *in_force["rerankers"]]))
    chosen: str = column.selectbox(
        f"{describe('reranker')} (reranker)",
        names,
        index=names.index(value),
        format_func=lambda name: name or text("evaluation.reranker_none"),
        help=text("evaluation.reranker_help"),
        accept_new_options=True,
        key="evaluation_set_reranker",
    )
    return chosen


def describe(setting: str) -> str:
    """Return what a setting does, in a few words."""
    return {
        "top_k": text("evaluation.set_top_k"),
        "candidates": text("evaluation.set_candidates"),
        "lexical_weight": text("evaluation.set_lexical_weight"),
        "sentence_weight": text("evaluation.set_sentence_weight"),
        "sentence_vectors": text("evaluation.set_sentence_vectors"),
        "mmr_lambda": text("evaluation.set_mmr_lambda"),
        "score_threshold": text("evaluation.set_score_threshold"),
        "rerank_candidates": text("evaluation.set_rerank_candidates"),
        "min_relevance": text("evaluation.set_min_relevance"),
        "reranker": text("evaluation.set_reranker"),
    }[setting]
