"""Messages between the API and its embedding process: a header in JSON, then raw bytes.

Knows nothing of models. Nothing that arrives is ever executed, which rules out pickle.
"""

import json
import socket
import struct
from collections.abc import Mapping
from typing import Any

LENGTHS = struct.Struct("!QQ")  # of the header and of the body, in bytes
MAX_BYTES = 1 << 30  # more than any portion needs: a torn length must not ask for all memory


def send_frame(connection: socket.socket, header: Mapping[str, Any], body: bytes = b"") -> None:
    """Send one message.

    Raises:
        OSError: the other side is gone; ``TimeoutError`` if it does not read.
    """
    encoded = json.dumps(header).encode()
    connection.sendall(LENGTHS.pack(len(encoded), len(body)) + encoded + body)


def receive_frame(connection: socket.socket) -> tuple[Mapping[str, Any], bytes]:
    """Return the next message.

    Raises:
        EOFError: the other side closed the connection.
        OSError: it broke; ``TimeoutError`` if nothing comes.
        ValueError: it sent something else than a message.
    """
    lengths = LENGTHS.unpack(receive_exactly(connection, LENGTHS.size))
    if max(lengths) > MAX_BYTES:
        raise ValueError(f"a message of {max(lengths)} bytes")
    header = json.loads(receive_exactly(connection, lengths[0]))
    if not isinstance(header, dict):
        raise ValueError("a header that is no object")
    return header, receive_exactly(connection, lengths[1])


def receive_exactly(connection: socket.socket, count: int) -> bytes:
    """Return that many bytes, waiting for them."""
    content = bytearray(count)
    missing = memoryview(content)
    while missing:
        read = connection.recv_into(missing)
        if not read:
            raise EOFError("the connection was closed")
        missing = missing[read:]
    return bytes(content)
