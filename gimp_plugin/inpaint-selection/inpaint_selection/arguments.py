"""The arguments of the procedure, which are also the options of the dialog."""

from __future__ import annotations

from dataclasses import dataclass

from gi.repository import Gimp, GObject

from .texts import _

IN_PLACE, NEW_LAYER, SEVERAL = "in-place", "new-layer", "several"

EXCLUDE, ONLY = "exclude", "only"

MAX_GROW = 200
"""Most pixels by which the selection can be grown, and most that the edge can be softened over."""

MAX_DISTANCE = 10_000
"""Farthest place to copy from that can be asked for, pixels."""

MAX_VARIANT = 999_999


@dataclass(frozen=True)
class Options:
    """What the user wants.

    Attributes:
        result: `IN_PLACE`, `NEW_LAYER` or `SEVERAL`.
        quality, context: as in the protocol's `complete`.
        variant: its seed; of several results, that of the first.
        grow: pixels to grow the selection by.
        soften: pixels outside the grown selection over which the fill fades out.
        sample_from, distance: as in the protocol's `complete`.
        channel: name of a channel of the image that says where to copy from, empty for none.
        channel_use: `EXCLUDE` what it holds from being copied, or copy `ONLY` that.
        path: name of a path of the image to follow through the selection, empty for none.
        model: name of an installed model, empty for the daemon's default.
        sample_merged: fill from what is visible instead of the layer.
    """

    result: str
    quality: str
    variant: int
    sample_merged: bool
    grow: int
    soften: float
    context: str
    sample_from: str
    distance: int
    channel: str
    channel_use: str
    path: str
    model: str

    @classmethod
    def from_config(cls, config: Gimp.ProcedureConfig) -> Options:
        """The options as GIMP holds them."""
        return cls(
            result=config.get_property("result"),
            quality=config.get_property("quality"),
            variant=config.get_property("variant"),
            sample_merged=config.get_property("sample-merged"),
            grow=config.get_property("grow"),
            soften=config.get_property("soften"),
            context=config.get_property("context"),
            sample_from=config.get_property("sample-from"),
            distance=config.get_property("distance"),
            channel=config.get_property("channel") or "",
            channel_use=config.get_property("channel-use"),
            path=config.get_property("path") or "",
            model=config.get_property("model") or "",
        )


def add_arguments(procedure: Gimp.Procedure) -> None:
    """Adds the arguments with their texts, ranges and defaults."""
    _add_main(procedure)
    _add_shape(procedure)
    _add_sources(procedure)


_FLAGS = GObject.ParamFlags.READWRITE


def _add_main(procedure: Gimp.Procedure) -> None:
    procedure.add_choice_argument(
        "result",
        _("Resul_t"),
        _("Change the layer itself, or put the fill into a new layer with the selection as its layer mask"),
        _choice(
            (IN_PLACE, _("In place"), _("Change the layer. One step of Edit > Undo brings it back.")),
            (NEW_LAYER, _("New layer"), _("Put the fill above the layer, which stays as it is.")),
            (SEVERAL, _("Several"), _("Three variants as layers of a group, the first of them visible.")),
        ),
        IN_PLACE,
        _FLAGS,
    )
    procedure.add_choice_argument(
        "quality",
        _("_Quality"),
        _("Best takes longer and brings fine detail from the surroundings into the fill"),
        _choice(
            ("fast", _("Fast"), _("The network alone. Good for skies, walls and small things.")),
            ("best", _("Best"), _("With detail from the surroundings. Good for texture and large things.")),
        ),
        "best",
        _FLAGS,
    )
    procedure.add_int_argument(
        "variant",
        _("_Variant"),
        _("Another number gives another fill. Filters > Repeat on the same selection takes the next one."),
        0,
        MAX_VARIANT,
        0,
        _FLAGS,
    )
    procedure.add_boolean_argument(
        "sample-merged",
        _("Sample merge_d"),
        _("Fill from what is visible, all layers together, for example onto an empty layer above the others"),
        False,
        _FLAGS,
    )


def _add_shape(procedure: Gimp.Procedure) -> None:
    procedure.add_int_argument(
        "grow",
        _("_Grow selection (pixels)"),
        _("Fill this many pixels round the selection too, for one that was drawn too tight"),
        0,
        MAX_GROW,
        0,
        _FLAGS,
    )
    procedure.add_double_argument(
        "soften",
        _("Soften _edge (pixels)"),
        _("Let the fill fade out over this many pixels outside the selection"),
        0.0,
        MAX_GROW,
        0.0,
        _FLAGS,
    )


def _add_sources(procedure: Gimp.Procedure) -> None:
    procedure.add_choice_argument(
        "context",
        _("Conte_xt"),
        _("How much of the picture round the selection the fill is made from"),
        _choice(
            ("automatic", _("Automatic"), _("As much as suits the selection.")),
            ("more", _("More"), _("Look further away. Slower.")),
            ("all", _("All"), _("Look at the whole picture. Slowest.")),
        ),
        "automatic",
        _FLAGS,
    )
    procedure.add_choice_argument(
        "sample-from",
        _("Sample _from"),
        _("Where the detail of quality Best is copied from"),
        _choice(
            ("automatic", _("All around"), _("From all sides.")),
            ("sides", _("Sides"), _("From the left and the right, at the height of the selection.")),
            ("above-and-below", _("Above and below"), _("From above and below, at the width of the selection.")),
        ),
        "automatic",
        _FLAGS,
    )
    procedure.add_int_argument(
        "distance",
        _("D_istance (pixels)"),
        _("How far from the selection detail is copied; 0 leaves it to Context"),
        0,
        MAX_DISTANCE,
        0,
        _FLAGS,
    )
    procedure.add_string_argument(
        "channel",
        _("Chan_nel"),
        _("A channel of the image that marks where detail is copied from, by its name; empty for none"),
        "",
        _FLAGS,
    )
    procedure.add_choice_argument(
        "channel-use",
        _("Channel mar_ks"),
        _("What the channel is for, such as one that was painted in the Quick Mask and saved"),
        _choice(
            (EXCLUDE, _("Do not copy from"), _("Nothing is copied from what the channel marks.")),
            (ONLY, _("Copy only from"), _("Detail is copied from what the channel marks, and from nowhere else.")),
        ),
        EXCLUDE,
        _FLAGS,
    )
    procedure.add_string_argument(
        "path",
        _("Line to follo_w"),
        _("A path of the image along which an edge or thin line goes on, by its name; empty for none"),
        "",
        _FLAGS,
    )
    procedure.add_string_argument(
        "model",
        _("_Model"),
        _("Which of the installed models fills; empty for the one that is set as default"),
        "",
        _FLAGS,
    )


def _choice(*values: tuple[str, str, str]) -> Gimp.Choice:
    choice = Gimp.Choice.new()
    for number, (name, label, help_text) in enumerate(values):
        choice.add(name, number, label, help_text)
    return choice
