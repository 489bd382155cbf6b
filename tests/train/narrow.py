"""Networks of the paper's shape with a sixteenth of its channels, so that whole runs take seconds.

Phases, resuming and processes do not depend on the width; what does is tested at full width.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from glcic_backend.network import completion_network as network
from glcic_train.training import discriminators

NARROWER = 16


def narrow_networks(set_attribute: Callable[[Any, str, Any], None] = setattr) -> None:
    """Make all networks that are built from now on narrow, by `setattr` or a monkeypatch's."""
    *inner, output = network.TABLE_2
    table = (*(replace(spec, outputs=spec.outputs // NARROWER) for spec in inner), output)
    set_attribute(network, "TABLE_2", table)
    for name in ("_FIRST_OUTPUTS", "_MOST_OUTPUTS", "FEATURES"):
        set_attribute(discriminators, name, getattr(discriminators, name) // NARROWER)
