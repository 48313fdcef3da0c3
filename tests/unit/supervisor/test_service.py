"""Where services are reached."""

import pytest

from server.network import base_url


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:7861"),
        ("localhost", "http://localhost:7861"),
        ("0.0.0.0", "http://127.0.0.1:7861"),
        ("::", "http://[::1]:7861"),
        ("::1", "http://[::1]:7861"),
        ("192.0.2.5", "http://192.0.2.5:7861"),
    ],
)
def test_a_bind_address_becomes_one_that_can_be_asked(host: str, expected: str) -> None:
    assert base_url(host, 7861) == expected
