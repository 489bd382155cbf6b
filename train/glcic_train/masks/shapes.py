"""The shapes of holes, each a function of a few uniform random numbers.

A shape is drawn inside a box whose width and height are drawn separately (section 3.5), so that every kind of hole
keeps to the configured range and the local discriminator's patch, centred on the box, sees it. The random numbers come
from outside: the same numbers give the same hole on every device, in every process.
"""

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from glcic_train.masks.objects import inside_object

DRAWS = 48
"""Uniform random numbers that one hole takes."""
# What they decide: the first chooses the kind, four give the box, the others belong to the shape.
_BOX, _SHAPE = slice(1, 5), slice(5, DRAWS)

_STROKE_VERTICES = 6
_BLOB_WAVES = 6
_MAX_RECTANGLES = 8


def draw_boxes(draws: np.ndarray, size: int, hole: tuple[int, int], centred: np.ndarray) -> np.ndarray:
    """Boxes of holes in an image of `size` x `size` pixels.

    Args:
        draws: float64 [N, DRAWS], uniform in 0..1.
        hole: range of the width and of the height, in pixels, both ends included.
        centred: bool [N], boxes that lie in the middle of the image.

    Returns:
        int64 [N, 4]: x, y, width, height.
    """
    low, high = hole
    u = draws[:, _BOX]
    extent = np.floor(low + u[:, :2] * (high - low + 1)).astype(np.int64)
    place = np.where(centred[:, None], 0.5, u[:, 2:])
    corner = np.floor(place * (size - extent + np.where(centred[:, None], 0, 1))).astype(np.int64)
    return np.concatenate([corner, extent], axis=1)


def draw_shapes(kind: str, boxes: Tensor, draws: Tensor, size: int, count: tuple[int, int]) -> Tensor:
    """Fill boxes with holes of one kind.

    Args:
        kind: a key of `KINDS`.
        boxes: int64 [N, 4], x, y, width, height, from `draw_boxes`.
        draws: float32 [N, DRAWS], uniform in 0..1, the same numbers.
        size: side of the image, in pixels.
        count: range of the number of rectangles for the kind `rectangles`.

    Returns:
        float32 [N, 1, size, size], 1 in the hole; never empty, never outside its box. On the device of `boxes`.
    """
    line = torch.arange(size, device=boxes.device, dtype=torch.float32) + 0.5
    # Position of each pixel's centre inside the box: -1..1 from edge to edge, [N, 1, S] and [N, S, 1].
    x, y, width, height = (boxes[:, i].to(torch.float32)[:, None, None] for i in range(4))
    across = (line[None, None, :] - x) / width * 2 - 1
    down = (line[None, :, None] - y) / height * 2 - 1
    in_box = (across.abs() < 1) & (down.abs() < 1)
    hole = in_box & KINDS[kind](across, down, width / height, draws[:, _SHAPE], count)
    # The smallest shapes can fall between the pixels: the middle of the box stands in for them.
    middle = (across.abs() * width < 2) & (down.abs() * height < 2)
    empty = ~hole.flatten(1).any(dim=1)[:, None, None]
    return (hole | (middle & empty))[:, None].to(torch.float32)


def _whole_box(across: Tensor, down: Tensor, aspect: Tensor, u: Tensor, count: tuple[int, int]) -> Tensor:
    return torch.ones_like(across * down, dtype=torch.bool)


def _rectangles(across: Tensor, down: Tensor, aspect: Tensor, u: Tensor, count: tuple[int, int]) -> Tensor:
    """Several rectangles, each a fifth to half of the box wide and high."""
    low, high = count
    wanted = torch.floor(low + u[:, 0] * (high - low + 1))
    inside = torch.zeros_like(across * down, dtype=torch.bool)
    for i in range(_MAX_RECTANGLES):
        w, h, cx, cy = (u[:, 1 + 4 * i + k][:, None, None] for k in range(4))
        half_width, half_height = 0.2 + 0.3 * w, 0.2 + 0.3 * h
        left = (2 * cx - 1) * (1 - half_width)
        top = (2 * cy - 1) * (1 - half_height)
        rectangle = ((across - left).abs() < half_width) & ((down - top).abs() < half_height)
        inside = inside | (rectangle & (i < wanted)[:, None, None])
    return inside


def _strokes(across: Tensor, down: Tensor, aspect: Tensor, u: Tensor, count: tuple[int, int]) -> Tensor:
    """A brush stroke of three to six points and one thickness, as a user paints it."""
    # Distances are measured in halves of the box's shorter side, so that the brush is round.
    wide, high = torch.clamp(aspect, min=1), torch.clamp(1 / aspect, min=1)
    px, py = across * wide, down * high
    radius = (0.12 + 0.18 * u[:, 0])[:, None, None]
    vertices = torch.floor(3 + u[:, 1] * (_STROKE_VERTICES - 2))
    inside = torch.zeros_like(px * py, dtype=torch.bool)
    signed = 2 * u[:, 2 : 2 + 2 * _STROKE_VERTICES, None, None] - 1
    points = [
        (signed[:, 2 * i] * (wide - radius), signed[:, 2 * i + 1] * (high - radius)) for i in range(_STROKE_VERTICES)
    ]
    for i in range(1, _STROKE_VERTICES):
        (ax, ay), (bx, by) = points[i - 1], points[i]
        dx, dy = bx - ax, by - ay
        along = ((px - ax) * dx + (py - ay) * dy) / (dx * dx + dy * dy).clamp(min=1e-6)
        along = along.clamp(0, 1)
        distance = (px - ax - along * dx).square() + (py - ay - along * dy).square()
        inside = inside | ((distance < radius.square()) & (i < vertices)[:, None, None])
    return inside


def _blob(across: Tensor, down: Tensor, aspect: Tensor, u: Tensor, count: tuple[int, int]) -> Tensor:
    """An ellipse whose radius swings along its outline: the rounded shape of a selected object."""
    amplitude = u[:, 2 : 2 + _BLOB_WAVES] * 0.5 / torch.arange(1, _BLOB_WAVES + 1, device=u.device)
    phase = u[:, 2 + _BLOB_WAVES : 2 + 2 * _BLOB_WAVES] * 2 * math.pi

    def swing(angle: Tensor) -> Tensor:
        radius = torch.ones_like(angle)
        for wave in range(_BLOB_WAVES):
            shift = phase[:, wave].view(-1, 1, 1)
            radius = radius + amplitude[:, wave].view(-1, 1, 1) * torch.cos((wave + 1) * angle + shift)
        return radius

    # The widest swing touches the box, or holes would be smaller than configured.
    turn = torch.linspace(0, 2 * math.pi, 64, device=u.device).view(1, 1, -1).expand(len(u), 1, -1)
    widest = swing(turn).amax(dim=2, keepdim=True)
    angle = torch.atan2(*torch.broadcast_tensors(down, across))
    return (across.square() + down.square()).sqrt() * widest < swing(angle)


KINDS: dict[str, Callable[[Tensor, Tensor, Tensor, Tensor, tuple[int, int]], Tensor]] = {
    "rectangle": _whole_box,
    "rectangles": _rectangles,
    "strokes": _strokes,
    "centre": _whole_box,
    "blob": _blob,
    "objects": inside_object,
}
"""Kind of hole -> inside(across, down, aspect, draws, count): bool [N, S, S]. `across` and `down` run from -1 to 1 over
the box, `aspect` is its width over its height."""
