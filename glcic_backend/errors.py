"""Errors that a user can act on."""

from glcic_backend.wire.errors import ALREADY_RUNS


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
