"""The course of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from gi.repository import Gimp

from . import checks
from .areas import common
from .arguments import IN_PLACE, Options
from .completion import complete
from .daemon import DaemonStart
from .hole import read_hole
from .installation import read_installation
from .progress import Progress
from .refusals import Refusal
from .source import Source, extent_of, stored_encoding, visible
from .texts import _
from .writing import write_in_place, write_new_layer


def run(
    procedure: Gimp.Procedure,
    run_mode: Gimp.RunMode,
    image: Gimp.Image,
    drawables: list[Gimp.Drawable],
    config: Gimp.ProcedureConfig,
) -> bool:
    """Fills the selection. Returns False if the user thought better of it in the dialog.

    Raises:
        Refusal: it cannot be done; the image is unchanged.
        WireError: the daemon could not do it; the image is unchanged.
    """
    layer = checks.only_layer(image, drawables)
    start = DaemonStart(read_installation())
    if run_mode == Gimp.RunMode.INTERACTIVE:
        from .dialog import ask

        if not ask(procedure, config, start):
            return False
    options = Options.from_config(config)
    checks.target(layer, options)
    progress = Progress(options.quality)
    extent, stored = extent_of(layer), stored_encoding(layer)
    with _source(image, layer, options) as source:
        within = source.extent if options.result != IN_PLACE else common(source.extent, extent)
        if within is None:
            raise Refusal(_("The layer lies wholly outside the image."))
        hole = read_hole(image, options, within)
        fill = complete(start, source, hole, options, progress)
    # The user could go on working meanwhile.
    checks.still_there(image, layer)
    if (extent_of(layer), stored_encoding(layer)) != (extent, stored):
        raise Refusal(_("The layer was moved, resized or converted meanwhile, so nothing was changed. Try again."))
    checks.target(layer, options)
    write = write_in_place if options.result == IN_PLACE else write_new_layer
    write(image, layer, hole, fill)
    return True


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
