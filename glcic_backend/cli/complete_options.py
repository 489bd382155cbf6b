"""The options of `glcic-backend complete`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from glcic_backend.cli.engine_options import engine_options
from glcic_backend.errors import InvalidInputError
from glcic_backend.image_files import DEFAULT_MAX_PIXELS
from glcic_backend.image_files.batch_plan import WHOLE, Part
from glcic_backend.image_files.mask_files import MaskFrom
from glcic_backend.scene.masks import MAX_GROW
from glcic_backend.scene.outpainting import NO_BORDERS, Borders
from glcic_backend.wire.checked import MAX_SIDE, checked_lines
from glcic_backend.wire.messages import CONTEXTS, MAX_SEED, QUALITIES, SIDES

BATCH_ONLY = ("mask_suffix", "recursive", "overwrite", "part", "jobs")


class _PartType(click.ParamType[Part]):
    name = "K/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Part:
        if isinstance(value, Part):
            return value
        try:
            return Part.read(value)
        except InvalidInputError as error:
            self.fail(str(error), param, ctx)


class _BordersType(click.ParamType[Borders]):
    name = "L,T,R,B"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Borders:
        if isinstance(value, Borders):
            return value
        try:
            borders = Borders(*map(int, value.split(",")))
            if value.count(",") == 3 and min(borders) >= 0 and any(borders):
                return borders
        except (ValueError, TypeError):
            pass
        self.fail(
            f"{value!r} is no border. Give four numbers of pixels: left,top,right,bottom, such as 0,100,0,100.",
            param,
            ctx,
        )


class _LineType(click.ParamType[tuple[float, ...]]):
    name = "X,Y,X,Y"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        try:
            (line,) = checked_lines([[float(number) for number in value.split(",")]])
            return tuple(line)
        except ValueError:
            self.fail(
                f"{value!r} is no line. Give x and y of each corner, in pixels from the top left corner of the image, "
                "such as 0,120,300,90.",
                param,
                ctx,
            )


_OPTIONS = (
    click.option("--batch", is_flag=True, help="Many pictures: folders, files, patterns; OUTPUT is a folder."),
    click.option(
        "--mask-from",
        type=click.Choice(get_args(MaskFrom)),
        default="grey",
        show_default=True,
        help="grey: white is filled; alpha: what is opaque in MASK; transparent: what is transparent in IMAGE.",
    ),
    click.option("--invert-mask", is_flag=True, help="Fill what is black, keep what is white."),
    click.option(
        "--threshold",
        type=click.IntRange(1, 255),
        metavar="N",
        help="From this value of the mask on fill wholly, below it not at all.",
    ),
    click.option(
        "--grow",
        type=click.IntRange(0, MAX_GROW),
        default=0,
        metavar="N",
        help="Pixels to grow the mask by, for one that was drawn too tight.",
    ),
    click.option(
        "--soften",
        type=click.FloatRange(0, MAX_GROW),
        default=0,
        metavar="N",
        help="Pixels outside the mask over which the fill fades out.",
    ),
    click.option(
        "--expand", type=_BordersType(), default=NO_BORDERS, help="Add pixels left, top, right, bottom, and fill them."
    ),
    click.option("--mask-suffix", default="", metavar="TEXT", help="What the names of masks have more, such as -mask."),
    click.option("--recursive", "-r", is_flag=True, help="Folders in folders, too."),
    click.option("--overwrite", is_flag=True, help="Complete again what is done already."),
    click.option("--part", type=_PartType(), default=WHOLE, help="Only share K of N, the same at each run."),
    click.option("--jobs", type=click.IntRange(min=1), metavar="N", help="Pictures at once; default: by the memory."),
    engine_options,
    click.option("--blend/--no-blend", default=True, help="Blend the fill into its surroundings.", show_default=True),
    click.option(
        "--quality",
        type=click.Choice(QUALITIES),
        default="best",
        show_default=True,
        help="fast: large holes are filled softly; best: with texture of the picture.",
    ),
    click.option(
        "--context",
        type=click.Choice(CONTEXTS),
        default="automatic",
        show_default=True,
        help="How much of the picture round a hole is looked at.",
    ),
    click.option(
        "--sample-from",
        type=click.Choice(SIDES),
        default="automatic",
        show_default=True,
        help="On which sides of a hole texture is copied from.",
    ),
    click.option(
        "--distance",
        metavar="N",
        type=click.IntRange(0, MAX_SIDE),
        default=0,
        help="How far from a hole texture is copied from, in pixels; default: see --context.",
    ),
    click.option(
        "--source-mask", metavar="FILE", type=click.Path(path_type=Path), help="White: copy texture only from."
    ),
    click.option(
        "--exclude-mask", metavar="FILE", type=click.Path(path_type=Path), help="White: copy no texture from."
    ),
    click.option(
        "--line",
        "lines",
        type=_LineType(),
        multiple=True,
        help="A line that goes on through the hole, by its corners; may be given again.",
    ),
    click.option(
        "--seed",
        metavar="N",
        type=click.IntRange(0, MAX_SEED),
        default=0,
        show_default=True,
        help="Another number gives another filling; 1 and 2 copy from other places than those before, 3 begins anew.",
    ),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each photograph, errors included."),
    click.option("--verbose", "-v", is_flag=True, help="Tell more: sizes, times, each picture of a batch."),
    click.option(
        "--max-pixels",
        type=click.IntRange(min=1),
        default=DEFAULT_MAX_PIXELS,
        show_default=True,
        metavar="N",
        help="Largest picture that is decoded.",
    ),
    click.option("--daemon", is_flag=True, help="Have the running daemon do it, on its device."),
)


def complete_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add them all."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
