"""A mask in; rectangles round its holes out, chosen so that completing them costs least."""

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.network.region import region_cost
from glcic_backend.scene.rectangles import bounding_box
from glcic_backend.wire.geometry import Rectangle

MAX_REGION_PIXELS = 768 * 768
"""Largest rectangle computed at once. It bounds the memory of the network's feature maps to about 0.5 GB."""

_LONGEST = 16
"""Sides of the largest square that a rectangle is long at most: layers pad a line of one pixel to 33 (dilation 16)."""

_MAX_COMPONENTS = 256
_BLOCK = 16

_AT_ONCE = 16384
"""Pairs of boxes that are compared between two looks at the cancel: some milliseconds."""


def plan_regions(
    hole: NDArray[np.bool_], max_pixels: int = MAX_REGION_PIXELS, check: Callable[[], None] = lambda: None
) -> list[Rectangle]:
    """Cover all holes by rectangles at the least number of multiply-adds, found greedily.

    Each connected hole starts with its bounding box. A box is halved while its halves, drawn tight, cost less (a thin
    diagonal line), it exceeds `max_pixels`, or it is longer than 16 squares of that area side by side; two boxes are
    merged while their common box costs less than both.

    Args:
        hole: bool [H, W], True in the holes.
        max_pixels: upper limit for the area of a rectangle.
        check: called often; may raise.

    Returns:
        Rectangles that together contain every pixel of the holes; they may overlap.
    """
    height, width = hole.shape
    boxes = []
    check()
    for box in _components(hole, check):
        boxes += _split(hole, box, max_pixels, check)
    return _merge(list(dict.fromkeys(boxes)), width, height, max_pixels, check)


def _components(hole: NDArray[np.bool_], check: Callable[[], None]) -> list[Rectangle]:
    """Bounding boxes of the 8-connected holes, of groups of near ones if there are very many."""
    outer = bounding_box(hole)
    if outer is None:
        return []
    inner = hole[outer.y : outer.bottom, outer.x : outer.right].view(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(inner, connectivity=8)
    if count - 1 <= _MAX_COMPONENTS:
        return [Rectangle(outer.x + int(x), outer.y + int(y), int(w), int(h)) for x, y, w, h, _ in stats[1:]]
    # Hundreds of specks: holes this near to each other share most of their influence regions anyway.
    block = _BLOCK
    while count - 1 > _MAX_COMPONENTS:
        check()
        block *= 2
        rows, columns = (-(-extent // block) for extent in inner.shape)
        padded = np.zeros((rows * block, columns * block), np.uint8)
        padded[: inner.shape[0], : inner.shape[1]] = inner
        blocks = padded.reshape(rows, block, columns, block).max(axis=(1, 3))
        count, _, stats, _ = cv2.connectedComponentsWithStats(blocks, connectivity=8)
    grid = (
        Rectangle(outer.x + int(x) * block, outer.y + int(y) * block, int(w) * block, int(h) * block)
        for x, y, w, h, _ in stats[1:]
    )
    return [box for cell in grid if (box := _tight(hole, cell)) is not None]


def _tight(hole: NDArray[np.bool_], box: Rectangle) -> Rectangle | None:
    inner = bounding_box(hole[box.y : box.bottom, box.x : box.right])
    return None if inner is None else inner._replace(x=inner.x + box.x, y=inner.y + box.y)


def _split(hole: NDArray[np.bool_], box: Rectangle, max_pixels: int, check: Callable[[], None]) -> list[Rectangle]:
    check()
    if box.width >= box.height:
        half = box.width // 2
        halves = box._replace(width=half), box._replace(x=box.x + half, width=box.width - half)
    else:
        half = box.height // 2
        halves = box._replace(height=half), box._replace(y=box.y + half, height=box.height - half)
    if half == 0:
        return [box]
    parts = [part for half_box in halves if (part := _tight(hole, half_box)) is not None]
    whole, *split = region_cost([box, *parts], hole.shape[1], hole.shape[0])
    if _is_small(box.width, box.height, max_pixels) and whole <= sum(split):
        return [box]
    return [piece for part in parts for piece in _split(hole, part, max_pixels, check)]


def _is_small(width: Any, height: Any, max_pixels: int) -> Any:
    """Whether a rectangle may be computed at once; of ints bool, of arrays bool arrays."""
    return (width * height <= max_pixels) & (np.maximum(width, height) <= _LONGEST * math.isqrt(max_pixels))


def _merge(
    boxes: list[Rectangle], width: int, height: int, max_pixels: int, check: Callable[[], None]
) -> list[Rectangle]:
    places = np.array(boxes, np.int64).reshape(-1, 4)
    cost = region_cost(places, width, height)

    def savings(some: NDArray[np.int64], their_cost: NDArray[np.int64]) -> NDArray[np.int64]:
        """What merging some boxes, int64 [..., 1, 4], with each of all would save, [..., n]; 0 where they must not."""
        joint = _unions(some, places)
        gain = their_cost + cost - region_cost(joint, width, height).reshape(joint.shape[:-1])
        gain[~_is_small(joint[..., 2], joint[..., 3], max_pixels) | (cost == 0)] = 0
        return np.asarray(np.maximum(gain, 0), np.int64)

    saving = np.zeros((len(places), len(places)), np.int64)
    rows = max(1, _AT_ONCE // max(1, len(places)))
    for first in range(0, len(places), rows):
        check()
        some = slice(first, first + rows)
        saving[some] = savings(places[some, None], cost[some, None])
    np.fill_diagonal(saving, 0)
    while saving.size and saving.max() > 0:
        check()
        one, other = np.unravel_index(saving.argmax(), saving.shape)
        places[one] = _unions(places[one], places[other])
        cost[one] = region_cost(places[one], width, height)[0]
        # A box that is part of another one costs nothing and is compared no more.
        cost[other] = saving[other] = saving[:, other] = 0
        saving[one] = saving[:, one] = savings(places[one], cost[one])
        saving[one, one] = 0
    return [Rectangle(*map(int, place)) for place, price in zip(places, cost, strict=True) if price]


def _unions(box: NDArray[np.int64], boxes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Smallest rectangles that contain one, int64 [..., 4] of x, y, width, height, and each of some."""
    ends = np.maximum(box[..., :2] + box[..., 2:], boxes[..., :2] + boxes[..., 2:])
    begins = np.minimum(box[..., :2], boxes[..., :2])
    return np.concatenate([begins, ends - begins], axis=-1)
