"""A restricted reader of Torch7's binary serialisation (.t7).

A file is one object. Every object begins with the number of its type; what follows is read by the methods of `_Reader`,
all in little-endian order, with 64-bit sizes. Only plain data comes out: numbers, strings, booleans, tables, storages,
tensors, and modules of named classes as their tables of fields. Lua functions and all other classes are refused, and
nothing is ever executed.
"""

import math
import os
import struct
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from glcic_backend.errors import ModelFileError
from glcic_backend.wire.files import open_regular

MAX_FILE_BYTES = 512 * 2**20
MAX_OBJECTS = 1_000_000
MAX_DEPTH = 64
_MAX_DIMENSIONS = 8

_NIL, _NUMBER, _STRING, _TABLE, _TORCH, _BOOLEAN = range(6)
_FUNCTIONS = (6, 7, 8)

_ELEMENTS = {
    "Byte": "<u1",
    "Char": "<i1",
    "Short": "<i2",
    "Int": "<i4",
    "Long": "<i8",
    "Float": "<f4",
    "Double": "<f8",
    "Cuda": "<f4",
    "CudaDouble": "<f8",
}
_STORAGES = {f"torch.{name}Storage": np.dtype(code) for name, code in _ELEMENTS.items()}
_TENSORS = {f"torch.{name}Tensor": np.dtype(code) for name, code in _ELEMENTS.items()}


@dataclass(frozen=True)
class Storage:
    """The memory that tensors share: a flat array."""

    values: NDArray[Any]


@dataclass(frozen=True)
class Module:
    """A Lua object of a named class, as plain data.

    Attributes:
        class_name: such as `nn.ReLU`.
        fields: its Lua table.
    """

    class_name: str
    fields: dict[Any, Any]


def read_torch7(path: Path, classes: Set[str]) -> Any:
    """Read a Torch7 file.

    Args:
        path: the file, in the binary format that 64-bit machines write.
        classes: names of the classes that are read, as `Module`; any other class is refused.

    Returns:
        None, float, bool, str (one character per byte), dict for a table (whole numbers as keys become int), `Module`,
        `Storage`, or an array for a tensor: a read-only view of the file's content in its own dtype. An object that
        the file refers to twice is the same one twice, so tables may contain themselves.

    Raises:
        ModelFileError: the file cannot be read, is too large, is damaged, or holds what is not read.
    """
    try:
        with open(open_regular(path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(size) if size <= MAX_FILE_BYTES else b""
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ModelFileError(f"Torch7 file {path} cannot be read: {reason}. Check its path.") from error
    if size > MAX_FILE_BYTES:
        raise ModelFileError(
            f"{path} has {size / 2**20:.0f} MB; a Torch7 file of at most {MAX_FILE_BYTES / 2**20:.0f} MB is read. "
            "A completion network has 25 MB: choose another file."
        )
    return _Reader(path, data, classes).read_object(depth=0)


class _Reader:
    """Reads one file from its beginning. Every claim on a size is checked against what is left of the file."""

    def __init__(self, path: Path, data: bytes, classes: Set[str]) -> None:
        self._path = path
        self._data = data
        self._classes = classes
        self._position = 0
        self._objects = 0
        self._by_index: dict[int, Any] = {}

    def read_object(self, depth: int) -> Any:
        self._objects += 1
        if self._objects > MAX_OBJECTS:
            self._refuse(f"it holds more than {MAX_OBJECTS:,} objects")
        if depth > MAX_DEPTH:
            self._refuse(f"its tables are nested more than {MAX_DEPTH} deep")
        kind = self._int()
        if kind == _NIL:
            return None
        if kind == _NUMBER:
            return self._number()
        if kind == _STRING:
            return self._string()
        if kind == _BOOLEAN:
            return self._int() == 1
        if kind == _TABLE:
            return self._table(depth)
        if kind == _TORCH:
            return self._torch_object(depth)
        if kind in _FUNCTIONS:
            self._refuse("it holds a Lua function, that is program code, which is never read")
        self._refuse(f"{kind} is not a type of object")

    def _table(self, depth: int) -> dict[Any, Any]:
        index = self._int()
        if index in self._by_index:
            known = self._by_index[index]
            return known if isinstance(known, dict) else self._refuse(f"object {index} is not a table")
        # Known before it is filled, because it may contain itself.
        table: dict[Any, Any] = {}
        self._by_index[index] = table
        pairs = self._count("entries of a table", self._int(), 8)
        for _ in range(pairs):
            key = self.read_object(depth + 1)
            if isinstance(key, float) and key.is_integer():
                key = int(key)
            if not isinstance(key, str | int | float):
                self._refuse(f"a table has a {type(key).__name__} as a key")
            table[key] = self.read_object(depth + 1)
        return table

    def _torch_object(self, depth: int) -> Any:
        index = self._int()
        if index in self._by_index:
            return self._by_index[index]
        name = self._string()
        # Files of the first version have the class name at once.
        if name.startswith("V "):
            name = self._string()
        if name in _STORAGES:
            value: Any = self._storage(_STORAGES[name])
        elif name in _TENSORS:
            value = self._tensor(name, depth)
        elif name in self._classes:
            value = Module(name, {})
        else:
            self._refuse(f"it holds an object of the class {name[:60]!r}, which is not read")
        self._by_index[index] = value
        if isinstance(value, Module):
            fields = self.read_object(depth + 1)
            if not isinstance(fields, dict):
                self._refuse(f"a {name} has no table of fields")
            value.fields.update(fields)
        return value

    def _storage(self, dtype: np.dtype[Any]) -> Storage:
        count = self._count("elements of a storage", self._long(), dtype.itemsize)
        start = self._position
        self._position += count * dtype.itemsize
        return Storage(np.frombuffer(self._data, dtype, count, start))

    def _tensor(self, name: str, depth: int) -> NDArray[Any]:
        dtype = _TENSORS[name]
        dimensions = self._int()
        if not 0 <= dimensions <= _MAX_DIMENSIONS:
            self._refuse(f"a tensor has {dimensions} dimensions")
        shape = [self._long() for _ in range(dimensions)]
        strides = [self._long() for _ in range(dimensions)]
        first = self._long() - 1
        storage = self.read_object(depth + 1)
        if math.prod(shape) == 0 or not shape or storage is None:
            return np.empty(0, dtype)
        if not isinstance(storage, Storage) or storage.values.dtype != dtype:
            self._refuse(f"a {name} does not lie in a storage of its own type")
        if min(shape) < 0 or min(strides) < 0 or first < 0:
            self._refuse(f"a tensor has the shape {shape}, strides {strides} and offset {first + 1}")
        last = first + sum((extent - 1) * stride for extent, stride in zip(shape, strides, strict=True))
        # The second condition keeps a stride of 0 from blowing up a few bytes.
        if last >= len(storage.values) or math.prod(shape) > len(storage.values):
            self._refuse(f"a tensor of the shape {shape} reaches beyond its storage of {len(storage.values)}")
        # The stride of a single element means nothing and may be any number.
        byte_strides = [
            stride * dtype.itemsize if extent > 1 else 0 for extent, stride in zip(shape, strides, strict=True)
        ]
        return as_strided(storage.values[first:], shape, byte_strides, writeable=False)

    def _int(self) -> int:
        return int(struct.unpack("<i", self._take(4))[0])

    def _long(self) -> int:
        return int(struct.unpack("<q", self._take(8))[0])

    def _number(self) -> float:
        return float(struct.unpack("<d", self._take(8))[0])

    def _string(self) -> str:
        return self._take(self._count("characters of a string", self._int(), 1)).decode("latin-1")

    def _take(self, length: int) -> bytes:
        if length > len(self._data) - self._position:
            self._refuse(f"it ends after {len(self._data):,} bytes, in the middle of an object")
        self._position += length
        return self._data[self._position - length : self._position]

    def _count(self, what: str, count: int, bytes_each: int) -> int:
        """A count, if that many things can still follow in the file."""
        left = len(self._data) - self._position
        if not 0 <= count * bytes_each <= left:
            self._refuse(f"it claims {count:,} {what}, with {left:,} bytes left")
        return count

    def _refuse(self, reason: str) -> NoReturn:
        raise ModelFileError(
            f"{self._path} is not a Torch7 file that can be read: at byte {self._position:,}, {reason}. "
            "Fetch the file again, and import only binary files of a completion network."
        )
