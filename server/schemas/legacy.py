"""Requests of the 0.2.x routes, with their names and defaults; fields not known are ignored."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from server.schemas.fields import (
    KbName,
    MaxTokens,
    Question,
    Temperature,
    Text,
    Threshold,
    TopK,
    Turn,
)

ROLES = {"ai": "assistant", "human": "user"}


def read_turn(value: Any) -> Any:  # anything that JSON can hold
    """Turn a pair [role, content] into a turn, and the role names of LangChain into ours."""
    if isinstance(value, (list, tuple)) and len(value) == 2:
        value = {"role": value[0], "content": value[1]}
    if isinstance(value, dict) and isinstance(value.get("role"), str):
        return {**value, "role": ROLES.get(value["role"], value["role"])}
    return value


LegacyTurn = Annotated[Turn, BeforeValidator(read_turn)]


class CreateKnowledgeBase(BaseModel):
    """A new knowledge base."""

    knowledge_base_name: KbName
    vector_store_type: Literal["faiss"] = "faiss"
    embed_model: Text | None = None
    kb_info: Text = Field(default="", max_length=2000)


class DeleteKnowledgeBase(BaseModel):
    """The name of a knowledge base; the bare string is accepted too."""

    knowledge_base_name: KbName


class DeleteDocs(BaseModel):
    """Files to remove from a knowledge base."""

    knowledge_base_name: KbName
    file_names: list[Text] = Field(min_length=1, max_length=10_000)
    delete_content: bool = False
    not_refresh_vs_cache: bool = False


class SearchDocs(BaseModel):
    """A search in one knowledge base."""

    query: Text = ""
    knowledge_base_name: KbName
    top_k: TopK = 3
    score_threshold: Threshold | None = None
    file_name: Text = ""
    metadata: dict[str, Any] = Field(default_factory=dict, max_length=0)  # no filters yet


class Generation(BaseModel):
    """What the chat routes share."""

    query: Question
    history: list[LegacyTurn] = Field(default_factory=list, max_length=1000)
    stream: bool = False
    model_name: Text | None = None
    temperature: Temperature | None = None
    max_tokens: MaxTokens | None = None
    prompt_name: Text = "default"


class KnowledgeBaseChat(Generation):
    """A question to a knowledge base."""

    knowledge_base_name: KbName
    top_k: TopK = 3
    score_threshold: Threshold | None = None


class Chat(Generation):
    """A question to the language model."""

    conversation_id: str = Field(default="", max_length=32)
    history_len: int = Field(default=-1, ge=-1, le=1000)
    history: int | list[LegacyTurn] = []  # type: ignore[assignment]  # 0.2.x takes a number too
