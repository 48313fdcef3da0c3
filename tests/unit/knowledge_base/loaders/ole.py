"""Makes OLE files: Outlook messages and old Excel workbooks. Knows no loader."""

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import Union

Tree = Mapping[str, Union[bytes, "Tree"]]  # streams, and folders of them
Value = Union[str, bytes, int, datetime, "Tree"]

SECTOR, SMALL, LEAST = 512, 64, 4096  # streams shorter than the last are kept in small sectors
FREE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def padded(data: bytes, size: int) -> bytes:
    return data + bytes(-len(data) % size)


def chain(first: int, count: int) -> list[int]:
    return [*range(first + 1, first + count), END] if count else []


class OleFile:
    """An OLE file of version 3 being made."""

    def __init__(self, tree: Tree) -> None:
        self.entries: list[list[object]] = []  # name, kind, child, start, size, right
        self.small, self.small_fat = b"", list[int]()
        self.large: list[tuple[int, bytes]] = []  # entry and content
        self.add("Root Entry", 5, tree)

    def add(self, name: str, kind: int, content: "bytes | Tree") -> int:
        number = len(self.entries)
        entry: list[object] = [name, kind, FREE, 0, 0, FREE]
        self.entries.append(entry)
        if isinstance(content, bytes):
            entry[4] = len(content)
            if len(content) >= LEAST:
                self.large.append((number, padded(content, SECTOR)))
            elif content:
                entry[3] = len(self.small_fat)
                self.small_fat += chain(len(self.small_fat), -(-len(content) // SMALL))
                self.small += padded(content, SMALL)
            return number
        ordered = sorted(content.items(), key=lambda item: (len(item[0]), item[0].upper()))
        inside = [
            self.add(key, 2 if isinstance(value, bytes) else 1, value) for key, value in ordered
        ]
        for left, right in pairwise(inside):
            self.entries[left][5] = right  # a tree that only grows to the right
        entry[2] = inside[0] if inside else FREE
        return number

    def directory(self) -> bytes:
        made = b""
        for name, kind, child, start, size, right in self.entries:
            text = f"{name}\0".encode("utf-16-le")
            made += text.ljust(64, b"\0") + struct.pack("<HBB", len(text), kind, 1)
            made += struct.pack("<III", FREE, right, child) + bytes(36)
            made += struct.pack("<IQ", start, size)
        return padded(made, SECTOR)

    def pack(self) -> bytes:
        small_fat = padded(struct.pack(f"<{len(self.small_fat)}I", *self.small_fat), SECTOR)
        small = padded(self.small, SECTOR)
        self.entries[0][4] = len(self.small)
        contents = [self.directory(), small_fat, small, *(data for _, data in self.large)]
        counts = [len(content) // SECTOR for content in contents]
        fat_count = 1
        while (sum(counts) + fat_count) * 4 > fat_count * SECTOR:
            fat_count += 1
        fat, starts = [FAT] * fat_count, []
        for count in counts:
            starts.append(len(fat) if count else END)
            fat += chain(len(fat), count)
        self.entries[0][3] = starts[2]
        for (number, _), start in zip(self.large, starts[3:], strict=True):
            self.entries[number][3] = start
        contents[0] = self.directory()  # now that it is known where all is
        table = struct.pack(f"<{len(fat)}I", *fat).ljust(fat_count * SECTOR, b"\xff")
        head = struct.pack(
            "<8s16x5H6x6I",
            *(bytes.fromhex("d0cf11e0a1b11ae1"), 0x3E, 3, 0xFFFE, 9, 6),
            *(0, fat_count, starts[0], 0, LEAST, starts[1]),
        )
        head += struct.pack("<3I", counts[1], END, 0)
        places = [*range(fat_count), *[FREE] * (109 - fat_count)]
        return head + struct.pack("<109I", *places) + table + b"".join(contents)


def make_ole(tree: Tree) -> bytes:
    return OleFile(tree).pack()


def folder(values: Mapping[int, Value], *, head: int, more: Tree | None = None) -> Tree:
    """Return a folder of Outlook: properties by their numbers, bytes for what is no text."""
    streams: dict[str, bytes | Tree] = dict(more or {})
    fixed = bytes(head)
    for number, value in values.items():
        if isinstance(value, int):
            kind, short = 0x0003, struct.pack("<Q", value)
        elif isinstance(value, datetime):
            ticks = int((value - datetime(1601, 1, 1, tzinfo=UTC)).total_seconds() * 10**7)
            kind, short = 0x0040, struct.pack("<Q", ticks)
        else:
            kind = 0x001F if isinstance(value, str) else 0x0102
            kind = kind if isinstance(value, (str, bytes)) else 0x000D
            data = value.encode("utf-16-le") if isinstance(value, str) else value
            short = struct.pack("<Q", len(data))
            streams[f"__substg1.0_{number:04X}{kind:04X}"] = data
        fixed += struct.pack("<HHI", kind, number, 6) + short
    return {**streams, "__properties_version1.0": fixed}


def message(
    values: Mapping[int, Value],
    *,
    to: Sequence[tuple[str, str]] = (),
    attached: Sequence[Mapping[int, Value]] = (),
    more: Tree | None = None,
    head: int = 24,
) -> Tree:
    """Return a message in a message; the outermost has a ``head`` of 32 bytes."""
    inside: dict[str, bytes | Tree] = dict(more or {})
    for number, (name, address) in enumerate(to):
        person = {0x3001: name, 0x39FE: address, 0x0C15: 1}
        inside[f"__recip_version1.0_#{number:08X}"] = folder(person, head=8)
    for number, item in enumerate(attached):
        inside[f"__attach_version1.0_#{number:08X}"] = folder(item, head=8)
    return folder(values, head=head, more=inside)


def make_msg(values: Mapping[int, Value], **changed: object) -> bytes:
    """Return the file of a message with these properties."""
    return make_ole(message(values, head=32, **changed))  # type: ignore[arg-type]


FORMATS = {"General": 0, "0.00%": 10, "yyyy-mm-dd": 164, '"¥"#,##0.00': 165, "00000": 166}


def record(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def wide(text: str, form: str) -> bytes:
    return struct.pack(form, len(text)) + b"\1" + text.encode("utf-16-le")


def cell(row: int, column: int, value: object, form: str) -> bytes:
    place = struct.pack("<HHH", row, column, [*FORMATS].index(form))
    if isinstance(value, bool):
        return record(0x0205, place + struct.pack("<BB", value, 0))
    if isinstance(value, date):
        value = (value - date(1899, 12, 30)).days
    if isinstance(value, (int, float)):
        return record(0x0203, place + struct.pack("<d", value))
    return record(0x0204, place + wide(str(value), "<H"))


def make_xls(
    sheets: Mapping[str, Sequence[Sequence[object]]],
    *,
    forms: Mapping[tuple[int, int], str] | None = None,
    merged: Sequence[tuple[int, int, int, int]] = (),
    hidden: Sequence[str] = (),
) -> bytes:
    """Return a workbook (BIFF8); ``merged`` are first and last row, first and last column."""
    begin = struct.pack("<HHHHII", 0x0600, 0x0005, 0x0DBB, 0x07CC, 0, 6)
    head = record(0x0809, begin) + record(0x0042, struct.pack("<H", 1200))
    for form, number in FORMATS.items():
        head += record(0x041E, struct.pack("<H", number) + wide(form, "<H"))
    for number in FORMATS.values():
        head += record(0x00E0, struct.pack("<HHH14x", 0, number, 1))
    bodies = []
    for rows in sheets.values():
        body = record(0x0809, begin.replace(b"\x05\x00", b"\x10\x00", 1))
        for row, values in enumerate(rows):
            for column, value in enumerate(values):
                if value is not None:
                    usual = "yyyy-mm-dd" if isinstance(value, date) else "General"
                    body += cell(row, column, value, (forms or {}).get((row, column), usual))
        areas = b"".join(struct.pack("<4H", *area) for area in merged)
        bodies.append(
            body + record(0x00E5, struct.pack("<H", len(merged)) + areas) + record(0x000A)
        )
    names = [wide(name, "<B") for name in sheets]
    start = len(head) + sum(4 + 6 + len(name) for name in names) + len(record(0x000A))
    for sheet, name, body in zip(sheets, names, bodies, strict=True):
        head += record(0x0085, struct.pack("<IBB", start, sheet in hidden, 0) + name)
        start += len(body)
    stream = head + record(0x000A) + b"".join(bodies)
    return make_ole({"Workbook": stream.ljust(LEAST, b"\0")})
