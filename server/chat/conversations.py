"""Conversations: stored questions and answers that belong together. Knows no models."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from server.db.database import Database
from server.db.models import ConversationRow, MessageRow
from server.errors import UnknownConversation
from server.llm.client import ChatTurn


@dataclass(frozen=True, slots=True)
class Conversation:
    """A conversation with the number of its messages."""

    row: ConversationRow
    messages: int


class ConversationStore:
    """Keeps conversations; safe to use from several threads."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def create(self, *, knowledge_base: str | None, title: str) -> Conversation:
        """Begin a conversation; a blank title is filled from its first question."""
        row = ConversationRow(
            id=secrets.token_hex(16), title=title.strip(), knowledge_base=knowledge_base
        )
        with self.database.write("conversation") as session:
            session.add(row)
        return Conversation(row, 0)

    def list_newest(self, *, limit: int, offset: int) -> list[Conversation]:
        """Return conversations, the one used last first."""
        counts = (
            select(func.count())
            .where(MessageRow.conversation_id == ConversationRow.id)
            .scalar_subquery()
        )
        wanted = (
            select(ConversationRow, counts)
            .order_by(ConversationRow.updated_at.desc(), ConversationRow.id)
            .limit(limit)
            .offset(offset)
        )
        with self.database.read() as session:
            return [Conversation(row, count) for row, count in session.execute(wanted)]

    def read(self, conversation_id: str) -> tuple[Conversation, Sequence[MessageRow]]:
        """Return a conversation with its messages, oldest first.

        Raises:
            UnknownConversation: there is none with that id.
        """
        with self.database.read() as session:
            row = find(session, conversation_id)
            rows = session.scalars(
                select(MessageRow)
                .where(belongs_to(conversation_id))
                .order_by(MessageRow.created_at, MessageRow.id)
            ).all()
        return Conversation(row, len(rows)), rows

    def rename(self, conversation_id: str, title: str) -> Conversation:
        """Give a conversation another title.

        Raises:
            UnknownConversation: there is none with that id.
        """
        with self.database.write("rename_conversation") as session:
            row = find(session, conversation_id)
            row.title = title.strip()
            count = session.scalar(
                select(func.count()).select_from(MessageRow).where(belongs_to(conversation_id))
            )
        return Conversation(row, count or 0)

    def delete(self, conversation_id: str) -> None:
        """Delete a conversation with its messages.

        Raises:
            UnknownConversation: there is none with that id.
        """
        with self.database.write("delete_conversation") as session:
            session.delete(find(session, conversation_id))

    def recall(self, conversation_id: str, *, limit: int) -> tuple[str | None, list[ChatTurn]]:
        """Return the knowledge base last asked and the last ``limit`` turns, oldest first.

        Raises:
            UnknownConversation: there is none with that id.
        """
        newest = (
            select(MessageRow)
            .where(belongs_to(conversation_id))
            .order_by(MessageRow.created_at.desc(), MessageRow.id.desc())
            .limit(limit // 2)
        )
        with self.database.read() as session:
            row = find(session, conversation_id)
            messages = reversed(session.scalars(newest).all())
            return row.knowledge_base, [
                turn
                for message in messages
                if message.answer
                for turn in (
                    ChatTurn("user", message.question),
                    ChatTurn("assistant", message.answer),
                )
            ]


def find(session: Session, conversation_id: str) -> ConversationRow:
    """Return the row of a conversation.

    Raises:
        UnknownConversation: there is none with that id.
    """
    row = session.get(ConversationRow, conversation_id)
    if row is None:
        raise UnknownConversation(param="conversation_id", conversation_id=conversation_id[:100])
    return row


def belongs_to(conversation_id: str) -> ColumnElement[bool]:
    """Return the condition for the messages of a conversation."""
    return MessageRow.conversation_id == conversation_id
