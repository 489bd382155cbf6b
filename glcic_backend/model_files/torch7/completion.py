"""A Torch7 file in; the completion network of Table 2 out."""

from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from glcic_backend.errors import ModelFileError
from glcic_backend.model_files.torch7.reader import Module, read_torch7
from glcic_backend.network.completion_network import CompletionNetwork, ConvUnit

_SEQUENCE = "Sequential"
_CONVOLUTIONS = ("SpatialConvolution", "SpatialConvolutionMM", "SpatialDilatedConvolution")
_TRANSPOSED = ("SpatialFullConvolution",)
_NORM = ("SpatialBatchNormalization",)
_RELU, _SIGMOID = ("ReLU",), ("Sigmoid",)
_NAMES = (_SEQUENCE, *_CONVOLUTIONS, *_TRANSPOSED, *_NORM, *_RELU, *_SIGMOID)
# A model that was saved on a GPU names the same layers after another library.
_CLASSES = frozenset(f"{library}.{name}" for library in ("nn", "cudnn") for name in _NAMES)
# Numbers that only some classes of layers store.
_DEFAULTS = {"dilationW": 1, "dilationH": 1, "adjW": 0, "adjH": 0, "groups": 1}


class Torch7Model(NamedTuple):
    """What a Torch7 file holds."""

    network: CompletionNetwork
    """With batch normalisation, in evaluation mode, float32."""
    mean_pixel: tuple[float, float, float]
    """RGB, 0..1."""


def load_torch7_model(path: Path) -> Torch7Model:
    """Read the authors' form of a completion network: a table of `model` and `mean`.

    `model` is a sequence of 50 layers: convolution, batch normalisation and ReLU for each of the first 16 rows of
    Table 2, then the output convolution and a sigmoid. `mean` holds three numbers. Channels are RGB, 0..1, as in ours.

    Args:
        path: a .t7 file; nothing in it is executed.

    Raises:
        ModelFileError: the file is damaged, holds anything but plain data, or a layer is not that of Table 2; the text
            names the layer, counted from 0.
    """
    content = read_torch7(path, _CLASSES)
    if not isinstance(content, dict) or not isinstance(content.get("model"), Module):
        raise ModelFileError(
            f"{path} is a Torch7 file without a network: a table with `model` and `mean` is expected. Choose another."
        )
    mean_pixel = _mean_pixel(path, content.get("mean"))
    network = CompletionNetwork()
    layers = _Layers(path, content["model"])
    for unit in network.units:
        _fill_unit(unit, layers)
    layers.expect_end()
    for name, tensor in network.state_dict().items():
        if not torch.isfinite(tensor).all():
            raise ModelFileError(f"{path}: {name} holds NaN or infinity. Fetch the file again.")
    return Torch7Model(network.eval(), mean_pixel)


class _Layers:
    """The layers of the sequence, taken one after the other."""

    def __init__(self, path: Path, model: Module) -> None:
        self._path = path
        modules = model.fields.get("modules")
        if not model.class_name.endswith(_SEQUENCE) or not isinstance(modules, dict):
            raise ModelFileError(
                f"{path}: its model is a {model.class_name}, not a sequence of layers. Choose another."
            )
        self._modules = [modules.get(number) for number in range(1, len(modules) + 1)]
        self._next = 0

    def take(self, names: tuple[str, ...]) -> dict[Any, Any]:
        """Fields of the next layer, which has to be of one of these classes."""
        layer = self._modules[self._next] if self._next < len(self._modules) else None
        found = layer.class_name if isinstance(layer, Module) else "missing"
        self._next += 1
        if not isinstance(layer, Module) or found.partition(".")[2] not in names:
            self.refuse(f"is {found} instead of {' or '.join(names)}")
        return layer.fields

    def expect(self, fields: dict[Any, Any], **wanted: int) -> None:
        """The layer taken last has to have these numbers."""
        for name, number in wanted.items():
            found = fields.get(name, _DEFAULTS.get(name))
            if not isinstance(found, int | float) or found != number:
                self.refuse(f"has {name} = {_shown(found)} instead of {number}")

    def copy(self, fields: dict[Any, Any], name: str, target: Tensor) -> None:
        """Copy a tensor of the layer taken last into one of the network."""
        source = fields.get(name)
        shape = list(source.shape) if isinstance(source, np.ndarray) else "nothing"
        # Some layers store the kernel as a matrix; the order of the numbers is the same.
        as_matrix = [len(target), target[0].numel()]
        if shape not in (list(target.shape), as_matrix):
            self.refuse(f"has {shape} as its {name} instead of {list(target.shape)}")
        values = np.array(source, np.float32).reshape(target.shape)
        with torch.no_grad():
            target.copy_(torch.from_numpy(values))

    def expect_end(self) -> None:
        """Nothing but the sigmoid is left."""
        self.take(_SIGMOID)
        if self._next != len(self._modules):
            self._next += 1
            self.refuse("is one too many")

    def refuse(self, reason: str) -> NoReturn:
        raise ModelFileError(
            f"{self._path} is not the completion network of the paper: its layer {self._next - 1} {reason}. "
            "Only networks of Table 2 can be imported."
        )


def _fill_unit(unit: ConvUnit, layers: _Layers) -> None:
    spec = unit.spec
    fields = layers.take(_TRANSPOSED if spec.kind == "deconv" else _CONVOLUTIONS)
    layers.expect(fields, kW=spec.kernel, kH=spec.kernel, dW=spec.stride, dH=spec.stride)
    layers.expect(fields, padW=spec.padding, padH=spec.padding, dilationW=spec.dilation, dilationH=spec.dilation)
    layers.expect(fields, adjW=0, adjH=0, groups=1)
    layers.copy(fields, "weight", unit.conv.weight)
    assert unit.conv.bias is not None
    layers.copy(fields, "bias", unit.conv.bias)
    if unit.norm is None:
        return
    _fill_norm(unit.norm, layers)
    layers.take(_RELU)


def _fill_norm(norm: nn.BatchNorm2d, layers: _Layers) -> None:
    fields = layers.take(_NORM)
    assert norm.running_mean is not None and norm.running_var is not None
    eps = fields.get("eps")
    if not isinstance(eps, float) or not 0 < eps < 1:
        layers.refuse(f"has eps = {_shown(eps)}")
    norm.eps = eps
    layers.copy(fields, "weight", norm.weight)
    layers.copy(fields, "bias", norm.bias)
    layers.copy(fields, "running_mean", norm.running_mean)
    if "running_var" in fields:
        layers.copy(fields, "running_var", norm.running_var)
    else:
        # Older files hold, under this name, 1 / sqrt(variance + eps).
        layers.copy(fields, "running_std", norm.running_var)
        norm.running_var.pow_(-2).sub_(norm.eps)
    if (norm.running_var < 0).any():
        layers.refuse("has a negative variance")


def _shown(value: Any) -> str:
    """A number, or what stands in its place."""
    return str(value) if isinstance(value, int | float) else type(value).__name__


def _mean_pixel(path: Path, mean: Any) -> tuple[float, float, float]:
    """Three numbers, in a table or a tensor of any shape."""
    values = list(mean.ravel()) if isinstance(mean, np.ndarray) else []
    if isinstance(mean, dict) and len(mean) == 3:
        values = [mean.get(number) for number in (1, 2, 3)]
    if len(values) != 3 or not all(isinstance(value, float | np.floating) and 0 <= value <= 1 for value in values):
        raise ModelFileError(
            f"{path}: its mean pixel `mean` is not three numbers between 0 and 1. Choose another file."
        )
    red, green, blue = (float(value) for value in values)
    return red, green, blue
