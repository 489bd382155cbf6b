"""The arguments of the procedure, which are also the options of the dialog."""

from __future__ import annotations

from dataclasses import dataclass

from gi.repository import Gimp, GObject

from .texts import _

IN_PLACE, NEW_LAYER = "in-place", "new-layer"

MAX_GROW = 200
"""Most pixels by which the selection can be grown, and most that the edge can be softened over."""


@dataclass(frozen=True)
class Options:
    """What the user wants.

    Attributes:
        result: `IN_PLACE` or `NEW_LAYER`.
        quality, context: as in the protocol's `complete`.
        grow: pixels to grow the selection by.
        soften: pixels outside the grown selection over which the fill fades out.
        model: name of an installed model, empty for the daemon's default.
        sample_merged: fill from what is visible instead of the layer.
    """

    result: str
    quality: str
    grow: int
    soften: float
    context: str
    model: str
    sample_merged: bool

    @classmethod
    def from_config(cls, config: Gimp.ProcedureConfig) -> Options:
        """The options as GIMP holds them."""
        return cls(
            result=config.get_property("result"),
            quality=config.get_property("quality"),
            grow=config.get_property("grow"),
            soften=config.get_property("soften"),
            context=config.get_property("context"),
            model=config.get_property("model") or "",
            sample_merged=config.get_property("sample-merged"),
        )


def add_arguments(procedure: Gimp.Procedure) -> None:
    """Adds the arguments with their texts, ranges and defaults."""
    flags = GObject.ParamFlags.READWRITE
    procedure.add_choice_argument(
        "result",
        _("Resul_t"),
        _("Change the layer itself, or put the fill into a new layer with the selection as its layer mask"),
        _choice(
            (IN_PLACE, _("In place"), _("Change the layer. One step of Edit > Undo brings it back.")),
            (NEW_LAYER, _("New layer"), _("Put the fill above the layer, which stays as it is.")),
        ),
        IN_PLACE,
        flags,
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
        flags,
    )
    procedure.add_int_argument(
        "grow",
        _("_Grow selection (pixels)"),
        _("Fill this many pixels round the selection too, for one that was drawn too tight"),
        0,
        MAX_GROW,
        0,
        flags,
    )
    procedure.add_double_argument(
        "soften",
        _("Soften _edge (pixels)"),
        _("Let the fill fade out over this many pixels outside the selection"),
        0.0,
        MAX_GROW,
        0.0,
        flags,
    )
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
        flags,
    )
    procedure.add_string_argument(
        "model",
        _("_Model"),
        _("Which of the installed models fills; empty for the one that is set as default"),
        "",
        flags,
    )
    procedure.add_boolean_argument(
        "sample-merged",
        _("Sample merge_d"),
        _("Fill from what is visible, all layers together, for example onto an empty layer above the others"),
        False,
        flags,
    )


def _choice(*values: tuple[str, str, str]) -> Gimp.Choice:
    choice = Gimp.Choice.new()
    for number, (name, label, help_text) in enumerate(values):
        choice.add(name, number, label, help_text)
    return choice
