"""A rectangle in; what it depends on, layer by layer, and what that costs to compute, out.

The completion network is convolutional, so the pixels of a hole depend on a bounded region of the image (the paper
states 307 x 307 for one pixel). Going backwards through Table 2 with interval arithmetic gives, for each layer, the
smallest rectangle of its output that the wanted rectangle needs: large at the input, shrinking towards the output.
Where such a rectangle passes the border of the image, the layer's own zero padding takes its place, so that computing
just these rectangles gives what the network computes on the whole image.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from glcic_backend.network.completion_network import INPUT_CHANNELS, SIZE_MULTIPLE, TABLE_2, LayerSpec
from glcic_backend.wire.geometry import Rectangle

Indices = NDArray[np.int64]
"""Indices along one axis, int64 [...]."""

_CONTEXT_BEFORE, _CONTEXT_AFTER = 152, 148


@dataclass(frozen=True)
class LayerSpan:
    """What one layer computes along one axis.

    Attributes:
        first, last: wanted outputs of the layer, inclusive.
        input_first, input_last: inputs they need, clipped to what exists.
        pad_before, pad_after: zero padding that stands for the inputs that do not exist.
    """

    first: int
    last: int
    input_first: int
    input_last: int
    pad_before: int
    pad_after: int


def layer_extents(size: int) -> list[int]:
    """Extent of the input and of each layer's output for an image of `size` pixels along one axis."""
    extents = [size]
    for spec in TABLE_2:
        size = size * spec.stride if spec.kind == "deconv" else -(-size // spec.stride)
        extents.append(size)
    return extents


def _needed_inputs(spec: LayerSpec, first: Indices, last: Indices) -> tuple[Indices, Indices]:
    """Inputs that outputs `first..last` of a layer are computed from, not yet clipped to the layer's input."""
    if spec.kind == "deconv":
        return -((2 - first) // 2), (last + 1) // 2
    reach = spec.dilation * (spec.kernel - 1)
    return spec.stride * first - spec.padding, spec.stride * last - spec.padding + reach


def axis_spans(first: int, last: int, size: int) -> list[LayerSpan]:
    """Spans of all layers, input side first, for the completion's pixels `first..last` of an axis of `size` pixels."""
    spans = []
    wanted = np.array([first, last])
    for spec, extent in zip(reversed(TABLE_2), reversed(layer_extents(size)[:-1]), strict=True):
        needed = np.stack(_needed_inputs(spec, *wanted))
        clipped = np.clip(needed, 0, extent - 1)
        before, after = abs(clipped - needed)
        spans.append(LayerSpan(*map(int, (*wanted, *clipped, before, after))))
        wanted = clipped
    return spans[::-1]


def region_cost(rectangles: Sequence[Rectangle] | NDArray[np.int64], width: int, height: int) -> NDArray[np.int64]:
    """Multiply-adds that computing the completion of each rectangle costs, in an image of width x height pixels.

    Args:
        rectangles: n rectangles, or int [n, 4] of x, y, width, height.

    Returns:
        int64 [n].
    """
    boxes = np.asarray(rectangles, dtype=np.int64).reshape(-1, 4).T
    columns = boxes[0], boxes[0] + boxes[2] - 1
    rows = boxes[1], boxes[1] + boxes[3] - 1
    inputs = [INPUT_CHANNELS, *(spec.outputs for spec in TABLE_2[:-1])]
    extents = zip(layer_extents(width)[:-1], layer_extents(height)[:-1], strict=True)
    cost = np.zeros(boxes.shape[1], dtype=np.int64)
    for spec, channels, (columns_exist, rows_exist) in reversed(list(zip(TABLE_2, inputs, extents, strict=True))):
        # Each output of a transposed convolution with stride s meets only every s-th tap of the kernel per axis.
        taps = spec.kernel**2 // (spec.stride**2 if spec.kind == "deconv" else 1)
        area = (columns[1] - columns[0] + 1) * (rows[1] - rows[0] + 1)
        cost += area * (taps * channels * spec.outputs)
        columns = _clipped(_needed_inputs(spec, *columns), columns_exist)
        rows = _clipped(_needed_inputs(spec, *rows), rows_exist)
    return cost


def _clipped(interval: tuple[Indices, Indices], extent: int) -> tuple[Indices, Indices]:
    return np.maximum(interval[0], 0), np.minimum(interval[1], extent - 1)


def context_rectangle(width: int, height: int, hole: Rectangle) -> Rectangle:
    """Crop of an image that holds all that can influence the completion of a hole.

    Completing the hole in this crop gives the same as completing it in the whole image. The crop begins at a multiple
    of 4, where the strided convolutions sample the same positions.

    Args:
        width, height: of the image, in pixels.
        hole: the hole's bounding box in the image.
    """
    left, right = _context_interval(hole.x, hole.right, width)
    top, bottom = _context_interval(hole.y, hole.bottom, height)
    return Rectangle(left, top, right - left, bottom - top)


def _context_interval(begin: int, end: int, size: int) -> tuple[int, int]:
    begin -= begin % SIZE_MULTIPLE
    end += -end % SIZE_MULTIPLE
    return max(0, begin - _CONTEXT_BEFORE), min(size, end + _CONTEXT_AFTER)
