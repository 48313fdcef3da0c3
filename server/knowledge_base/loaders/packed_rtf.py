"""Unpacks RTF as Outlook packs it ([MS-OXRTFCP]). Knows neither RTF nor messages."""

import struct

PACKED, PLAIN = 0x75465A4C, 0x414C454D  # "LZFu" and "MELA"
WINDOW = 4096
# What the window holds at first, by the standard.
BEGIN = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss "
    b"\\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier"
    b"{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)


def unpack_rtf(packed: bytes) -> bytes:
    """Return the RTF; it is at most nine times as long as what is packed.

    Raises:
        ValueError: it is not packed so.
        struct.error: it is too short for that.
    """
    _, size, kind, _ = struct.unpack_from("<IIII", packed)
    if kind == PLAIN:
        return packed[16 : 16 + size]
    if kind != PACKED:
        raise ValueError("not RTF as Outlook packs it")
    window = bytearray(BEGIN.ljust(WINDOW, b" "))
    out = bytearray()
    write, place = len(BEGIN), 16
    while place < len(packed):
        flags = packed[place]
        place += 1
        for bit in range(8):
            if flags >> bit & 1:
                if place + 2 > len(packed):
                    return bytes(out[:size])
                token = int.from_bytes(packed[place : place + 2], "big")
                place += 2
                start, length = token >> 4, (token & 15) + 2
                if start == write:  # the end
                    return bytes(out[:size])
                copied = (window[(start + step) % WINDOW] for step in range(length))
            else:
                copied = (byte for byte in packed[place : place + 1])
                place += 1
            for byte in copied:
                window[write] = byte
                write = (write + 1) % WINDOW
                out.append(byte)
    return bytes(out[:size])
