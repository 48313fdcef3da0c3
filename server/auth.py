"""API keys: minted once, stored as hashes, compared in constant time. Knows no routes."""

import hashlib
import hmac
import secrets

from sqlalchemy import select

from server.db.database import Database
from server.db.models import KeyRow

FIRST = "first"  # name of the key that is minted at the first start


def hash_key(key: str) -> str:
    """Return what is stored of a key; keys are long and random, so one round suffices."""
    return hashlib.sha256(key.encode()).hexdigest()


class KeyStore:
    """Knows which keys are valid: those in SQL and those that the settings give."""

    def __init__(self, database: Database, given: tuple[str, ...]) -> None:
        """Take the keys from the settings and of the supervisor; empty ones do not count."""
        self.database = database
        self._given = tuple(hash_key(key) for key in given if key)
        self._stored: tuple[str, ...] = ()

    def load(self) -> None:
        """Read the stored keys."""
        with self.database.read() as session:
            self._stored = tuple(session.scalars(select(KeyRow.sha256)))

    def mint_first(self) -> str | None:
        """Make a key if none is stored, and return it: the only time that it can be read."""
        with self.database.write() as session:
            if session.scalar(select(KeyRow.id).limit(1)) is not None:
                return None
            key = f"zw-{secrets.token_urlsafe(24)}"
            session.add(KeyRow(name=FIRST, sha256=hash_key(key)))
        self.load()
        return key

    def is_valid(self, key: str) -> bool:
        """Return whether a key may use the service; takes as long for a wrong one."""
        offered = hash_key(key)
        matches = [hmac.compare_digest(offered, known) for known in self._given + self._stored]
        return any(matches)
