"""GIMP's progress bar. Its Cancel button ends this process by SIGKILL, which the daemon notices by itself."""

from __future__ import annotations

from gi.repository import Gimp

from .texts import _

# Stage of the daemon -> what it is called, and its part of the bar.
_STAGES = {
    "queued": (_("Waiting for another fill to finish"), 0.0, 0.0),
    "plan": (_("Looking at the surroundings"), 0.02, 0.08),
    "network": (_("Filling the selection"), 0.08, 0.55),
    "detail": (_("Bringing in detail"), 0.55, 0.92),
    "blend": (_("Blending in"), 0.92, 1.0),
}


class Progress:
    """What is going on, in the bar."""

    def __init__(self) -> None:
        Gimp.progress_init(_("Inpaint selection"))
        self._text = ""

    def starting(self) -> None:
        """The daemon is being started."""
        self._say(_("Starting the completion daemon"))
        Gimp.progress_pulse()

    def stage(self, name: str, fraction: float) -> None:
        """The daemon has come so far in a stage."""
        text, begin, end = _STAGES.get(name, (name, 0.0, 0.0))
        self._say(text)
        if end > begin:
            Gimp.progress_update(begin + (end - begin) * fraction)
        else:
            Gimp.progress_pulse()

    def _say(self, text: str) -> None:
        if text != self._text:
            Gimp.progress_set_text(text)
            self._text = text
