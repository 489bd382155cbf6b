"""Having a hole filled by the daemon."""

from __future__ import annotations

from wire.client import DaemonClient
from wire.errors import BusyError, DaemonLostError, StoppingError
from wire.geometry import Rectangle
from wire.messages import CompleteReply

from .areas import moved
from .arguments import Options
from .daemon import DaemonStart
from .hole import Hole
from .progress import Progress
from .refusals import Refusal
from .samples import cut_out, has_context, hole_of, padded
from .source import Source
from .texts import _
from .writing import Fill


def complete(start: DaemonStart, source: Source, hole: Hole, options: Options, progress: Progress) -> Fill:
    """Has the hole filled from what the source shows. A daemon that dies or ends meanwhile is replaced once.

    Raises:
        Refusal: there is nothing to fill from.
        WireError: the daemon could not do it.
    """
    try:
        return _ask(start.connect(progress.starting), source, hole, options, progress)
    except (DaemonLostError, StoppingError):
        return _ask(start.connect(progress.starting), source, hole, options, progress)
    except BusyError:
        raise Refusal(_("The completion daemon has too much to do already. Try again in a moment.")) from None


def _ask(client: DaemonClient, source: Source, hole: Hole, options: Options, progress: Progress) -> Fill:
    extent = source.extent
    with client:
        crop = client.context(
            extent.width,
            extent.height,
            moved(hole.area, -extent.x, -extent.y),
            quality=options.quality,
            context=options.context,
            model=options.model,
        )
        sent = moved(crop, extent.x, extent.y)
        pixels = source.read(sent)
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
            model=options.model,
            progress=progress.stage,
        )
    return _fill(reply, moved(reply.rectangle, sent.x, sent.y), source, hole, pixels, sent)


def _fill(reply: CompleteReply, filled: Rectangle, source: Source, hole: Hole, pixels: bytes, sent: Rectangle) -> Fill:
    """The reply as a fill for the whole area of the hole, which may be larger than the box of what is to be filled."""
    made = bytes(reply.pixels)
    if filled != hole.area:
        whole = bytearray(cut_out(pixels, sent, hole.area))
        size = len(made) // (filled.width * filled.height)
        for y in range(filled.height):
            begin = ((filled.y - hole.area.y + y) * hole.area.width + filled.x - hole.area.x) * size
            row = made[y * filled.width * size : (y + 1) * filled.width * size]
            whole[begin : begin + len(row)] = row
        made = bytes(whole)
    spent = ", ".join(f"{stage} {time:.0f} ms" for stage, time in reply.milliseconds.items())
    return Fill(source.format.encoding, made, f"model {reply.model}, device {reply.device}, {spent}")
