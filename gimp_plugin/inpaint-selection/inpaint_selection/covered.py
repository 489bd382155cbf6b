"""What a hole covered before it was first filled, kept for as long as the image is open.

How the thing looked tells what of it a tight selection has left outside. So another try at the same place has to know
it, too, though what lies in the hole by then is the fill before.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import NamedTuple

from gi.repository import Gimp

from .again import place_of
from .hole import Hole
from .source import Source

# Neither kept in files nor a step of undo: fills that are undone, and done again, are known by what they look like.
_PARASITE = "inpaint-selection-covered"
_NO_FLAGS = 0
# A parasite's data pass as signed numbers, one by one: in plain ASCII, and no more of them than take half a second.
_MOST_BYTES = 1 << 22
_MOST_FILLS = 64


class Covered(NamedTuple):
    """What a hole covers.

    Attributes:
        what: tells its layer and hole, and what it is filled from, from all others of the image.
        pixels: those of the hole's area before its first fill, in the format of its source.
        fills: digests of what the layer shows there after each fill since.
    """

    what: str
    pixels: bytes
    fills: list[str]


def covered_by(image: Gimp.Image, layer: Gimp.Layer, hole: Hole, source: Source, merged: bool) -> Covered:
    """What was in a hole before it was first filled; what is there now if that is no fill.

    Args:
        merged: the source is what is visible, not the layer.
    """
    what = f"{place_of(layer, hole)} {source.format.encoding} {'merged' if merged else 'layer'}"
    parasite = image.get_parasite(_PARASITE)
    if parasite is not None:
        head, _newline, pixels = bytes(parasite.get_data()).partition(b"\n")
        last = Covered(pixels=base64.b64decode(pixels), **json.loads(head))
        if last.what == what and _shown(layer, hole) in last.fills:
            return last
    return Covered(what, source.read(hole.area), [])


def remember_covered(image: Gimp.Image, layer: Gimp.Layer, hole: Hole, covered: Covered) -> None:
    """Notes what was in a hole of a layer that was filled just now; nothing if it is too large."""
    head = {"what": covered.what, "fills": [*covered.fills[1 - _MOST_FILLS :], _shown(layer, hole)]}
    pixels = covered.pixels
    if len(pixels) > _MOST_BYTES:
        head, pixels = {"what": "", "fills": []}, b""
    data = json.dumps(head).encode() + b"\n" + base64.b64encode(pixels)
    image.attach_parasite(Gimp.Parasite.new(_PARASITE, _NO_FLAGS, data))


def _shown(layer: Gimp.Layer, hole: Hole) -> str:
    """A digest of what a layer shows in the area of a hole."""
    source = Source(layer)
    return hashlib.sha256(source.read(hole.area)).hexdigest()
