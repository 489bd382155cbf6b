#!/usr/bin/env python3
"""Install GLCIC for GIMP from this checkout, or install what its tests need and run them: see --help.

Only checks the Python here, in a syntax that old ones understand too. The work is done in glcic_backend/installer.
"""

import os
import shutil
import sys

OLDEST, NEWEST = 11, 14
"""Minor versions of Python 3: the oldest that works, and the newest that the tests have run with."""


def python_warning(version: "tuple[int, ...]") -> str:
    """What is to be said of a Python newer than those that were tested; empty for one that was."""
    if version[:2] <= (3, NEWEST):
        return ""
    return (
        f"Note: this is Python {version[0]}.{version[1]}; it was tested with 3.{OLDEST} to 3.{NEWEST}. "
        "It works where all packages are there for it."
    )


def python_refusal(version: "tuple[int, ...]", bits: int) -> str:
    """Why a Python of this version and pointer size (32 or 64 bits) cannot be used; empty if it can."""
    if version[:2] < (3, OLDEST) or version[0] > 3:
        found = [f"python3.{minor}" for minor in range(NEWEST, OLDEST - 1, -1) if shutil.which(f"python3.{minor}")]
        advice = f"Run: {found[0]} install.py" if found else "Install one of them and run install.py with it."
        return f"This is Python {version[0]}.{version[1]}; Python 3.{OLDEST} to 3.{NEWEST} is needed. {advice}"
    if bits < 64:
        return "This Python is a 32-bit one, for which PyTorch is not made. Run install.py with a 64-bit Python."
    return ""


if __name__ == "__main__":
    refusal = python_refusal(sys.version_info[:3], 64 if sys.maxsize > 2**32 else 32)
    if refusal:
        sys.exit(refusal)
    if python_warning(sys.version_info[:3]):
        sys.stderr.write(python_warning(sys.version_info[:3]) + "\n")
    # Nothing is to be written outside the prefix, so neither compiled modules into the checkout.
    sys.dont_write_bytecode = True
    from glcic_backend.installer.command import main

    sys.exit(main(os.path.dirname(os.path.abspath(__file__))))
