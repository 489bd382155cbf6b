"""How inputs are damaged: a few small changes to a valid one, of the kinds that break parsers."""

import random
import struct
import zlib

_INTERESTING = [0, 1, 2, 7, 8, 16, 127, 128, 255, 256, 1000, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1]
_INTERESTING += [2**53, 2**63 - 1, 2**63, 2**64 - 1]
_TEXTS = [b"null", b"-1", b"1e999", b"[]", b"{}", b'""', b"true", b"\xff", b"\\ud800", b"9" * 40, b"[" * 40, b"\0" * 40]
_PNG_SIGNATURE = b"\x89PNG"


def damage(chance: random.Random, seeds: list[bytes]) -> bytes:
    """One of some inputs with one to six changes, or (rarely) noise."""
    if chance.random() < 0.01:
        return chance.randbytes(chance.randint(0, 200))
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randint(1, 6)):
        _change(chance, data, seeds)
    if data.startswith(_PNG_SIGNATURE) and chance.random() < 0.9:
        _mend_checksums(data)
    return bytes(data)


def _change(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    # Most of a file's structure is at its beginning.
    at = chance.randrange(min(len(data), chance.choice([64, 512, 1 << 30])) or 1) if data else 0
    length = chance.randint(1, 16)
    match chance.randrange(8):
        case 0 if data:
            data[at] ^= 1 << chance.randrange(8)
        case 1 if data:
            data[at] = chance.randrange(256)
        case 2:
            size, order = chance.choice([1, 2, 4, 8]), chance.choice("<>")
            value = (chance.choice(_INTERESTING) + chance.randint(-1, 1)) % (1 << 8 * size)
            data[at : at + size] = struct.pack(order + {1: "B", 2: "H", 4: "I", 8: "Q"}[size], value)
        case 3:
            del data[at : at + length]
        case 4:
            data[at:at] = chance.randbytes(length)
        case 5:
            data[at : at + chance.randint(0, 4)] = chance.choice(_TEXTS)
        case 6:
            other = chance.choice(seeds)
            start = chance.randrange(len(other) or 1)
            data[at : at + length] = other[start : start + length]
        case _:
            del data[chance.randint(0, len(data)) :]


def _mend_checksums(data: bytearray) -> None:
    """Give the chunks of a PNG the checksums of what they hold now, behind which decoders look no further."""
    at = 8
    while at + 12 <= len(data):
        end = at + 8 + int.from_bytes(data[at : at + 4], "big")
        if end + 4 > len(data):
            return
        data[end : end + 4] = zlib.crc32(data[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
