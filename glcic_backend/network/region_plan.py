"""A mask in; rectangles round its holes out, chosen so that completing them costs least."""

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend.network.region import region_cost
from glcic_backend.scene.rectangles import bounding_box, union
from glcic_backend.wire.geometry import Rectangle

MAX_REGION_PIXELS = 768 * 768
"""Largest rectangle computed at once. It bounds the memory of the network's feature maps to about 0.5 GB."""

_MAX_COMPONENTS = 256
_BLOCK = 32


def plan_regions(hole: NDArray[np.bool_], max_pixels: int = MAX_REGION_PIXELS) -> list[Rectangle]:
    """Cover all holes by rectangles at the least number of multiply-adds, found greedily.

    Each connected hole starts with its bounding box. A box is halved while its halves, drawn tight, cost less (a thin
    diagonal line) or it exceeds `max_pixels`; two boxes are merged while their common box costs less than both.

    Args:
        hole: bool [H, W], True in the holes.
        max_pixels: upper limit for the area of a rectangle.

    Returns:
        Rectangles that together contain every pixel of the holes; they may overlap.
    """
    height, width = hole.shape
    boxes = [part for box in _components(hole) for part in _split(hole, box, max_pixels)]
    return _merge(boxes, width, height, max_pixels)


def _components(hole: NDArray[np.bool_]) -> list[Rectangle]:
    """Bounding boxes of the 8-connected holes, of groups of near ones if there are very many."""
    outer = bounding_box(hole)
    if outer is None:
        return []
    inner = hole[outer.y : outer.bottom, outer.x : outer.right].view(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(inner, connectivity=8)
    if count - 1 <= _MAX_COMPONENTS:
        return [Rectangle(outer.x + int(x), outer.y + int(y), int(w), int(h)) for x, y, w, h, _ in stats[1:]]
    # Hundreds of specks: holes this near to each other share most of their influence regions anyway.
    rows, columns = (-(-extent // _BLOCK) for extent in inner.shape)
    padded = np.zeros((rows * _BLOCK, columns * _BLOCK), np.uint8)
    padded[: inner.shape[0], : inner.shape[1]] = inner
    blocks = padded.reshape(rows, _BLOCK, columns, _BLOCK).max(axis=(1, 3))
    _, _, stats, _ = cv2.connectedComponentsWithStats(blocks, connectivity=8)
    grid = (
        Rectangle(outer.x + int(x) * _BLOCK, outer.y + int(y) * _BLOCK, int(w) * _BLOCK, int(h) * _BLOCK)
        for x, y, w, h, _ in stats[1:]
    )
    return [box for cell in grid if (box := _tight(hole, cell)) is not None]


def _tight(hole: NDArray[np.bool_], box: Rectangle) -> Rectangle | None:
    inner = bounding_box(hole[box.y : box.bottom, box.x : box.right])
    return None if inner is None else inner._replace(x=inner.x + box.x, y=inner.y + box.y)


def _split(hole: NDArray[np.bool_], box: Rectangle, max_pixels: int) -> list[Rectangle]:
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
    if box.width * box.height <= max_pixels and whole <= sum(split):
        return [box]
    return [piece for part in parts for piece in _split(hole, part, max_pixels)]


def _merge(boxes: list[Rectangle], width: int, height: int, max_pixels: int) -> list[Rectangle]:
    cost = dict(zip(boxes, region_cost(boxes, width, height).tolist(), strict=True)) if boxes else {}
    pairs = list(itertools.combinations(cost, 2))
    saving: dict[tuple[Rectangle, Rectangle], int] = {}

    def add(new_pairs: list[tuple[Rectangle, Rectangle]]) -> None:
        if not new_pairs:
            return
        unions = [union(a, b) for a, b in new_pairs]
        for (a, b), joint, together in zip(new_pairs, unions, region_cost(unions, width, height).tolist(), strict=True):
            gain = cost[a] + cost[b] - together
            if gain > 0 and joint.width * joint.height <= max_pixels:
                saving[a, b] = gain

    add(pairs)
    while saving:
        a, b = max(saving, key=lambda pair: saving[pair])
        joint = union(a, b)
        del cost[a], cost[b]
        for pair in [pair for pair in saving if a in pair or b in pair]:
            del saving[pair]
        others = [box for box in cost if box != joint]
        cost[joint] = int(region_cost([joint], width, height)[0])
        add([(joint, other) for other in others])
    return list(cost)
