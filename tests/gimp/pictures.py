"""Images in GIMP, made from arrays and read back as arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import glcic_backend

from .session import Session

PHOTOGRAPH = Path(glcic_backend.__file__).parent / "sample" / "photograph.jpg"

SAMPLES = {
    "U8": np.uint8,
    "U16": np.uint16,
    "U32": np.uint32,
    "HALF": np.float16,
    "FLOAT": np.float32,
    "DOUBLE": np.float64,
}
"""The stored type by the first part of the name of GIMP's precision."""

HOLE = (slice(60, 100), slice(120, 180))
"""Rows and columns that tests select unless they say otherwise."""


def photograph(height: int = 160, width: int = 300) -> np.ndarray:
    """Part of a real photograph, float64 [height, width, 3], 0..1, perceptual."""
    with Image.open(PHOTOGRAPH) as image:
        return np.asarray(image.convert("RGB").crop((100, 100, 100 + width, 100 + height)), np.float64) / 255


def decode(value: np.ndarray) -> np.ndarray:
    """Perceptual values to linear light, by the curve of sRGB."""
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def encode(light: np.ndarray) -> np.ndarray:
    """Linear light to perceptual values, inverse of `decode`."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0) ** (1 / 2.4) - 0.055)


def stored(colour: np.ndarray, precision: str, grey: bool = False, alpha: np.ndarray | None = None) -> np.ndarray:
    """Samples as GIMP stores them, from perceptual RGB 0..1 and alpha 0..1."""
    value = colour.mean(axis=2, keepdims=True) if grey else colour
    if is_linear(precision):
        value = decode(value)
    if alpha is not None:
        value = np.concatenate([value, alpha[..., None]], axis=2)
    kind = SAMPLES[precision.split("_")[0]]
    return np.rint(value * np.iinfo(kind).max).astype(kind) if np.issubdtype(kind, np.integer) else value.astype(kind)


def perceptual(samples: np.ndarray, precision: str) -> np.ndarray:
    """Colour 0..1, perceptual, of stored samples; without alpha."""
    colour = samples[..., :-1] if samples.shape[2] in (2, 4) else samples
    integer = np.issubdtype(colour.dtype, np.integer)
    value = colour.astype(np.float64) / (np.iinfo(colour.dtype).max if integer else 1)
    return encode(value) if is_linear(precision) else value


def is_linear(precision: str) -> bool:
    """Whether GIMP's precision of this name holds linear light."""
    return precision.endswith("_LINEAR") and not precision.endswith("_NON_LINEAR")


class Picture:
    """An image with one layer, in snippets called `image` and `layer`; one at a time.

    Attributes:
        before: the layer's stored samples at the start, [height, width, channels].
    """

    def __init__(
        self, gimp: Session, folder: Path, before: np.ndarray, precision: str = "U8_NON_LINEAR", profile: str = ""
    ) -> None:
        self.before = before
        self._gimp, self._file = gimp, folder / "pixels"
        self._file.write_bytes(before.tobytes())
        height, width, channels = before.shape
        self.run(
            "image, layer = new_image(path, width, height, precision, grey, alpha, profile)",
            path=str(self._file),
            width=width,
            height=height,
            precision=precision,
            grey=channels < 3,
            alpha=channels in (2, 4),
            profile=profile,
        )

    def run(self, code: str, **values: Any) -> Any:
        """Executes a snippet in GIMP."""
        return self._gimp.run(code, **values)

    def select(self, rows: slice = HOLE[0], columns: slice = HOLE[1]) -> None:
        """Selects a rectangle, in pixels of the image."""
        box = [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start]
        self.run("image.select_rectangle(REPLACE, *box)", box=box)

    def inpaint(self, layers: str = "[layer]", **options: Any) -> str:
        """Runs the plug-in on the layers that a snippet names. Returns its message, empty if all went well."""
        return self._called("inpaint", layers, options)

    def repeat(self, layers: str = "[layer]", **options: Any) -> str:
        """Runs it as Filters > Repeat does, with the options of the last run. Returns its message as `inpaint` does."""
        return self._called("repeat", layers, options)

    def _called(self, how: str, layers: str, options: dict[str, Any]) -> str:
        answer = self.run(f"result = {how}(image, {layers}, **options)", options=options)
        assert (answer["status"] == "success") == (not answer["message"]), answer
        return answer["message"] or ""

    def pixels(self, drawable: str = "layer") -> np.ndarray:
        """The stored samples of a drawable that a snippet names."""
        height, width, channels = self.run(
            f"d = {drawable}; read(d, path)\n"
            "result = [d.get_height(), d.get_width(), Babl.format_get_n_components(d.get_format())]",
            path=str(self._file),
        )
        data = self._file.read_bytes()
        kinds = {np.dtype(kind).itemsize: kind for kind in (np.uint8, np.uint16, np.uint32, np.float64)}
        kind = kinds[len(data) // (height * width * channels)]
        same_size = self.before.dtype.itemsize == np.dtype(kind).itemsize
        return np.frombuffer(data, self.before.dtype if same_size else kind).reshape(height, width, channels)

    def coverage(self, drawable: str = "image.get_selection()") -> np.ndarray:
        """The coverage, 0..255, by the selection, or by a channel or mask that a snippet names."""
        height, width = self.run(
            f"d = {drawable}; read(d, path, 'Y u8'); result = [d.get_height(), d.get_width()]", path=str(self._file)
        )
        return np.frombuffer(self._file.read_bytes(), np.uint8).reshape(height, width)


def changed(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Which pixels differ in any bit, bool [height, width]."""
    assert (before.shape, before.dtype) == (after.shape, after.dtype)
    bits = f"u{before.dtype.itemsize}"
    return (before.view(bits) != after.view(bits)).any(axis=2)


def mask_of(shape: tuple[int, ...], rows: slice = HOLE[0], columns: slice = HOLE[1]) -> np.ndarray:
    """A rectangle as a mask, bool [height, width]."""
    mask = np.zeros(shape[:2], bool)
    mask[rows, columns] = True
    return mask
