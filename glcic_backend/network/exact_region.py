"""Image and rectangle in; the network's completion of it out, as if the whole image were computed."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from glcic_backend.errors import CancelledError
from glcic_backend.network.completion_network import TABLE_2, CompletionNetwork, ConvUnit, network_input
from glcic_backend.network.region import LayerSpan, axis_spans
from glcic_backend.wire.geometry import Rectangle


@torch.inference_mode()
def complete_region(
    network: CompletionNetwork,
    read_image: Callable[[Rectangle], Tensor],
    read_hole: Callable[[Rectangle], Tensor],
    mean_pixel: Sequence[float],
    size: tuple[int, int],
    region: Rectangle,
    progress: Callable[[float], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Tensor:
    """Compute the completion of one rectangle of an image, as the network on the whole image would.

    Args:
        network: a folded network (no batch normalisation).
        read_image: gives a rectangle of the image as float [1, 3, h, w], RGB, 0..1.
        read_hole: gives a rectangle of the mask as float [1, 1, h, w], 1 in the holes; all holes of the image, since
            one hole may lie in the influence region of another.
        mean_pixel: RGB, 0..1.
        size: width and height of the image.
        region: the rectangle to complete.
        progress: called with the finished share, 0..1, after each layer.
        cancelled: polled before each layer.

    Returns:
        float [3, region.height, region.width], RGB, 0..1, raw output of the network.

    Raises:
        CancelledError: `cancelled` returned True.
    """
    columns = axis_spans(region.x, region.right - 1, size[0])
    rows = axis_spans(region.y, region.bottom - 1, size[1])
    source = Rectangle(
        columns[0].input_first,
        rows[0].input_first,
        columns[0].input_last - columns[0].input_first + 1,
        rows[0].input_last - rows[0].input_first + 1,
    )
    x = network_input(read_image(source), read_hole(source), mean_pixel)
    x = x.contiguous(memory_format=torch.channels_last)
    for index, (layer, column, row) in enumerate(zip(network.units, columns, rows, strict=True)):
        if cancelled is not None and cancelled():
            raise CancelledError("The completion was cancelled while the network ran.")
        x = _compute_span(layer, x, column, row)
        x = torch.sigmoid_(x) if layer.spec.kind == "output" else torch.relu_(x)
        if progress is not None:
            progress((index + 1) / len(TABLE_2))
    return x[0]


def _compute_span(layer: ConvUnit, x: Tensor, column: LayerSpan, row: LayerSpan) -> Tensor:
    """Apply a layer to a part of its input, with the zero padding of the whole image only where its border is."""
    spec, conv = layer.spec, layer.conv
    if spec.kind == "deconv":
        x = functional.conv_transpose2d(x, conv.weight, conv.bias, stride=spec.stride, padding=spec.padding)
        top = row.first - spec.stride * row.input_first
        left = column.first - spec.stride * column.input_first
        return x[..., top : top + row.last - row.first + 1, left : left + column.last - column.first + 1]
    padding = (column.pad_before, column.pad_after, row.pad_before, row.pad_after)
    if padding[0] == padding[1] and padding[2] == padding[3]:
        around = padding[2], padding[0]  # the convolution's own padding, which copies nothing
    else:
        x, around = functional.pad(x, padding), (0, 0)
    return functional.conv2d(x, conv.weight, conv.bias, stride=spec.stride, padding=around, dilation=spec.dilation)
