"""The context discriminators of the paper (section 3.3, Table 3)."""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from glcic_train.config.schema import DiscriminatorConfig

FEATURES = 1024
"""Length of the vector that each discriminator makes of its image (Table 3)."""
_FIRST_OUTPUTS, _MOST_OUTPUTS = 64, 512
_SMALLEST_MAP = 4


def layer_count(size: int) -> int:
    """Convolutions that a discriminator of `size` x `size` pixels has: each halves the map, down to about 4 x 4.

    256 pixels give 6 and 128 give 5, as in Table 3; CelebA's 160 and 96 give 5 each (section 4.5).
    """
    return max(1, round(math.log2(size / _SMALLEST_MAP)))


class ContextBranch(nn.Module):
    """Table 3 (a) or (b): convolutions of 5 x 5 with stride 2, then a fully connected layer.

    Args:
        size: side of the square input, pixels. It decides the number of layers.
        normalisation: `batch` after every convolution (section 3.5), or `spectral` on every weight.
        width: channels, and length of the vector, relative to Table 3.
    """

    def __init__(self, size: int, normalisation: str = "batch", width: float = 1.0) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList()
        self.norms = nn.ModuleList()
        inputs = 3
        for layer in range(layer_count(size)):
            outputs = _narrowed(min(_FIRST_OUTPUTS * 2**layer, _MOST_OUTPUTS), width)
            self.convolutions.append(_constrained(nn.Conv2d(inputs, outputs, 5, stride=2, padding=2), normalisation))
            self.norms.append(nn.BatchNorm2d(outputs) if normalisation == "batch" else nn.Identity())
            inputs, size = outputs, (size + 1) // 2
        self.fully_connected = _constrained(nn.Linear(inputs * size * size, _narrowed(FEATURES, width)), normalisation)

    def forward(self, x: Tensor, features: list[Tensor] | None = None) -> Tensor:
        """Describe a batch of images.

        Args:
            x: float [N, 3, size, size], RGB relative to the mean pixel.
            features: a list to which the output of every convolutional layer is appended.

        Returns:
            float [N, 1024 * width].
        """
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = torch.relu(norm(convolution(x)))
            if features is not None:
                features.append(x)
        return torch.relu(self.fully_connected(x.flatten(1)))


class ContextDiscriminator(nn.Module):
    """D of the paper: global and local discriminator, joined by the concatenation layer of Table 3 (c).

    With `use` = `global` or `local` the other one is left out (Fig. 6), and the last layer reads one vector.
    """

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.local_size = config.local_size
        self.wide: ContextBranch | None = None
        self.local: ContextBranch | None = None
        if config.use in ("both", "global"):
            self.wide = ContextBranch(config.global_size, config.normalisation, config.width)
        if config.use in ("both", "local"):
            self.local = ContextBranch(config.local_size, config.normalisation, config.width)
        branches = [branch for branch in (self.wide, self.local) if branch is not None]
        inputs = _narrowed(FEATURES, config.width) * len(branches)
        self.concatenation = _constrained(nn.Linear(inputs, 1), config.normalisation)

    def forward(self, image: Tensor, centres: Tensor, features: list[Tensor] | None = None) -> Tensor:
        """Judge a batch of images.

        Args:
            image: float [N, 3, H, W], RGB relative to the mean pixel, H = W = the global size.
            centres: int64 [N, 2], x and y of the middle of each image's local patch.
            features: a list to which the output of every convolutional layer is appended.

        Returns:
            float [N], the logit of the probability that the image is real. The sigmoid of Table 3 is part of the
            losses, where it is computed together with the logarithm.
        """
        vectors = []
        if self.wide is not None:
            vectors.append(self.wide(image, features))
        if self.local is not None:
            vectors.append(self.local(local_patches(image, centres, self.local_size), features))
        logits: Tensor = self.concatenation(torch.cat(vectors, dim=1))
        return logits[:, 0]


def local_patches(image: Tensor, centres: Tensor, size: int) -> Tensor:
    """Cut a square patch around one pixel of each image (section 3.3).

    Args:
        image: float [N, C, H, W].
        centres: int64 [N, 2], x and y.
        size: side of the patch, at most H and W.

    Returns:
        [N, C, size, size]. Near the border the patch is moved inwards, so that it never leaves the image.
    """
    count, channels, height, width = image.shape
    left = (centres[:, :1] - size // 2).clamp(0, width - size)
    top = (centres[:, 1:] - size // 2).clamp(0, height - size)
    steps = torch.arange(size, device=image.device)
    columns = (left + steps).view(count, 1, 1, size)
    rows = (top + steps).view(count, 1, size, 1)
    # Two gathers, not one index: their gradient is a plain scatter, which needs no sorting.
    strip = image.gather(2, rows.expand(-1, channels, -1, width))
    return strip.gather(3, columns.expand(-1, channels, size, -1))


def _narrowed(channels: int, width: float) -> int:
    return max(1, round(channels * width))


def _constrained(layer: nn.Module, normalisation: str) -> nn.Module:
    return spectral_norm(layer) if normalisation == "spectral" else layer
