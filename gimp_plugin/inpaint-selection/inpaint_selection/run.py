"""The course of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace

from gi.repository import Gimp

from . import checks, looks
from .again import LastFill, last_fill, next_variant, place_of, remember
from .areas import common
from .arguments import IN_PLACE, NEW_LAYER, SEVERAL, Options
from .completion import complete
from .covered import is_worth_remembering, remember_covered, remembered
from .daemon import DaemonStart
from .daemon_errors import told
from .hole import Hole, read_hole
from .installation import read_installation
from .lines import read_lines
from .progress import Progress
from .refusals import Deleted, Refusal
from .source import Source, extent_of, stored_encoding, visible
from .sources import read_sources
from .texts import _
from .writing import Fill, write_in_place, write_new_layer, write_several

_SEVERAL = 3
"""How many fills there are to choose from."""


def run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
) -> bool:
    """Fills the selection. Returns False if the user thought better of it, or has closed the image meanwhile.

    Raises:
        Refusal: it cannot be done; the image is unchanged.
    """
    layer = checks.only_layer(image, drawables)
    start = DaemonStart(read_installation())
    last = last_fill(image)
    if run_mode == Gimp.RunMode.INTERACTIVE:
        from .dialog import ask

        config.set_property("variant", last.variant)
        if not ask(procedure, config, image, start):
            return False
    options = Options.from_config(config)
    checks.target(layer, options)
    progress = Progress(options.quality, _SEVERAL if options.result == SEVERAL else 1)
    before = _state(layer)
    with _source(image, layer, options) as source:
        within = source.extent if options.result != IN_PLACE else common(source.extent, extent_of(layer))
        if within is None:
            raise Refusal(_("The layer lies wholly outside the image."))
        hole = read_hole(image, options, within)
        looks.check(image, layer, hole, options)
        sources = read_sources(image, hole.area, options)
        lines = read_lines(image, hole, options)
        covered = None if options.sample_merged else remembered(image, layer, hole, source)
        to_remember = None
        if options.result == IN_PLACE and not options.sample_merged and is_worth_remembering(hole, source):
            to_remember = covered or source.read(hole.area)
        place = place_of(layer, hole)
        if run_mode == Gimp.RunMode.WITH_LAST_VALS and place == last.place:
            options = replace(options, variant=next_variant(last.variant))
        tries = [options]
        fills: list[Fill] = []
        while len(tries) < progress.fills:
            tries.append(replace(options, variant=next_variant(tries[-1].variant)))
        try:
            with told(options, start.installation):
                for each in tries:
                    progress.begin_fill(len(fills))
                    fills.append(complete(start, source, sources, lines, hole, covered, each, progress))
        except Deleted:
            if image.is_valid():
                raise
            return False
    # The user could go on working meanwhile.
    if not image.is_valid():
        return False
    checks.still_there(image, layer)
    if _state(layer) != before:
        raise Refusal(_("The layer was moved, resized or converted meanwhile, so nothing was changed. Try again."))
    checks.target(layer, options)
    looks.check(image, layer, hole, options)
    looks.check_transparency(layer, options, any(fill.shows_through for fill in fills))
    _write(image, layer, hole, fills, options)
    remember(image, LastFill(place, tries[-1].variant))
    if to_remember is not None:
        remember_covered(image, layer, hole, Source(layer), to_remember)
    return True


def _state(layer: Gimp.Layer) -> object:
    """What must stay as it is during a run."""
    return extent_of(layer), stored_encoding(layer)


def _write(image: Gimp.Image, layer: Gimp.Layer, hole: Hole, fills: list[Fill], options: Options) -> None:
    if options.result == IN_PLACE:
        write_in_place(image, layer, hole, fills[0])
    elif options.result == NEW_LAYER:
        write_new_layer(image, layer, hole, fills[0], options.sample_merged)
    else:
        write_several(image, layer, hole, fills, options.sample_merged)


@contextlib.contextmanager
def _source(image: Gimp.Image, layer: Gimp.Layer, options: Options) -> Iterator[Source]:
    """What the fill is made from."""
    if not options.sample_merged:
        yield Source(layer)
        return
    seen = visible(image)
    try:
        yield Source(seen)
    finally:
        seen.delete()
