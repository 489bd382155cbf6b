#!/usr/bin/env python3
"""GIMP 3 plug-in: Filters > Inpaint Selection. Registration; what it does is in the package `inpaint_selection`."""

from __future__ import annotations

import sys

# What install.py has not written it could not remove.
sys.dont_write_bytecode = True

import gi  # noqa: E402

gi.require_version("Gimp", "3.0")
gi.require_version("Gegl", "0.4")
from gi.repository import Gimp, GLib  # noqa: E402
from inpaint_selection.arguments import add_arguments  # noqa: E402
from inpaint_selection.texts import DOMAIN, LOCALE_FOLDER, _  # noqa: E402

PROCEDURE = "plug-in-inpaint-selection"


class InpaintSelection(Gimp.PlugIn):
    """Tells GIMP of the procedure and runs it."""

    def do_set_i18n(self, name: str) -> tuple[bool, str, str]:
        """Where the translations are."""
        return True, DOMAIN, LOCALE_FOLDER.name

    def do_query_procedures(self) -> list[str]:
        """The procedures of this plug-in."""
        return [PROCEDURE]

    def do_create_procedure(self, name: str) -> Gimp.Procedure:
        """Describes the procedure."""
        procedure = Gimp.ImageProcedure.new(self, name, Gimp.PDBProcType.PLUGIN, self.run, None)
        # Of any image and any number of layers: a refusal says what is wrong, a grey menu entry does not.
        procedure.set_image_types("*")
        mask = Gimp.ProcedureSensitivityMask
        procedure.set_sensitivity_mask(mask.DRAWABLE | mask.DRAWABLES | mask.NO_DRAWABLES)
        procedure.set_menu_label(_("Inpaint _Selection..."))
        procedure.add_menu_path("<Image>/Filters")
        procedure.add_menu_path("<Image>/Filters/Enhance")
        procedure.set_documentation(
            _("Fill the selection from its surroundings"),
            _(
                "Removes what is selected and fills the place from its surroundings by a neural network that runs on "
                "this computer. Nothing outside the selection is changed."
            ),
            name,
        )
        procedure.set_attribution("The GLCIC for GIMP project", "The GLCIC for GIMP project", "2026")
        add_arguments(procedure)
        return procedure

    def run(
        self,
        procedure: Gimp.Procedure,
        run_mode: Gimp.RunMode,
        image: Gimp.Image,
        drawables: list[Gimp.Drawable],
        config: Gimp.ProcedureConfig,
        data: object,
    ) -> Gimp.ValueArray:
        """Runs it. Whatever goes wrong becomes a sentence: GIMP shows nothing of a Python exception."""
        try:
            from inpaint_selection.run import run

            finished = run(procedure, run_mode, image, drawables, config)
        except Exception as error:
            from inpaint_selection.refusals import sentence_of

            failure = GLib.Error.new_literal(Gimp.PlugIn.error_quark(), sentence_of(error), 0)
            return procedure.new_return_values(Gimp.PDBStatusType.EXECUTION_ERROR, failure)
        status = Gimp.PDBStatusType.SUCCESS if finished else Gimp.PDBStatusType.CANCEL
        return procedure.new_return_values(status, None)


Gimp.main(InpaintSelection.__gtype__, sys.argv)
