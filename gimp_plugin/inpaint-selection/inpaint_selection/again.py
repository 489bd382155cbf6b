"""Another try at the same place: what the image remembers of its last fill, for as long as it is open."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from gi.repository import Gimp

from .arguments import MAX_VARIANT
from .hole import Hole

# Neither kept in files nor a step of undo: a fill that was undone has been tried all the same.
_PARASITE = "inpaint-selection-last"
_NO_FLAGS = 0


class LastFill(NamedTuple):
    """The last fill of an image.

    Attributes:
        place: what tells its layer and hole from all others.
        variant: the number of its fill; of several, the last of them.
    """

    place: str
    variant: int


def next_variant(variant: int) -> int:
    """The number of the next try; after the largest one comes 0."""
    return (variant + 1) % (MAX_VARIANT + 1)


def place_of(layer: Gimp.Layer, hole: Hole) -> str:
    """What tells a layer and a hole in it from all others of the image."""
    return hashlib.sha256(repr((layer.get_tattoo(), hole.area)).encode() + hole.coverage).hexdigest()


def last_fill(image: Gimp.Image) -> LastFill:
    """The last fill of an image; of no place if there was none."""
    parasite = image.get_parasite(_PARASITE)
    if parasite is None:
        return LastFill("", 0)
    return LastFill(*json.loads(bytes(parasite.get_data())))


def remember(image: Gimp.Image, last: LastFill) -> None:
    """Notes the last fill."""
    image.attach_parasite(Gimp.Parasite.new(_PARASITE, _NO_FLAGS, json.dumps(last).encode()))
