"""Uniform random numbers, in; holes shaped like what people take out of photographs, out.

Three sorts, in proportions measured on selections of real objects (docs/workshop/training.md): bodies with limbs,
thin poles, wires. Each is a function of the numbers alone, as all shapes of `shapes.py` are.
"""

import math

import torch
from torch import Tensor

_BODIES, _POLES = 0.64, 0.2
"""Shares of the sorts; the rest are wires."""
_WAVES = 3
_LIMBS = 4
_WIRES = 3
# Numbers of a limb: direction, reach, thickness, taper, bend. Of a wire: two ends, sag, thickness.
_LIMB_DRAWS, _WIRE_DRAWS = 5, 4


def inside_object(across: Tensor, down: Tensor, aspect: Tensor, u: Tensor, count: tuple[int, int]) -> Tensor:
    """bool [N, S, S], as every kind of `shapes.KINDS`; `u` is float32 [N, 43], of which 36 are used."""
    # Distances are measured in halves of the box's shorter side, so that things are as thick in all directions.
    wide, high = torch.clamp(aspect, min=1), torch.clamp(1 / aspect, min=1)
    px, py = across * wide, down * high
    # Thinner than two pixels, a wire would have gaps.
    pixel = (px[:, :, 1:2] - px[:, :, :1]).abs()
    sort, turned, shape = u[:, 0], (u[:, 1] < 0.3)[:, None, None], u[:, 2:]
    body = _body(px, py, wide, high, shape)
    # Poles stand and wires lie, three of ten the other way round.
    stands, lies = (py, px, high, wide), (px, py, wide, high)
    along, beside, length, width = (torch.where(turned, b, a) for a, b in zip(stands, lies, strict=True))
    pole = _poles(along, beside, length, width, shape, pixel)
    along, beside, length, width = (torch.where(turned, b, a) for a, b in zip(lies, stands, strict=True))
    wire = _wires(along, beside, length, width, shape, pixel)
    sort = sort[:, None, None]
    return torch.where(sort < _BODIES, body, torch.where(sort < _BODIES + _POLES, pole, wire))


def _body(px: Tensor, py: Tensor, wide: Tensor, high: Tensor, u: Tensor) -> Tensor:
    """A rounded trunk, and up to four bent limbs that reach for the edge of the box. Three of seven have none."""
    limbs = torch.floor(u[:, 0] * 7 - 2).clamp(min=0)[:, None, None]
    bare = (limbs == 0).float()
    share = torch.lerp(0.46 + 0.3 * u[:, 1, None, None], torch.ones_like(bare), bare)
    x0, y0 = ((1 - share) * side * (u[:, 2 + n, None, None] - 0.5) for n, side in enumerate((wide, high)))
    x, y = (px - x0) / (share * wide), (py - y0) / (share * high)
    amplitude = 0.25 * u[:, 4 : 4 + _WAVES] / torch.arange(1, _WAVES + 1, device=u.device)
    phase = 2 * math.pi * u[:, 4 + _WAVES : 4 + 2 * _WAVES]
    angle = torch.atan2(y, x)
    outline = torch.ones_like(angle)
    for wave in range(_WAVES):
        outline = outline + amplitude[:, wave, None, None] * torch.cos((wave + 2) * angle + phase[:, wave, None, None])
    widest = 1 + amplitude.sum(dim=1)[:, None, None]
    inside = (x.square() + y.square()).sqrt() * widest < outline
    for limb in range(_LIMBS):
        first = 4 + 2 * _WAVES + limb * _LIMB_DRAWS
        turn, reach, thickness, taper, bend = (u[:, first + n, None, None] for n in range(_LIMB_DRAWS))
        # The limbs share the directions, so that they do not all leave on one side.
        direction = 2 * math.pi * (limb + 0.8 * turn) / _LIMBS
        root = 0.1 + 0.16 * thickness
        tip = root * (0.35 + 0.5 * taper)
        dx, dy = torch.cos(direction), torch.sin(direction)
        # As far as the edge lets the round end of it.
        most = torch.minimum((wide - tip) / dx.abs().clamp(min=1e-3), (high - tip) / dy.abs().clamp(min=1e-3))
        length = most * (0.8 + 0.2 * reach)
        x1, y1 = dx * length, dy * length
        off = (bend - 0.5) * 0.6 * length
        xk, yk = (x0 + x1) / 2 - dy * off, (y0 + y1) / 2 + dx * off
        knee = (root + tip) / 2
        arm = _limb(px - x0, py - y0, xk - x0, yk - y0, root, knee) | _limb(
            px - xk, py - yk, x1 - xk, y1 - yk, knee, tip
        )
        inside = inside | (arm & (limb < limbs))
    return inside


def _limb(px: Tensor, py: Tensor, dx: Tensor, dy: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """A round-ended bar from (0, 0) to (dx, dy) whose radius goes from `start` to `end`: bool [N, S, S]."""
    along = ((px * dx + py * dy) / (dx * dx + dy * dy).clamp(min=1e-6)).clamp(0, 1)
    radius = start + (end - start) * along
    return (px - dx * along).square() + (py - dy * along).square() < radius.square()


def _poles(along: Tensor, beside: Tensor, length: Tensor, width: Tensor, u: Tensor, pixel: Tensor) -> Tensor:
    """One pole through the whole box, leaning a little and thinner at one end; in a third of all cases a second one.

    `along` and `beside` are coordinates, `length` and `width` half of the box in these directions.
    """
    inside = torch.zeros_like(along * beside, dtype=torch.bool)
    for number in range(2):
        place, lean, thickness, taper, reach = (u[:, 5 * number + n, None, None] for n in range(5))
        radius = torch.maximum(length * (0.045 + 0.1 * thickness), 1.1 * pixel)
        room = (width - radius).clamp(min=0)
        middle = room * (2 * place - 1) * 0.6
        slope = (lean - 0.5) * 0.5 * room / length
        local = radius * (1 - 0.4 * taper * (along / length + 1) / 2)
        end = length * (1 if number == 0 else 0.5 + 0.5 * reach)
        pole = ((beside - middle - slope * along).abs() < torch.maximum(local, pixel)) & (along.abs() < end)
        inside = inside | (pole & ((u[:, 10, None, None] < 0.33) | (number == 0)))
    return inside


def _wires(along: Tensor, beside: Tensor, length: Tensor, width: Tensor, u: Tensor, pixel: Tensor) -> Tensor:
    """One to three wires from edge to edge, each with its own sag."""
    wanted = torch.floor(1 + u[:, 0] * _WIRES)[:, None, None]
    inside = torch.zeros_like(along * beside, dtype=torch.bool)
    t = along / length
    for number in range(_WIRES):
        first = 1 + number * _WIRE_DRAWS
        start, end, sag, thickness = (u[:, first + n, None, None] for n in range(_WIRE_DRAWS))
        radius = torch.maximum(length * (0.012 + 0.035 * thickness), 1.1 * pixel)
        room = (width - radius).clamp(min=0)
        low, high = room * (2 * start - 1), room * (2 * end - 1)
        # The sag may not lead out of the box: it turns to where there is room.
        middle = (low + high) / 2
        depth = 0.7 * sag * (room - middle)
        centre = middle + (high - low) / 2 * t + depth * (1 - t.square())
        slope = ((high - low) / 2 - 2 * depth * t) / length
        wire = (beside - centre).abs() < radius * (1 + slope.square()).sqrt()
        inside = inside | (wire & (number < wanted))
    return inside
