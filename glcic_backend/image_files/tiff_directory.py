"""The tag directories of TIFF 6.0 (section 2), which EXIF uses as well, read and written byte for byte."""

import struct
from dataclasses import dataclass
from typing import Literal

ByteOrder = Literal["<", ">"]
_ORDERS: tuple[ByteOrder, ByteOrder] = ("<", ">")

SHORT, LONG, RATIONAL, UNDEFINED = 3, 4, 5, 7
_SIZES = {1: 1, 2: 1, SHORT: 2, LONG: 4, RATIONAL: 8, 6: 1, UNDEFINED: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_INTEGERS = {1: "B", SHORT: "H", LONG: "I", 13: "I"}

_NESTED = {0x8769, 0x8825, 0xA005}
"""Tags whose value is another directory: EXIF, GPS, interoperability."""


@dataclass(frozen=True)
class Value:
    """One tag's value: its TIFF type, its bytes in the file's order, and where they lay in the file read."""

    kind: int
    raw: bytes
    position: int = -1


Directory = dict[int, "Value | Directory"]


def byte_order(data: bytes) -> ByteOrder:
    """The byte order of a TIFF file or EXIF block. Raises ValueError for anything else, BigTIFF included."""
    for order in _ORDERS:
        if data[:4] == header(order):
            return order
    raise ValueError("not a TIFF header")


def header(order: ByteOrder) -> bytes:
    """The first four bytes of a TIFF file or EXIF block; the position of the first directory follows."""
    return b"II*\0" if order == "<" else b"MM\0*"


def read_directory(data: bytes, offset: int | None = None, depth: int = 0) -> tuple[Directory, int]:
    """Read a directory and those nested in it.

    Args:
        data: TIFF file or EXIF block.
        offset: where the directory is; None for the first.
        depth: how deep it is nested.

    Returns:
        The directory, without tags of unknown type or beyond the end, and the position of the link to the next one.

    Raises:
        ValueError, struct.error: there is no directory, or its values have more bytes than the data: a bomb points to
            the same megabyte from thousands of tags.
    """
    order = byte_order(data)
    if offset is None:
        (offset,) = struct.unpack_from(order + "I", data, 4)
    if depth > len(_NESTED):
        raise ValueError("directories nested in a circle")
    (count,) = struct.unpack_from(order + "H", data, offset)
    directory: Directory = {}
    budget = len(data)
    for entry in range(offset + 2, offset + 2 + 12 * count, 12):
        tag, kind, number = struct.unpack_from(order + "HHI", data, entry)
        size = _SIZES.get(kind, 0) * number
        position = entry + 8 if size <= 4 else struct.unpack_from(order + "I", data, entry + 8)[0]
        if kind not in _SIZES or position + size > len(data):
            continue
        budget -= size
        if budget < 0:
            raise ValueError(f"a directory of more than {len(data)} bytes")
        value = Value(kind, bytes(data[position : position + size]), position)
        directory[tag] = read_directory(data, integer(value, order), depth + 1)[0] if tag in _NESTED else value
    return directory, offset + 2 + 12 * count


def write_directory(directory: Directory, offset: int, order: ByteOrder) -> bytes:
    """Bytes of a directory, and of those nested in it, for a place `offset` bytes into the file (even)."""
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
    """Unsigned integers. Raises ValueError if the value is something else, or missing."""
    if not isinstance(value, Value) or value.kind not in _INTEGERS:
        raise ValueError("not an integer")
    return struct.unpack(f"{order}{len(value.raw) // _SIZES[value.kind]}{_INTEGERS[value.kind]}", value.raw)


def integer(value: "Value | Directory | None", order: ByteOrder) -> int:
    """A single unsigned integer. Raises ValueError if the value is something else, or missing."""
    (number,) = integers(value, order)
    return number
