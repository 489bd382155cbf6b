"""Errors that a user can act on.

Their sentences name what to give as Python has it, such as `max_pixels=` or `threshold=128`. The command line turns
that into its own options (`as_options`), so both readers are told what they can type.
"""

import re

from glcic_backend.wire.errors import ALREADY_RUNS

_ARGUMENT = re.compile(r"`([a-z_]+)=([^`]*)`")
_OPTION_NAMES = {"invert": "invert-mask"}
"""Options that are called otherwise than the argument."""


def as_options(text: str) -> str:
    """A sentence of this program as somebody at a command line needs it: `threshold=128` becomes --threshold 128."""

    def option(found: re.Match[str]) -> str:
        name, value = found.groups()
        flag = "--" + _OPTION_NAMES.get(name, name).replace("_", "-")
        return flag if value in ("", "True") else f"{flag} {value}"

    return _ARGUMENT.sub(option, text)


class GlcicError(Exception):
    """Something the user can put right.

    The text says what happened (with the number), why, and what to do next. The command line prints it as one
    paragraph, without a traceback, and exits with `exit_code`.
    """

    exit_code = 2


class InvalidInputError(GlcicError):
    """An image, mask or option that cannot be used."""


class ModelFileError(GlcicError):
    """A model file that is damaged, foreign or unsafe."""


class OutputError(GlcicError):
    """A result that could not be written (disk full, no permission)."""


class DaemonError(GlcicError):
    """The daemon could not be started, found, or trusted, or it refused a request."""


class DaemonRunningError(DaemonError):
    """Another daemon has the place of the one that was to be started."""

    exit_code = ALREADY_RUNS


class OutOfMemoryError(GlcicError):
    """A completion that needs more memory than any device has."""


class CancelledError(GlcicError):
    """The completion was stopped because its caller asked for it."""

    exit_code = 130
