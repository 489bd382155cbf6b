"""What went wrong with the daemon, in the user's language: its own sentences are English."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from wire.errors import BusyError, CancelledError, DaemonLostError, RequestError, UnsafeFolderError, WireError
from wire.messages import ErrorCode

from .arguments import Options
from .installation import Installation
from .refusals import Refusal
from .texts import _


@contextlib.contextmanager
def told(options: Options, installation: Installation) -> Iterator[None]:
    """Turns errors of the wire into refusals.

    Raises:
        Refusal: in place of any `WireError`, and of an OSError of the connection's files.
    """
    try:
        yield
    except WireError as error:
        raise Refusal(_sentence(error, options, installation)) from error


def _sentence(error: WireError, options: Options, installation: Installation) -> str:
    doctor = installation.shell_command("doctor")
    if isinstance(error, BusyError):
        return _("The completion daemon has too much to do already. Try again in a moment.")
    if isinstance(error, CancelledError):
        return _("The completion daemon was ended during the fill, so nothing was changed. Try again.")
    if isinstance(error, DaemonLostError):
        return _(
            "The completion daemon ended or fell silent twice, so nothing was changed. This command in a terminal "
            "shows more:\n{doctor}"
        ).format(doctor=doctor)
    if isinstance(error, UnsafeFolderError):
        return _(
            "The files of the completion daemon could have been changed by another user, so nothing was sent to it. "
            "This command in a terminal shows more:\n{doctor}"
        ).format(doctor=doctor)
    if isinstance(error, RequestError):
        return _refused(error, options, doctor)
    return _(
        "What answers in place of the completion daemon cannot be trusted, so nothing was sent to it. This command in "
        "a terminal shows more:\n{doctor}"
    ).format(doctor=doctor)


def _refused(error: RequestError, options: Options, doctor: str) -> str:
    if error.code == ErrorCode.UNKNOWN_MODEL:
        return _("The model “{model}” is not installed, or its file is damaged. Choose another one.").format(
            model=options.model or _("Default")
        )
    if error.code == ErrorCode.TOO_LARGE:
        return _("The part of the picture that is needed is too large. Select less at a time, or choose less Context.")
    if error.code == ErrorCode.INVALID_INPUT and (
        options.channel or options.distance or options.sample_from != "automatic"
    ):
        return _(
            "Too little is left to copy from there. Choose a larger Distance or another Sample from, or mark more in "
            "the channel."
        )
    if error.code == ErrorCode.INVALID_INPUT and options.path:
        return _(
            "The path “{path}” could not be followed: too little of it lies in the picture beside the selection. Let "
            "it begin and end 20 pixels or more outside."
        ).format(path=options.path)
    if error.code == ErrorCode.INVALID_INPUT:
        return _("The picture holds values that are not numbers or infinite, from which nothing can be computed.")
    return _(
        "The fill could not be computed, most often because memory ran out. Close other programs or select less. This "
        "command in a terminal shows more:\n{doctor}"
    ).format(doctor=doctor)
