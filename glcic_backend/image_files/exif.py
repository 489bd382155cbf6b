"""EXIF blocks: what they say about a picture's orientation and resolution, made true for the upright picture.

A block is changed in place, because the notes of camera makers refer to positions in it. Damaged blocks are kept as
they are, as every other program has to live with them too.
"""

import struct
from fractions import Fraction

from glcic_backend.image_files.picture import Resolution, Unit
from glcic_backend.image_files.tiff_directory import (
    ByteOrder,
    Directory,
    Value,
    byte_order,
    header,
    integer,
    integers,
    packed_integer,
    read_directory,
    write_directory,
)

_PREFIX = b"Exif\0\0"
_ORIENTATION, _EXIF = 0x0112, 0x8769
_X_RESOLUTION, _Y_RESOLUTION, _RESOLUTION_UNIT = 0x011A, 0x011B, 0x0128
_PIXEL_X, _PIXEL_Y = 0xA002, 0xA003
_THUMBNAIL, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_UNITS: dict[int, Unit] = {1: "none", 2: "inch", 3: "centimetre"}


def bare(block: bytes | None) -> bytes | None:
    """The block from its byte order mark on; None if there is none."""
    while block and block.startswith(_PREFIX):
        block = block[len(_PREFIX) :]
    return block or None


def is_sound(block: bytes) -> bool:
    """Whether the directories of the block can be read."""
    try:
        read_directory(block)
    except (ValueError, struct.error):
        return False
    return True


def orientation(block: bytes | None) -> int:
    """How the stored pixels lie, 1..8 as EXIF counts; 1 (upright) if it is not said."""
    try:
        directory, _ = read_directory(block or b"")
        found = integers(directory.get(_ORIENTATION), byte_order(block or b""))[:1]
    except (ValueError, struct.error):
        return 1
    return found[0] if found and 1 <= found[0] <= 8 else 1


def resolution(block: bytes | None) -> Resolution | None:
    """The resolution that the block states; None if it states none."""
    try:
        order = byte_order(block or b"")
        return directory_resolution(read_directory(block or b"")[0], order)
    except (ValueError, struct.error):
        return None


def directory_resolution(directory: Directory, order: ByteOrder) -> Resolution | None:
    """The resolution in the tags of a TIFF or EXIF directory; None if it is incomplete."""
    try:
        x, y = (_ratio(directory.get(tag), order) for tag in (_X_RESOLUTION, _Y_RESOLUTION))
        unit = integer(directory[_RESOLUTION_UNIT], order) if _RESOLUTION_UNIT in directory else 2
    except (ValueError, struct.error):
        return None
    return Resolution(x, y, _UNITS.get(unit, "none")) if x > 0 and y > 0 else None


def _ratio(value: "Value | Directory | None", order: ByteOrder) -> Fraction:
    if not isinstance(value, Value):
        raise ValueError("no resolution")
    above, below = struct.unpack_from(order + "II", value.raw)
    return Fraction(above, below) if below else Fraction(0)


def upright(block: bytes, quarter_turned: bool) -> bytes:
    """The block for the upright, changed picture: orientation 1, sizes swapped after a quarter turn, and no thumbnail.

    The thumbnail would go on showing what was taken out of the picture.
    """
    try:
        order = byte_order(block)
        directory, link = read_directory(block)
    except (ValueError, struct.error):
        return block
    changed = bytearray(block)
    _set_integer(changed, directory.get(_ORIENTATION), 1, order)
    details = directory.get(_EXIF)
    if quarter_turned:
        _swap(changed, directory, _X_RESOLUTION, _Y_RESOLUTION)
        if isinstance(details, dict):
            _swap(changed, details, _PIXEL_X, _PIXEL_Y)
    _remove_thumbnail(changed, link, order)
    return bytes(changed)


def resized(block: bytes, width: int, height: int) -> bytes:
    """The block for a picture whose size has changed."""
    try:
        order = byte_order(block)
        details = read_directory(block)[0].get(_EXIF)
    except (ValueError, struct.error):
        return block
    changed = bytearray(block)
    for tag, size in ((_PIXEL_X, width), (_PIXEL_Y, height)):
        value = details.get(tag) if isinstance(details, dict) else None
        _set_integer(changed, value, size, order)
    return bytes(changed)


def _set_integer(block: bytearray, value: "Value | Directory | None", number: int, order: ByteOrder) -> None:
    """Change the first number of a value of an integer type, whichever it is, if that can hold it."""
    try:
        integers(value, order)
        assert isinstance(value, Value)
        raw = packed_integer(number, value.kind, order)
    except (ValueError, struct.error):
        return
    block[value.position : value.position + len(raw)] = raw


def _replace(block: bytearray, value: "Value | Directory | None", raw: bytes) -> None:
    if isinstance(value, Value) and len(value.raw) == len(raw):
        block[value.position : value.position + len(raw)] = raw


def _swap(block: bytearray, directory: Directory, one: int, other: int) -> None:
    first, second = directory.get(one), directory.get(other)
    if isinstance(first, Value) and isinstance(second, Value) and first.kind == second.kind:
        _replace(block, first, second.raw)
        _replace(block, second, first.raw)


def _remove_thumbnail(block: bytearray, link: int, order: ByteOrder) -> None:
    try:
        (offset,) = struct.unpack_from(order + "I", block, link)
        if offset == 0:
            return
        block[link : link + 4] = bytes(4)
        directory, _ = read_directory(bytes(block), offset)
        begin, length = (integer(directory.get(tag), order) for tag in (_THUMBNAIL, _THUMBNAIL_LENGTH))
    except (ValueError, struct.error):
        return
    end = min(begin + length, len(block))
    if begin < end == len(block):
        del block[begin:]
    elif begin < end:
        block[begin:end] = bytes(end - begin)


def from_directory(directory: Directory, order: ByteOrder) -> bytes | None:
    """A block that holds a directory; None for an empty one."""
    if not directory:
        return None
    return header(order) + struct.pack(order + "I", 8) + write_directory(directory, 8, order)
