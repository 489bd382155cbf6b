"""What the last hole covered before it was first filled, kept for as long as the image is open.

How the thing looked tells what of it a tight selection has left outside. So another try at the same place has to know
it, too, though what lies in the hole by then is the fill before. A layer's own pixels alone are remembered, not what is
visible together with others, which come and go.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import NamedTuple

from gi.repository import Gimp
from wire.geometry import Rectangle

from .areas import common
from .hole import Hole
from .samples import cut_out, hole_of, put_in, spliced
from .source import Source

# Neither kept in files nor a step of undo: a fill is known by what it looks like, also when it was undone and redone.
_PARASITE = "inpaint-selection-covered"
_NO_FLAGS = 0
# A parasite's data pass as signed numbers, one by one: in plain ASCII, and no more of them than take half a second.
_MOST_BYTES = 1 << 22
_MOST_FILLS = 64


class _Covered(NamedTuple):
    """The last hole of an image.

    Attributes:
        layer: its layer and the format of the pixels.
        hole: where it was.
        pixels: those of the hole's area before the first fill.
        fills: digests of what the layer shows in the hole after each fill of it.
    """

    layer: str
    hole: Hole
    pixels: bytes
    fills: list[str]


def remembered(image: Gimp.Image, layer: Gimp.Layer, hole: Hole, source: Source) -> bytes | None:
    """The pixels of a hole's area as they were before the last fill in place, in the source's format.

    Args:
        source: the layer.

    Returns:
        None where nothing is known that they do not show themselves.
    """
    last = _last(image)
    if last is None or last.layer != _name_of(layer, source):
        return None
    area = last.hole.area
    both = common(area, hole.area)
    if both is None or common(area, source.extent) != area or not _is_another_try(last.hole, hole, both):
        return None
    if _shown(source, last.hole) not in last.fills:
        return None
    now = source.read(hole.area)
    before, covered = cut_out(last.pixels, area, both), cut_out(last.hole.coverage, area, both)
    return put_in(now, hole.area, spliced(cut_out(now, hole.area, both), before, covered), both)


def is_worth_remembering(hole: Hole, source: Source) -> bool:
    """Whether what a hole covers is little enough."""
    return len(hole.coverage) * (source.format.bytes_per_pixel + 1) <= _MOST_BYTES


def remember_covered(image: Gimp.Image, layer: Gimp.Layer, hole: Hole, source: Source, before: bytes) -> None:
    """Notes what was in a hole of a layer that was filled just now.

    Args:
        before: the pixels of the hole's area before its first fill.
    """
    name, last = _name_of(layer, source), _last(image)
    fills = last.fills if last is not None and (last.layer, last.hole, last.pixels) == (name, hole, before) else []
    head = {"layer": name, "area": hole.area, "fills": [*fills[1 - _MOST_FILLS :], _shown(source, hole)]}
    parts = [json.dumps(head).encode(), base64.b64encode(hole.coverage), base64.b64encode(before)]
    image.attach_parasite(Gimp.Parasite.new(_PARASITE, _NO_FLAGS, b"\n".join(parts)))


def _last(image: Gimp.Image) -> _Covered | None:
    """None also where a file has brought a parasite of this name that nobody here wrote."""
    parasite = image.get_parasite(_PARASITE)
    if parasite is None:
        return None
    try:
        head, coverage, pixels = bytes(parasite.get_data()).split(b"\n")
        told = json.loads(head)
        hole = Hole(Rectangle(*map(int, told["area"])), base64.b64decode(coverage))
        last = _Covered(str(told["layer"]), hole, base64.b64decode(pixels), list(told["fills"]))
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    count = hole.area.width * hole.area.height
    is_whole = count > 0 and len(hole.coverage) == count and len(last.pixels) % count == 0
    return last if is_whole and last.layer.endswith(f" {len(last.pixels) // count}") else None


def _is_another_try(last: Hole, hole: Hole, both: Rectangle) -> bool:
    """Whether a hole has at least half of the last one in it: a small one within is about something in its fill."""
    old, new = (hole_of(each.coverage) for each in (last, hole))
    in_both = int.from_bytes(cut_out(old, last.area, both), "big") & int.from_bytes(
        cut_out(new, hole.area, both), "big"
    )
    return 2 * in_both.bit_count() >= int.from_bytes(old, "big").bit_count()


def _name_of(layer: Gimp.Layer, source: Source) -> str:
    """Tells a layer and its format from all others of the image."""
    return f"{layer.get_tattoo()} {source.format.encoding} {source.format.bytes_per_pixel}"


def _shown(source: Source, hole: Hole) -> str:
    """A digest of what is in a hole; not of what lies beside it in its area."""
    pixels = source.read(hole.area)
    return hashlib.sha256(spliced(bytes(len(pixels)), pixels, hole.coverage)).hexdigest()
