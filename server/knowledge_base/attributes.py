"""What people say of knowledge bases and files. It changes no index, and so no revision.

Knows rows; does not know how they are searched.
"""

from collections.abc import Sequence
from typing import TypedDict, Unpack

from server.db.database import Database
from server.db.files import find_file
from server.db.knowledge_bases import find_kb
from server.db.models import FileRow
from server.knowledge_base.names import check_file_name


class KbChanges(TypedDict, total=False):
    """What to change of a knowledge base; what is left out stays."""

    info: str
    min_relevance: float | None  # None: as the settings say


def change_kb(database: Database, name: str, **changes: Unpack[KbChanges]) -> None:
    """Change what is said of a knowledge base, and from which relevance on it answers.

    Raises:
        UnknownKnowledgeBase: there is none.
    """
    with database.write("change_kb") as session:
        kb = find_kb(session, name)
        kb.info = changes.get("info", kb.info)
        kb.min_relevance = changes.get("min_relevance", kb.min_relevance)


def tag_file(database: Database, name: str, file_name: str, tags: Sequence[str]) -> FileRow:
    """Give a file these tags, sorted and without duplicates, and return it.

    Raises:
        UnknownKnowledgeBase, UnknownFile: there is none.
    """
    with database.write("tag_file") as session:
        row = find_file(session, find_kb(session, name), check_file_name(file_name))
        row.tags = list(tags) or None
        return row
