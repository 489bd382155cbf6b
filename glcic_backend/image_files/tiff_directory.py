"""The tag directories of TIFF 6.0 (section 2), which EXIF uses as well, read and written byte for byte."""

import struct
from dataclasses import dataclass
from typing import Literal

ByteOrder = Literal["<", ">"]
_ORDERS: tuple[ByteOrder, ByteOrder] = ("<", ">")

SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7
_SIZES = {1: 1, 2: 1, SHORT: 2, LONG: 4, RATIONAL: 8, 6: 1, UNDEFINED: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SIZES |= dict.fromkeys((16, 17, 18), 8)
_INTEGERS = {1: "B", SHORT: "H", LONG: "I", 6: "b", UNDEFINED: "B", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
LARGEST_CLASSIC_KIND = 13
"""Types above this are those of BigTIFF."""

_NESTED = {0x8769, 0x8825, 0xA005}
"""Tags whose value is another directory: EXIF, GPS, interoperability."""

_MOST_NESTED_BYTES = 16 << 20


@dataclass(frozen=True)
class Value:
    """One tag's value: its TIFF type, its bytes in the file's order, and where they lay in the file read."""

    kind: int
    raw: bytes
    position: int = -1


Directory = dict[int, "Value | Directory"]


def byte_order(data: bytes) -> ByteOrder:
    """The byte order of a TIFF or BigTIFF file or EXIF block. Raises ValueError for anything else."""
    for order in _ORDERS:
        if data[:4] in (header(order), _big_header(order)):
            return order
    raise ValueError("not a TIFF header")


def _big_header(order: ByteOrder) -> bytes:
    return b"II+\0" if order == "<" else b"MM\0+"


def header(order: ByteOrder) -> bytes:
    """The first four bytes of a TIFF file or EXIF block; the position of the first directory follows."""
    return b"II*\0" if order == "<" else b"MM\0*"


def follow(data: bytes, position: int | None = None) -> int:
    """The offset of a directory: that which the link at `position` leads to, 0 for none; None for the first link."""
    order = byte_order(data)
    is_big = data[:4] == _big_header(order)
    at = position if position is not None else 8 if is_big else 4
    (offset,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, at)
    return int(offset)


def read_directory(
    data: bytes, offset: int | None = None, visited: frozenset[int] = frozenset()
) -> tuple[Directory, int]:
    """Read a directory and those nested in it.

    Args:
        data: TIFF or BigTIFF file or EXIF block.
        offset: where the directory is; None for the first.
        visited: offsets of those that it is nested in.

    Returns:
        The directory, without tags of unknown type or beyond the end, and the position of the link to the next one. A
        nested directory that cannot be read stays the number that points to it.

    Raises:
        ValueError, struct.error: there is no directory, or its values have more bytes than the data: a bomb points to
            the same megabyte from thousands of tags.
    """
    order = byte_order(data)
    is_big = data[:4] == _big_header(order)
    counter, entry_form, inline, width = ("Q", "HHQ", 8, 20) if is_big else ("H", "HHI", 4, 12)
    offset = follow(data) if offset is None else offset
    (count,) = struct.unpack_from(order + counter, data, offset)
    begin = offset + struct.calcsize(order + counter)
    if begin + width * count > len(data):
        raise ValueError(f"a directory of {count} tags in {len(data)} bytes")
    directory: Directory = {}
    budget = min(len(data), _MOST_NESTED_BYTES) if visited else len(data)
    for entry in range(begin, begin + width * count, width):
        tag, kind, number = struct.unpack_from(order + entry_form, data, entry)
        size = _SIZES.get(kind, 0) * number
        position = entry + width - inline
        if size > inline:
            position = follow(data, position)
        if kind not in _SIZES or position + size > len(data) or tag in directory:
            continue
        budget -= size
        if budget < 0:
            raise ValueError(f"a directory of more than {len(data)} bytes")
        value = Value(kind, bytes(data[position : position + size]), position)
        nested = _nested(data, value, visited | {offset}) if tag in _NESTED else None
        directory[tag] = value if nested is None else nested
    return directory, begin + width * count


def _nested(data: bytes, value: Value, visited: frozenset[int]) -> Directory | None:
    if len(visited) > len(_NESTED):
        return None
    try:
        offset = integer(value, byte_order(data))
        return None if offset in visited else read_directory(data, offset, visited)[0]
    except (ValueError, struct.error):
        return None


def write_directory(directory: Directory, offset: int, order: ByteOrder) -> bytes:
    """Bytes of a directory, and of those nested in it, for a place `offset` bytes into the file (even)."""
    # A number that points to a directory would point anywhere in this file.
    directory = {tag: value for tag, value in directory.items() if tag not in _NESTED or isinstance(value, dict)}
    head = struct.pack(order + "H", len(directory))
    later = b""
    end = offset + 2 + 12 * len(directory) + 4
    for tag in sorted(directory):
        value = directory[tag]
        if isinstance(value, dict):
            nested = write_directory(value, end + len(later), order)
            head += struct.pack(order + "HHII", tag, LONG, 1, end + len(later))
            later += nested
            continue
        head += struct.pack(order + "HHI", tag, value.kind, len(value.raw) // _SIZES[value.kind])
        if len(value.raw) <= 4:
            head += value.raw.ljust(4, b"\0")
        else:
            head += struct.pack(order + "I", end + len(later))
            later += value.raw + b"\0" * (len(value.raw) % 2)
    return head + bytes(4) + later


def integers(value: "Value | Directory | None", order: ByteOrder) -> tuple[int, ...]:
    """Integers of any type, 0 or more. Raises ValueError if the value is something else, or missing."""
    if not isinstance(value, Value) or value.kind not in _INTEGERS:
        raise ValueError("not an integer")
    numbers = struct.unpack(f"{order}{len(value.raw) // _SIZES[value.kind]}{_INTEGERS[value.kind]}", value.raw)
    if any(number < 0 for number in numbers):
        raise ValueError("a negative number")
    return numbers


def integer(value: "Value | Directory | None", order: ByteOrder) -> int:
    """A single integer, 0 or more. Raises ValueError if the value is something else, or missing."""
    (number,) = integers(value, order)
    return number


def packed_integer(number: int, kind: int, order: ByteOrder) -> bytes:
    """An integer as a value of an integer type."""
    return struct.pack(order + _INTEGERS[kind], number)
