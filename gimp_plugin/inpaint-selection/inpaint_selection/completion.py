"""Having a hole filled by the daemon."""

from __future__ import annotations

from wire.client import DaemonClient
from wire.errors import DaemonLostError, StoppingError
from wire.geometry import Rectangle, moved_lines
from wire.messages import CompleteReply

from .areas import moved
from .arguments import Options
from .daemon import DaemonStart
from .hole import Hole
from .progress import Progress
from .refusals import Refusal
from .samples import cut_out, has_context, hole_of, padded, put_in, shows_through, spliced
from .source import Source
from .sources import Sources
from .texts import _
from .writing import Fill


def complete(
    start: DaemonStart,
    source: Source,
    sources: Sources,
    lines: list[list[float]],
    hole: Hole,
    covered: bytes | None,
    options: Options,
    progress: Progress,
) -> Fill:
    """Has the hole filled from what the source shows. A daemon that dies or ends meanwhile is replaced once.

    Args:
        lines: to follow, as the x and y of their corners in the image.
        covered: the pixels of the hole's area as they were before it was first filled, in the source's format; None
            if they are what the source shows.

    Raises:
        Refusal: there is nothing to fill from.
        WireError: the daemon could not do it.
    """
    try:
        return _ask(start.connect(progress.starting), source, sources, lines, hole, covered, options, progress)
    except (DaemonLostError, StoppingError):
        return _ask(start.connect(progress.starting), source, sources, lines, hole, covered, options, progress)


def _ask(
    client: DaemonClient,
    source: Source,
    sources: Sources,
    lines: list[list[float]],
    hole: Hole,
    covered: bytes | None,
    options: Options,
    progress: Progress,
) -> Fill:
    extent = source.extent
    with client:
        crop = client.context(
            extent.width,
            extent.height,
            moved(hole.area, -extent.x, -extent.y),
            quality=options.quality,
            context=options.context,
            distance=sources.distance,
            model=options.model,
            progress=progress.stage,
        )
        sent = moved(crop, extent.x, extent.y)
        shown = pixels = source.read(sent)
        if covered is not None:
            before = spliced(cut_out(shown, sent, hole.area), covered, hole.coverage)
            pixels = put_in(shown, sent, before, hole.area)
        mask = padded(hole_of(hole.coverage), hole.area, sent)
        if not has_context(pixels, mask, source.format.has_alpha, source.format.channels):
            raise Refusal(
                _(
                    "Nothing is left to fill from: all round the selection the layer ends or is fully transparent. "
                    "Select less, or tick Sample merged."
                )
            )
        reply = client.complete(
            pixels,
            mask,
            width=sent.width,
            height=sent.height,
            channels=source.format.channels,
            dtype=source.format.dtype,
            curve=source.format.curve,
            quality=options.quality,
            context=options.context,
            sample_from=options.sample_from,
            distance=sources.distance,
            lines=moved_lines(lines, -sent.x, -sent.y),
            sources=sources.mask(sent),
            seed=options.variant,
            model=options.model,
            progress=progress.stage,
        )
    return _fill(reply, options, moved(reply.rectangle, sent.x, sent.y), source, hole, shown, sent)


def _fill(
    reply: CompleteReply,
    options: Options,
    filled: Rectangle,
    source: Source,
    hole: Hole,
    shown: bytes,
    sent: Rectangle,
) -> Fill:
    """The reply as a fill for the whole area of the hole, which may be larger than the box of what is to be filled."""
    made, old = bytes(reply.pixels), cut_out(shown, sent, hole.area)
    if filled != hole.area:
        made = put_in(old, hole.area, made, filled)
    spent = ", ".join(f"{stage} {time:.0f} ms" for stage, time in reply.milliseconds.items())
    report = f"model {reply.model}, device {reply.device}, variant {options.variant}, {spent}"
    see_through = source.format.has_alpha and shows_through(old, made, hole_of(hole.coverage), source.format.dtype)
    return Fill(source.format.encoding, made, see_through, report)
