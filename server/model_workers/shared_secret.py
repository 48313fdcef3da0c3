"""The secret that controller, workers and endpoint share. Knows no requests."""

import fcntl
import hmac
import os
import secrets
from pathlib import Path

from configs import Settings

HEADER = "X-Zhiwen-Worker-Secret"
NONCE_HEADER = "X-Zhiwen-Nonce"
PROOF_HEADER = "X-Zhiwen-Proof"
PRIVATE_FILE = 0o600


def secret_file(data: Path) -> Path:
    """Return where the secret of a data folder is kept."""
    return data / ".run" / "workers.secret"


def shared_secret(settings: Settings) -> str:
    """Return the secret of the settings, else the one of the data folder, minted at first use."""
    return settings.workers.secret or read_or_mint(secret_file(settings.paths.data))


def prove(secret: str, nonce: str) -> str:
    """Return what shows the sender of a nonce that we know the secret, without telling it."""
    return hmac.digest(secret.encode(), nonce.encode(), "sha256").hex()


def read_or_mint(path: Path) -> str:
    """Return the secret in a file; whoever comes first writes it, the others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE_FILE)
    with os.fdopen(handle, "r+", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.fchmod(file.fileno(), PRIVATE_FILE)
        secret = file.read().strip()
        if not secret:
            secret = secrets.token_urlsafe(32)
            file.write(secret)
        return secret
