"""Writes Torch7 files for the tests: the format as its documentation gives it, independent of the reader."""

import struct

import numpy as np
import torch

from glcic_backend.network.completion_network import CompletionNetwork

_TYPE_OF = {"float32": "Float", "float64": "Double", "int64": "Long", "uint8": "Byte"}


class Torch7Writer:
    """Collects the bytes of one object."""

    def __init__(self):
        self.data = bytearray()
        self.index = 0
        self.seen = {}

    def int(self, *values):
        self.data += struct.pack(f"<{len(values)}i", *values)
        return self

    def long(self, *values):
        self.data += struct.pack(f"<{len(values)}q", *values)
        return self

    def string(self, text):
        self.int(len(text))
        self.data += text.encode()
        return self

    def new_index(self):
        self.index += 1
        return self.index

    def header(self, class_name, version="V 1"):
        """Beginning of an object of a class."""
        self.int(4, self.new_index())
        if version:
            self.string(version)
        return self.string(class_name)

    def value(self, value):
        """None, a bool, a number, a string, a dict (a table), an array (a tensor) or an `Instance`."""
        if value is None:
            self.int(0)
        elif isinstance(value, bool):
            self.int(5, int(value))
        elif isinstance(value, int | float):
            self.int(1)
            self.data += struct.pack("<d", value)
        elif isinstance(value, str):
            self.int(2).string(value)
        elif isinstance(value, dict):
            self._table(value)
        elif isinstance(value, np.ndarray):
            self._tensor(value)
        else:
            self.header(value.class_name, value.version).value(value.fields)
        return self

    def _table(self, table):
        if id(table) in self.seen:
            self.int(3, self.seen[id(table)])
            return
        self.seen[id(table)] = self.new_index()
        self.int(3, self.seen[id(table)], len(table))
        for key, value in table.items():
            self.value(key).value(value)

    def _tensor(self, array):
        kind = _TYPE_OF[str(array.dtype)]
        strides = [stride // array.itemsize for stride in array.strides]
        self.header(f"torch.{kind}Tensor").int(array.ndim).long(*array.shape, *strides, 1)
        self.header(f"torch.{kind}Storage").long(array.size)
        self.data += array.tobytes()


class Instance:
    """An object of a Lua class."""

    def __init__(self, class_name, fields, version="V 1"):
        self.class_name, self.fields, self.version = class_name, fields, version


def completion_layers(network: CompletionNetwork, library="nn") -> list[Instance]:
    """The 50 layers of a network with batch normalisation, as the authors' file holds them."""
    layers = []
    for unit in network.units:
        spec, (height, width) = unit.spec, unit.conv.kernel_size
        numbers = {"kW": width, "kH": height, "dW": spec.stride, "dH": spec.stride}
        numbers |= {"padW": spec.padding, "padH": spec.padding}
        numbers |= {"weight": _array(unit.conv.weight), "bias": _array(unit.conv.bias)}
        name = "SpatialConvolution"
        if spec.kind == "deconv":
            name, numbers = "SpatialFullConvolution", numbers | {"adjW": 0, "adjH": 0}
        elif spec.dilation > 1:
            name, numbers = (
                "SpatialDilatedConvolution",
                numbers | {"dilationW": spec.dilation, "dilationH": spec.dilation},
            )
        layers.append(Instance(f"{library}.{name}", numbers))
        if unit.norm is not None:
            names = ("weight", "bias", "running_mean", "running_var")
            fields = {name: _array(getattr(unit.norm, name)) for name in names} | {"eps": unit.norm.eps, "affine": True}
            layers.append(Instance(f"{library}.SpatialBatchNormalization", fields, "V 2"))
            layers.append(Instance(f"{library}.ReLU", {"inplace": True}))
    layers.append(Instance(f"{library}.Sigmoid", {}))
    return layers


def completion_content(layers, mean=(0.47, 0.44, 0.4)):
    """The table of a file of the authors' form, as a value to write."""
    modules = dict(enumerate(layers, start=1))
    return {
        "model": Instance("nn.Sequential", {"modules": modules, "train": False, "_type": "torch.FloatTensor"}),
        "mean": np.array(mean, np.float32),
    }


def write_torch7(path, value):
    path.write_bytes(Torch7Writer().value(value).data)
    return path


def _array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to(torch.float32).numpy()
