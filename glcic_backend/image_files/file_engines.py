"""A picture and its mask in; the completed picture out, by this process or by the running daemon."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from glcic_backend import __version__
from glcic_backend.errors import DaemonError
from glcic_backend.scene.pixels import Samples
from glcic_backend.wire.client import DaemonClient
from glcic_backend.wire.errors import WireError
from glcic_backend.wire.geometry import Rectangle, moved_lines
from glcic_backend.wire.messages import CompleteReply

Progress = Callable[[str, float], None]

_WIRE_TYPES = {"uint8": ("u8", "u1"), "uint16": ("u16", "<u2"), "float32": ("f32", "<f4")}
"""numpy type -> its name on the wire, and its layout there."""


@dataclass(frozen=True)
class Options:
    """How holes are filled; by these names `Inpainter.complete` and `DaemonClient.complete` take them."""

    blend: bool = True
    quality: str = "best"
    context: str = "automatic"
    sample_from: str = "automatic"
    distance: int = 0
    lines: tuple[tuple[float, ...], ...] = ()
    seed: int = 0


class FileEngine(Protocol):
    """Completes whole pictures, one at a time."""

    @property
    def model_name(self) -> str:
        """The model in use."""

    @property
    def device_name(self) -> str:
        """Where it runs."""

    def complete(
        self,
        pixels: Samples,
        mask: NDArray[np.uint8],
        sources: NDArray[np.uint8] | None,
        options: Options,
        *,
        linear: bool,
        progress: Progress,
    ) -> Samples:
        """As `glcic_backend.Inpainter.complete`; `pixels` is [H, W, C]."""


class LocalEngine:
    """The engine in this process."""

    def __init__(self, model: str | None, device: str, threads: int | None) -> None:
        """Load the model. Raises ModelFileError or InvalidInputError."""
        # Importing torch takes seconds; who asks the daemon must not wait for it.
        from glcic_backend.inpainter import Inpainter

        self._inpainter = Inpainter.load(model, device=device, threads=threads)
        self.model_name = self._inpainter.model.info.name
        self.device_name = str(self._inpainter.device)

    def complete(
        self,
        pixels: Samples,
        mask: NDArray[np.uint8],
        sources: NDArray[np.uint8] | None,
        options: Options,
        *,
        linear: bool,
        progress: Progress,
    ) -> Samples:
        """As `glcic_backend.Inpainter.complete`."""
        completed = self._inpainter.complete(
            pixels, mask, sources=sources, **asdict(options), linear=linear, progress=progress
        )
        self.device_name = self._inpainter.used
        return completed


class DaemonEngine:
    """The running daemon, which is sent only the part of a picture that matters.

    Each completion makes a connection of its own, so that a daemon that was restarted is found again.
    """

    def __init__(self, model: str | None) -> None:
        """Find the daemon and ask what it has loaded.

        Args:
            model: name of an installed model; None for the daemon's default.

        Raises:
            DaemonError: there is no daemon.
        """
        self._model = model or ""
        try:
            with _connect() as daemon:
                status = daemon.status()
        except WireError as error:
            raise DaemonError(str(error)) from error
        self.model_name, self.device_name = status.model, status.device

    def complete(
        self,
        pixels: Samples,
        mask: NDArray[np.uint8],
        sources: NDArray[np.uint8] | None,
        options: Options,
        *,
        linear: bool,
        progress: Progress,
    ) -> Samples:
        """As `glcic_backend.Inpainter.complete`, done by the daemon.

        Raises:
            DaemonError: the daemon is gone, busy, not to be trusted, or refuses; its text says why.
        """
        height, width, channels = pixels.shape
        hole = Rectangle(*cv2.boundingRect(mask))
        name, layout = _WIRE_TYPES[pixels.dtype.name]
        try:
            with _connect() as daemon:
                crop = daemon.context(
                    width,
                    height,
                    hole,
                    quality=options.quality,
                    context=options.context,
                    distance=options.distance,
                    model=self._model,
                    progress=progress,
                )
                reply = daemon.complete(
                    pixels[crop.y : crop.bottom, crop.x : crop.right].astype(layout).tobytes(),
                    mask[crop.y : crop.bottom, crop.x : crop.right].tobytes(),
                    sources=b"" if sources is None else sources[crop.y : crop.bottom, crop.x : crop.right].tobytes(),
                    width=crop.width,
                    height=crop.height,
                    channels=channels,
                    dtype=name,
                    curve="linear" if linear else "perceptual",
                    **asdict(replace(options, lines=moved_lines(options.lines, -crop.x, -crop.y))),
                    model=self._model,
                    progress=progress,
                )
        except WireError as error:
            raise DaemonError(str(error)) from error
        self.model_name, self.device_name = reply.model, reply.device
        return _insert(pixels, mask, crop, reply, layout)


def _connect() -> DaemonClient:
    return DaemonClient.connect(software=f"glcic-backend {__version__}")


def _insert(pixels: Samples, mask: NDArray[np.uint8], crop: Rectangle, reply: CompleteReply, layout: str) -> Samples:
    """The picture with the filled rectangle in its place; pixels that are not masked stay, whatever was sent."""
    filled = reply.rectangle
    rows = slice(crop.y + filled.y, crop.y + filled.bottom)
    columns = slice(crop.x + filled.x, crop.x + filled.right)
    samples = np.frombuffer(reply.pixels, layout).reshape(filled.height, filled.width, reply.channels)
    result = pixels.copy()
    hole = mask[rows, columns] > 0
    result[rows, columns][hole] = samples[hole]
    return result
