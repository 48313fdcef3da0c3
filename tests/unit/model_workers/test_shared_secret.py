"""The shared secret: minted once, private, the same for everybody."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from configs import Settings
from server.model_workers.shared_secret import prove, secret_file, shared_secret
from tests.conftest import make_settings


def test_the_secret_of_the_settings_wins(tmp_path: Path) -> None:
    settings = make_settings(tmp_path, workers={"secret": "a chosen secret"})
    assert shared_secret(settings) == "a chosen secret"
    assert not secret_file(settings.paths.data).exists()


def test_a_minted_secret_stays_the_same(settings: Settings) -> None:
    assert len(shared_secret(settings)) >= 32
    assert shared_secret(settings) == shared_secret(settings)


def test_only_the_user_may_read_it(settings: Settings) -> None:
    shared_secret(settings)
    assert stat.S_IMODE(secret_file(settings.paths.data).stat().st_mode) == 0o600


def test_those_who_come_together_get_the_same(settings: Settings) -> None:
    with ThreadPoolExecutor(8) as pool:
        secrets = set(pool.map(lambda _: shared_secret(settings), range(32)))
    assert len(secrets) == 1


def test_a_proof_is_that_of_one_secret_and_one_nonce() -> None:
    assert prove("Jefe", "what do ya want for nothing?") == (  # RFC 4231, test case 2
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )
