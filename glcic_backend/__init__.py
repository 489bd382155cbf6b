"""GLCIC image completion: engine, daemon and command line.

Python API::

    from glcic_backend import Inpainter
    completed = Inpainter.load().complete(image, mask)
"""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Inpainter", "__version__"]

if TYPE_CHECKING:
    from glcic_backend.inpainter import Inpainter


def __getattr__(name: str) -> Any:
    # Importing torch takes seconds; commands such as `status`, and the wire package, must not wait for it.
    if name == "Inpainter":
        from glcic_backend.inpainter import Inpainter

        return Inpainter
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    # What is imported only when it is asked for must be seen by completion as well.
    return sorted({*globals(), *__all__})
