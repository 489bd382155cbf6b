"""The language of the user: `_` translates a text of the plug-in."""

from __future__ import annotations

import gettext
from pathlib import Path

DOMAIN = "inpaint-selection"
LOCALE_FOLDER = Path(__file__).resolve().parents[1] / "locale"

# GIMP tells its plug-ins the language by the environment (LANGUAGE, LANG), which is where gettext looks.
_ = gettext.translation(DOMAIN, LOCALE_FOLDER, fallback=True).gettext
