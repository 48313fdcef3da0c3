"""``/api/v1/conversations``: questions and answers that belong together."""

from typing import Annotated

from fastapi import APIRouter, Query

from server.chat.conversations import Conversation as Stored
from server.routes.chat import describe_message
from server.routes.dependencies import Objects
from server.routes.errors import ERRORS
from server.schemas.native import (
    Conversation,
    ConversationWithMessages,
    CreateConversation,
    RenameConversation,
)

router = APIRouter(prefix="/api/v1/conversations", tags=["conversations"], responses=ERRORS)


@router.get("", summary="List conversations")
def list_conversations(
    objects: Objects,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> list[Conversation]:
    """Return conversations, the one used last first."""
    found = objects.conversations.list_newest(limit=limit, offset=offset)
    return [describe_conversation(each) for each in found]


@router.post("", status_code=201, summary="Begin a conversation")
def create_conversation(objects: Objects, body: CreateConversation) -> Conversation:
    """Begin an empty conversation; its id goes with each question."""
    return describe_conversation(objects.conversations.create(**body.model_dump()))


@router.get("/{conversation_id}", summary="Show a conversation")
def show_conversation(objects: Objects, conversation_id: str) -> ConversationWithMessages:
    """Return a conversation with its questions and answers."""
    found, rows = objects.conversations.read(conversation_id)
    return ConversationWithMessages(
        **describe_conversation(found).model_dump(), items=[describe_message(row) for row in rows]
    )


@router.patch("/{conversation_id}", summary="Rename a conversation")
def rename_conversation(
    objects: Objects, conversation_id: str, body: RenameConversation
) -> Conversation:
    """Give a conversation another title."""
    return describe_conversation(objects.conversations.rename(conversation_id, body.title))


@router.delete("/{conversation_id}", status_code=204, summary="Delete a conversation")
def delete_conversation(objects: Objects, conversation_id: str) -> None:
    """Delete a conversation with its questions and answers."""
    objects.conversations.delete(conversation_id)


def describe_conversation(stored: Stored) -> Conversation:
    """Return a conversation as it is shown."""
    row = stored.row
    return Conversation(
        id=row.id,
        title=row.title,
        knowledge_base=row.knowledge_base,
        messages=stored.messages,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )
