"""What the installation remembers of itself, in SQL."""

from sqlalchemy.orm import Session

from server.db.models import FactRow


def read_fact(session: Session, name: str) -> str | None:
    """Return a fact, or None if it was never written."""
    row = session.get(FactRow, name)
    return row.value if row else None


def write_fact(session: Session, name: str, value: str) -> None:
    """Write a fact in place of the former one."""
    session.merge(FactRow(name=name, value=value))
