"""API keys: minted once, stored as hashes, compared in constant time. Knows no routes."""

import hashlib
import hmac
import secrets
from collections.abc import Callable

from sqlalchemy import delete, select

from server.db.database import Database
from server.db.models import KeyRow

FIRST = "first"  # name of the key that is minted at the first start


def hash_key(key: str) -> str:
    """Return what is stored of a key; keys are long and random, so one round suffices."""
    return hashlib.sha256(key.encode()).hexdigest()


class KeyStore:
    """Knows which keys are valid: the one that the settings give, else those in SQL."""

    def __init__(self, database: Database, *, chosen: str, internal: str) -> None:
        """Take the key of the settings and that of the supervisor; "" means there is none."""
        self.database = database
        self._given = tuple(hash_key(key) for key in (chosen, internal) if key)
        self._uses_stored = not chosen
        self._stored: tuple[str, ...] = ()

    def load(self) -> None:
        """Read the stored keys, unless the settings replace them."""
        if self._uses_stored:
            with self.database.read() as session:
                self._stored = tuple(session.scalars(select(KeyRow.sha256)))

    def mint_first(self, tell: Callable[[str], None]) -> None:
        """Make a key if none is stored, and tell it: the only time that it can be read."""
        with self.database.read() as session:
            if session.scalar(select(KeyRow.id).limit(1)) is not None:
                return
        self.mint(tell)

    def mint(self, tell: Callable[[str], None] | None = None) -> str:
        """Make a key in place of all that are stored, and return it.

        ``tell`` gets it before it counts: no crash leaves a key that nobody has seen.
        """
        key = f"zw-{secrets.token_urlsafe(24)}"
        with self.database.write("key") as session:
            session.execute(delete(KeyRow))
            session.add(KeyRow(name=FIRST, sha256=hash_key(key)))
            if tell is not None:
                tell(key)
        self.load()
        return key

    def is_valid(self, key: str) -> bool:
        """Return whether a key may use the service; takes as long for a wrong one."""
        offered = hash_key(key)
        matches = [hmac.compare_digest(offered, known) for known in self._given + self._stored]
        return any(matches)
