"""Inception-v3 as the Frechet inception distance uses it, on weights that the user brings.

The network is Inception-v3 (Szegedy et al. 2016) with the weights that the FID was defined with (Heusel et al. 2017).
They belong to other pooling than usual: the mean over a 3 x 3 window leaves the padding out, and the last block takes
the maximum. The names of modules are those of the published file.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from glcic_train.evaluation.weights import fit, read_weights

VECTOR = 2048
"""Length of a feature vector."""

_SIDE = 299  # pixels the network takes
_NORM_EPSILON = 1e-3

_Kernel = int | tuple[int, int]


class _Conv(nn.Module):
    """Convolution, batch normalisation, ReLU. Padded to keep the size, unless told otherwise."""

    def __init__(self, inputs: int, outputs: int, kernel: _Kernel = 1, stride: int = 1, *, padded: bool = True) -> None:
        super().__init__()
        sides = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = (sides[0] // 2, sides[1] // 2) if padded else (0, 0)
        self.conv = nn.Conv2d(inputs, outputs, sides, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=_NORM_EPSILON)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)))


class _BlockA(nn.Module):
    """35 x 35 pixels: kernels of 1, 5, and twice 3."""

    def __init__(self, inputs: int, pooled: int) -> None:
        super().__init__()
        self.branch1x1 = _Conv(inputs, 64)
        self.branch5x5_1, self.branch5x5_2 = _Conv(inputs, 48), _Conv(48, 64, 5)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = _Conv(inputs, 64), _Conv(64, 96, 3)
        self.branch3x3dbl_3 = _Conv(96, 96, 3)
        self.branch_pool = _Conv(inputs, pooled)

    def forward(self, x: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(x))
        threes = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, threes, self.branch_pool(_mean(x))], dim=1)


class _BlockB(nn.Module):
    """From 35 x 35 to 17 x 17 pixels."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3 = _Conv(inputs, 384, 3, 2, padded=False)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = _Conv(inputs, 64), _Conv(64, 96, 3)
        self.branch3x3dbl_3 = _Conv(96, 96, 3, 2, padded=False)

    def forward(self, x: Tensor) -> Tensor:
        threes = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), threes, functional.max_pool2d(x, 3, 2)], dim=1)


class _BlockC(nn.Module):
    """17 x 17 pixels: kernels of 1, 7, and twice 7, each 7 x 7 in two steps."""

    def __init__(self, inputs: int, inner: int) -> None:
        super().__init__()
        across, down = (1, 7), (7, 1)
        self.branch1x1 = _Conv(inputs, 192)
        self.branch7x7_1, self.branch7x7_2 = _Conv(inputs, inner), _Conv(inner, inner, across)
        self.branch7x7_3 = _Conv(inner, 192, down)
        self.branch7x7dbl_1, self.branch7x7dbl_2 = _Conv(inputs, inner), _Conv(inner, inner, down)
        self.branch7x7dbl_3, self.branch7x7dbl_4 = _Conv(inner, inner, across), _Conv(inner, inner, down)
        self.branch7x7dbl_5 = _Conv(inner, 192, across)
        self.branch_pool = _Conv(inputs, 192)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        sevens = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        sevens = self.branch7x7dbl_5(self.branch7x7dbl_4(sevens))
        return torch.cat([self.branch1x1(x), seven, sevens, self.branch_pool(_mean(x))], dim=1)


class _BlockD(nn.Module):
    """From 17 x 17 to 8 x 8 pixels."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.branch3x3_1, self.branch3x3_2 = _Conv(inputs, 192), _Conv(192, 320, 3, 2, padded=False)
        self.branch7x7x3_1, self.branch7x7x3_2 = _Conv(inputs, 192), _Conv(192, 192, (1, 7))
        self.branch7x7x3_3, self.branch7x7x3_4 = _Conv(192, 192, (7, 1)), _Conv(192, 192, 3, 2, padded=False)

    def forward(self, x: Tensor) -> Tensor:
        seven = self.branch7x7x3_2(self.branch7x7x3_1(x))
        seven = self.branch7x7x3_4(self.branch7x7x3_3(seven))
        return torch.cat([self.branch3x3_2(self.branch3x3_1(x)), seven, functional.max_pool2d(x, 3, 2)], dim=1)


class _BlockE(nn.Module):
    """8 x 8 pixels: kernels of 1, 3, and twice 3, each ending in both directions beside each other."""

    def __init__(self, inputs: int, *, pool_maximum: bool) -> None:
        super().__init__()
        across, down = (1, 3), (3, 1)
        self.branch1x1 = _Conv(inputs, 320)
        self.branch3x3_1 = _Conv(inputs, 384)
        self.branch3x3_2a, self.branch3x3_2b = _Conv(384, 384, across), _Conv(384, 384, down)
        self.branch3x3dbl_1, self.branch3x3dbl_2 = _Conv(inputs, 448), _Conv(448, 384, 3)
        self.branch3x3dbl_3a, self.branch3x3dbl_3b = _Conv(384, 384, across), _Conv(384, 384, down)
        self.branch_pool = _Conv(inputs, 192)
        self._pool_maximum = pool_maximum

    def forward(self, x: Tensor) -> Tensor:
        three, threes = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pooled = functional.max_pool2d(x, 3, 1, 1) if self._pool_maximum else _mean(x)
        parts = [self.branch1x1(x), self.branch3x3_2a(three), self.branch3x3_2b(three)]
        parts += [self.branch3x3dbl_3a(threes), self.branch3x3dbl_3b(threes), self.branch_pool(pooled)]
        return torch.cat(parts, dim=1)


class InceptionFeatures(nn.Module):
    """The layers of Inception-v3 up to the vector of the FID, without weights. `load` gives the network to use."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = _Conv(3, 32, 3, 2, padded=False)
        self.Conv2d_2a_3x3 = _Conv(32, 32, 3, padded=False)
        self.Conv2d_2b_3x3 = _Conv(32, 64, 3)
        self.Conv2d_3b_1x1 = _Conv(64, 80)
        self.Conv2d_4a_3x3 = _Conv(80, 192, 3, padded=False)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _BlockA(192, 32), _BlockA(256, 64), _BlockA(288, 64)
        self.Mixed_6a = _BlockB(288)
        self.Mixed_6b, self.Mixed_6c = _BlockC(768, 128), _BlockC(768, 160)
        self.Mixed_6d, self.Mixed_6e = _BlockC(768, 160), _BlockC(768, 192)
        self.Mixed_7a = _BlockD(768)
        self.Mixed_7b, self.Mixed_7c = _BlockE(1280, pool_maximum=False), _BlockE(2048, pool_maximum=True)

    @classmethod
    def load(cls, path: Path) -> "InceptionFeatures":
        """The network with the weights of a file, frozen; `docs/workshop/evaluation.md` says which file.

        Raises:
            ModelFileError: the file cannot be read or does not fit.
        """
        network = cls()
        fit(network, read_weights(path), [path], "the Inception-v3 of the FID")
        return network

    def pooled(self, image: Tensor) -> Tensor:
        """The vector of the FID: float [N, 2048].

        Args:
            image: float [N, 3, H, W], RGB, 0..1; resized to 299 x 299 here.
        """
        x = functional.interpolate(image, (_SIDE, _SIDE), mode="bilinear", align_corners=False) * 2 - 1
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(functional.max_pool2d(x, 3, 2)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(functional.max_pool2d(x, 3, 2))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        return x.mean(dim=(2, 3))


def _mean(x: Tensor) -> Tensor:
    """Mean of 3 x 3 pixels; at the border, of those that exist."""
    return functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)
