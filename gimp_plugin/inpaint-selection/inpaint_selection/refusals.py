"""What the user is told when something cannot be done."""

from __future__ import annotations

import sys
import traceback

from .texts import _


class Refusal(Exception):
    """Something that cannot be done. Its text is for the user: what is wrong, and what to do."""


class Deleted(Refusal):
    """The layer that was to be filled is not there any more."""

    def __init__(self) -> None:
        super().__init__(_("The layer was deleted meanwhile, so there is nothing to put the fill into."))


def sentence_of(error: Exception) -> str:
    """What to show for an error; the details of one that should not happen go to standard error."""
    if isinstance(error, Refusal):
        return str(error)
    if sys.stderr is not None:  # as on Windows, where GIMP runs Python without a console
        traceback.print_exception(type(error), error, error.__traceback__)
    return _(
        "Something went wrong that should not ({kind}: {text}). The image was not changed, or can be brought back by "
        "Edit > Undo. Please report it with what GIMP printed when started from a terminal."
    ).format(kind=type(error).__name__, text=error)
