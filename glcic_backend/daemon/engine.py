"""What the daemon needs of engines and of the models that are installed; tests bring their own."""

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol

from numpy.typing import NDArray

from glcic_backend.errors import GlcicError
from glcic_backend.wire.checked import ListedModel
from glcic_backend.wire.geometry import Rectangle


class UnknownModelError(GlcicError):
    """There is no model of the name that was asked for, or its file cannot be used."""


class EngineError(GlcicError):
    """The engine failed, or the process that it runs in died."""


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
    """A loaded model that completes images; `glcic_backend.Inpainter` is one."""

    @property
    def model(self) -> Model:
        """The loaded model."""

    @property
    def device(self) -> object:
        """Where it runs; `str()` gives its name."""

    @property
    def used(self) -> str:
        """Where the last completion ran: `device`, or others if its memory did not suffice."""

    def context(
        self, width: int, height: int, hole: Rectangle, *, quality: str, context: str, distance: int
    ) -> Rectangle:
        """As `glcic_backend.Inpainter.context`; also called while `complete` runs, on another thread."""

    def complete(
        self,
        image: NDArray[Any],
        mask: NDArray[Any],
        *,
        sources: NDArray[Any] | None,
        blend: bool,
        quality: str,
        context: str,
        sample_from: str,
        distance: int,
        lines: Sequence[Sequence[float]],
        seed: int,
        linear: bool,
        progress: Callable[[str, float], None],
        cancelled: Callable[[], bool],
    ) -> NDArray[Any]:
        """As `glcic_backend.Inpainter.complete`; one at a time, on the worker's thread."""


class Library(Protocol):
    """The models that can be loaded, by name; the empty name leads to the default one."""

    def find(self, name: str) -> Hashable:
        """What tells the model of this name from every other, and from an older file of that name.

        Raises:
            UnknownModelError: there is none.
        """

    def load(self, name: str, cancelled: Callable[[], bool]) -> Engine:
        """Load a model; may take long. Raises UnknownModelError, or CancelledError if `cancelled` returns True."""

    @property
    def is_dead(self) -> bool:
        """Whether nothing can be completed any more until the daemon is started again."""

    def close(self) -> None:
        """End what runs for it, whatever that is at."""

    def listed(self) -> list[ListedModel]:
        """Those that can be asked for. Quick: what is in the files is not verified."""
