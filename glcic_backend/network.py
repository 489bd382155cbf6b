"""The completion network of the paper (section 3.2, Table 2)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class LayerSpec:
    """One row of Table 2. A `deconv` has fractional stride 1/`stride`; a dilated convolution has `dilation` > 1."""

    kind: Literal["conv", "deconv", "output"]
    kernel: int
    dilation: int
    stride: int
    outputs: int

    @property
    def padding(self) -> int:
        """Zero padding per side, in input pixels, that keeps the extent (stride 1) or halves/doubles it (stride 2)."""
        return 1 if self.kind == "deconv" else self.dilation * (self.kernel // 2)


TABLE_2: tuple[LayerSpec, ...] = (
    LayerSpec("conv", 5, 1, 1, 64),
    LayerSpec("conv", 3, 1, 2, 128),
    LayerSpec("conv", 3, 1, 1, 128),
    LayerSpec("conv", 3, 1, 2, 256),
    LayerSpec("conv", 3, 1, 1, 256),
    LayerSpec("conv", 3, 1, 1, 256),
    LayerSpec("conv", 3, 2, 1, 256),
    LayerSpec("conv", 3, 4, 1, 256),
    LayerSpec("conv", 3, 8, 1, 256),
    LayerSpec("conv", 3, 16, 1, 256),
    LayerSpec("conv", 3, 1, 1, 256),
    LayerSpec("conv", 3, 1, 1, 256),
    LayerSpec("deconv", 4, 1, 2, 128),
    LayerSpec("conv", 3, 1, 1, 128),
    LayerSpec("deconv", 4, 1, 2, 64),
    LayerSpec("conv", 3, 1, 1, 32),
    LayerSpec("output", 3, 1, 1, 3),
)

INPUT_CHANNELS = 4
SIZE_MULTIPLE = 4
"""The network halves the resolution twice, so positions repeat every 4 pixels."""


class ConvUnit(nn.Module):
    """A convolution of Table 2, followed by batch normalisation (section 3.5) unless it is folded or the output."""

    norm: nn.BatchNorm2d | None

    def __init__(self, spec: LayerSpec, inputs: int, normalised: bool) -> None:
        super().__init__()
        self.spec = spec
        if spec.kind == "deconv":
            self.conv: nn.Conv2d | nn.ConvTranspose2d = nn.ConvTranspose2d(
                inputs, spec.outputs, spec.kernel, stride=spec.stride, padding=spec.padding
            )
        else:
            self.conv = nn.Conv2d(
                inputs, spec.outputs, spec.kernel, stride=spec.stride, padding=spec.padding, dilation=spec.dilation
            )
        self.norm = nn.BatchNorm2d(spec.outputs) if normalised and spec.kind != "output" else None

    def forward(self, x: Tensor) -> Tensor:
        """Float [N, inputs, h, w] to [N, outputs, h', w'], before the non-linearity."""
        x = self.conv(x)
        return x if self.norm is None else self.norm(x)


class CompletionNetwork(nn.Module):
    """Completion network C(x, M_c) of Table 2: 17 convolutions, dilated in the middle, at a quarter of the size.

    Args:
        normalised: with batch normalisation after every convolution but the last, as in training (section 3.5);
            False gives the form used for inference, where it is folded into the convolutions.
    """

    def __init__(self, normalised: bool = True) -> None:
        super().__init__()
        inputs = [INPUT_CHANNELS, *(spec.outputs for spec in TABLE_2[:-1])]
        self.layers = nn.ModuleList(
            ConvUnit(spec, channels, normalised) for spec, channels in zip(TABLE_2, inputs, strict=True)
        )

    @property
    def units(self) -> list[ConvUnit]:
        """The layers in the order of Table 2."""
        return [layer for layer in self.layers if isinstance(layer, ConvUnit)]

    def forward(self, x: Tensor) -> Tensor:
        """Complete a batch of images.

        Args:
            x: float [N, 4, H, W] as `network_input` makes it, any H, W >= 1.

        Returns:
            float [N, 3, H, W], RGB, 0..1. Only the pixels in the hole mean something: the loss (Eq. 2) does not
            see the others, which the caller restores from the image.
        """
        height, width = x.shape[-2:]
        for unit in self.units:
            x = unit(x)
            x = torch.sigmoid(x) if unit.spec.kind == "output" else torch.relu(x)
        # Sizes that 4 does not divide are rounded up on the way down.
        return x[..., :height, :width]


def network_input(image: Tensor, hole: Tensor, mean_pixel: Tensor | Sequence[float]) -> Tensor:
    """Join image and mask to the network's input (sections 3.2 and 3.4).

    The hole is overwritten by the mean pixel of the training set. Values are taken relative to that mean, as in the
    authors' implementation, so that the zero padding of the convolutions stands for the mean pixel as well.

    Args:
        image: float [N, 3, H, W], RGB, 0..1.
        hole: float [N, 1, H, W], 1 inside the hole, 0 elsewhere.
        mean_pixel: RGB, 0..1.

    Returns:
        float [N, 4, H, W]: mean-free RGB, zero in the hole, and the mask.
    """
    mean = torch.as_tensor(mean_pixel, dtype=image.dtype, device=image.device).view(1, 3, 1, 1)
    return torch.cat([(image - mean) * (1 - hole), hole], dim=1)


@torch.no_grad()
def fold_batch_norm(network: CompletionNetwork) -> CompletionNetwork:
    """Integrate the batch normalisation into the preceding convolutions (section 3.5).

    Args:
        network: a network in evaluation mode semantics: its running statistics are used.

    Returns:
        A new network without normalisation that computes the same function, same dtype and device.
    """
    folded = CompletionNetwork(normalised=False)
    for source, target in zip(network.units, folded.units, strict=True):
        weight, bias = source.conv.weight, source.conv.bias
        assert bias is not None
        if (norm := source.norm) is not None:
            assert norm.running_mean is not None and norm.running_var is not None
            scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
            # A transposed convolution keeps its output channels in the second dimension.
            shape = (1, -1, 1, 1) if source.spec.kind == "deconv" else (-1, 1, 1, 1)
            weight = weight * scale.view(shape)
            bias = (bias - norm.running_mean) * scale + norm.bias
        target.conv.weight = nn.Parameter(weight.clone())
        target.conv.bias = nn.Parameter(bias.clone())
    return folded.eval()
