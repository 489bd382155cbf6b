"""GIMP's progress bar. Its Cancel button ends this process by SIGKILL, which the daemon notices by itself."""

from __future__ import annotations

from gi.repository import Gimp

from .texts import _

_TEXTS = {
    "queued": _("Waiting for another fill to finish"),
    "load": _("Loading the model"),
    "plan": _("Looking at the surroundings"),
    "network": _("Filling the selection"),
    "blend": _("Blending in"),
    "detail": _("Bringing in detail"),
}

# By quality, stage of the daemon -> its part of the bar, about in proportion to its time.
_PARTS = {
    "fast": {"plan": (0.0, 0.1), "network": (0.1, 0.7), "blend": (0.7, 1.0)},
    "best": {"plan": (0.0, 0.03), "network": (0.03, 0.15), "blend": (0.15, 0.2), "detail": (0.2, 1.0)},
}


class Progress:
    """What is going on, in the bar, which is shown from the first word on.

    To show it GIMP draws its windows anew, where the dialog was too: the daemon shall be at work by then.

    Attributes:
        fills: how many fills are made, one after the other.
    """

    def __init__(self, quality: str, fills: int) -> None:
        self.fills = fills
        self._number = 0
        self._parts = _PARTS[quality]
        self._text: str | None = None

    def begin_fill(self, number: int) -> None:
        """The fill of this number, from 0, begins."""
        self._number = number

    def starting(self) -> None:
        """The daemon is being started."""
        self._say(_("Starting the completion daemon"))
        Gimp.progress_pulse()

    def stage(self, name: str, fraction: float) -> None:
        """The daemon has come so far in a stage."""
        self._say(_TEXTS.get(name, name))
        if name in self._parts:
            begin, end = self._parts[name]
            Gimp.progress_update((self._number + begin + (end - begin) * fraction) / self.fills)
        else:
            Gimp.progress_pulse()

    def _say(self, text: str) -> None:
        if self._text is None:
            Gimp.progress_init(_("Inpaint Selection"))
        if text != self._text:
            Gimp.progress_set_text(text)
            self._text = text
