"""Stored answers with their sources and traces. Knows no models and no routes."""

from dataclasses import asdict
from typing import Any

from server.chat.events import Final
from server.db.database import Database
from server.db.models import ConversationRow, MessageRow, now
from server.errors import UnknownMessage

TITLE_CHARS = 60


class MessageStore:
    """Keeps every answer, so that it can be checked later."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def add(
        self,
        question: str,
        knowledge_base: str,
        sources: list[dict[str, Any]],
        final: Final,
        *,
        conversation_id: str | None = None,
    ) -> None:
        """Store an answer under ``final.message_id``, in its conversation if that still exists."""
        row = MessageRow(
            id=final.message_id,
            question=question,
            answer=final.answer,
            mode=final.mode,
            model=final.model,
            stopped=final.stopped,
            knowledge_base=knowledge_base,
            sources=sources,
            trace={
                **final.trace,
                "notice": final.notice,
                "grounded": final.grounded,
                "findings": [asdict(finding) for finding in final.findings],
                "cited_share": final.cited_share,
            },
        )
        with self.database.write("message") as session:
            if conversation := session.get(ConversationRow, conversation_id or ""):
                row.conversation_id = conversation.id
                conversation.title = conversation.title or shorten(question)
                conversation.knowledge_base = knowledge_base
                conversation.updated_at = now()
            session.add(row)

    def get(self, message_id: str) -> MessageRow:
        """Return a stored answer.

        Raises:
            UnknownMessage: there is none with that id.
        """
        with self.database.read() as session:
            row = session.get(MessageRow, message_id)
        if row is None:
            raise UnknownMessage(param="message_id", message_id=message_id[:100])
        return row


def shorten(question: str) -> str:
    """Return a question as the title of its conversation: one line, not too long."""
    line = " ".join(question.split())
    return line if len(line) <= TITLE_CHARS else f"{line[: TITLE_CHARS - 1].rstrip()}…"
