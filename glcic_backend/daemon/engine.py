"""What the daemon needs of an engine; `glcic_backend.Inpainter` is one, and tests bring their own."""

from collections.abc import Callable
from typing import Any, Protocol

from numpy.typing import NDArray


class ModelInfo(Protocol):
    """Description of a model."""

    @property
    def name(self) -> str:
        """Short name shown to users."""

    @property
    def sha256(self) -> str:
        """Digest of the weights, hexadecimal."""


class Model(Protocol):
    """A loaded model."""

    @property
    def info(self) -> ModelInfo:
        """Its description."""


class Engine(Protocol):
    """Completes images, one at a time, on the worker's thread."""

    @property
    def model(self) -> Model:
        """The loaded model."""

    @property
    def device(self) -> object:
        """Where it runs; `str()` gives its name."""

    def complete(
        self,
        image: NDArray[Any],
        mask: NDArray[Any],
        *,
        blend: bool,
        linear: bool,
        progress: Callable[[str, float], None],
        cancelled: Callable[[], bool],
    ) -> NDArray[Any]:
        """As `glcic_backend.Inpainter.complete`."""
