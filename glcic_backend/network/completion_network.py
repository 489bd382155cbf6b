"""Image and mask in, completed image out: the completion network of the paper (section 3.2, Table 2)."""

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

    def __init__(self, spec: LayerSpec, inputs: int, outputs: int, normalised: bool) -> None:
        super().__init__()
        self.spec = spec
        if spec.kind == "deconv":
            self.conv: nn.Conv2d | nn.ConvTranspose2d = nn.ConvTranspose2d(
                inputs, outputs, spec.kernel, stride=spec.stride, padding=spec.padding
            )
        else:
            self.conv = nn.Conv2d(
                inputs, outputs, spec.kernel, stride=spec.stride, padding=spec.padding, dilation=spec.dilation
            )
        self.norm = nn.BatchNorm2d(outputs) if normalised and spec.kind != "output" else None

    def forward(self, x: Tensor) -> Tensor:
        """Float [N, inputs, h, w] to [N, outputs, h', w'], before the non-linearity."""
        x = self.conv(x)
        return x if self.norm is None else self.norm(x)


class CompletionNetwork(nn.Module):
    """Completion network C(x, M_c) of Table 2: 17 convolutions, dilated in the middle, at a quarter of the size.

    Args:
        normalised: with batch normalisation after every convolution but the last, as in training (section 3.5);
            False gives the form used for inference, where it is folded into the convolutions.
        outputs: channels of each layer's output, 17 numbers; None for those of Table 2. A network with fewer is one of
            Table 2 whose other channels are idle: see `widen` and `without_idle_channels`.
    """

    def __init__(self, normalised: bool = True, outputs: Sequence[int] | None = None) -> None:
        super().__init__()
        self.outputs = tuple(outputs or (spec.outputs for spec in TABLE_2))
        inputs = (INPUT_CHANNELS, *self.outputs[:-1])
        self.layers = nn.ModuleList(
            ConvUnit(spec, channels_in, channels_out, normalised)
            for spec, channels_in, channels_out in zip(TABLE_2, inputs, self.outputs, strict=True)
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
    folded = CompletionNetwork(normalised=False, outputs=network.outputs)
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


def scaled_channels(width: float) -> tuple[int, ...]:
    """Channels of each layer for a network of `width` (0..1] times those of Table 2; the output keeps its three."""
    return (*(max(1, round(width * spec.outputs)) for spec in TABLE_2[:-1]), TABLE_2[-1].outputs)


@torch.no_grad()
def embed(network: CompletionNetwork, wide: CompletionNetwork) -> CompletionNetwork:
    """Put a folded network into one with more channels, without a change of its function.

    Args:
        network: folded.
        wide: folded, with as many channels or more in every layer; changed. The channels that it has more keep what
            they make of their inputs, but nothing is taken from them.

    Returns:
        `wide`.
    """
    for source, target in zip(network.units, wide.units, strict=True):
        inner, outer = outputs_first(source), outputs_first(target)
        outputs, inputs = inner.shape[:2]
        outer[:outputs] = 0
        outer[:outputs, :inputs] = inner
        assert source.conv.bias is not None and target.conv.bias is not None
        target.conv.bias[:outputs] = source.conv.bias
    return wide


@torch.no_grad()
def widen(network: CompletionNetwork) -> CompletionNetwork:
    """A folded network with the channels of Table 2: those that were not there are zero."""
    wide = CompletionNetwork(normalised=False).to(network.units[0].conv.weight)
    for parameter in wide.parameters():
        parameter.zero_()
    return embed(network, wide).eval()


@torch.no_grad()
def without_idle_channels(network: CompletionNetwork) -> CompletionNetwork:
    """Leave out the channels from which no path of non-zero weights leads to the output.

    The function stays exactly the same; a network that was trained with fewer channels becomes as fast as it was.

    Args:
        network: folded.
    """
    kept = [torch.arange(network.outputs[-1])]
    for unit in reversed(network.units[1:]):
        weight = outputs_first(unit)[kept[0]]
        used = weight.ne(0).flatten(2).any(dim=2).any(dim=0)
        # A layer without any channel cannot be built: one idle channel stays where none is used.
        kept.insert(0, used.nonzero().flatten() if used.any() else torch.tensor([0]))
    lean = CompletionNetwork(normalised=False, outputs=[len(channels) for channels in kept])
    lean = lean.to(network.units[0].conv.weight)
    inputs = [torch.arange(INPUT_CHANNELS), *kept[:-1]]
    for source, target, channels_in, channels_out in zip(network.units, lean.units, inputs, kept, strict=True):
        weight = outputs_first(source)[channels_out][:, channels_in]
        target.conv.weight.copy_(weight.transpose(0, 1) if source.spec.kind == "deconv" else weight)
        assert source.conv.bias is not None and target.conv.bias is not None
        target.conv.bias.copy_(source.conv.bias[channels_out])
    return lean.eval()


def outputs_first(unit: ConvUnit) -> Tensor:
    """A unit's kernel, [outputs, inputs, k, k]: a transposed convolution keeps its outputs in the second dimension."""
    weight = unit.conv.weight
    return weight.transpose(0, 1) if unit.spec.kind == "deconv" else weight
