"""Photos decoded once and kept on the device, where whole batches are cut from them."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import cv2
import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from glcic_backend.errors import InvalidInputError, OutputError
from glcic_train.data.colour import apply_colour
from glcic_train.data.crops import CropPlan, CropSampler, next_photo
from glcic_train.data.damage import DamageCount, DamagedPhotoError
from glcic_train.data.decode import shrunk_size
from glcic_train.data.parallel import in_threads
from glcic_train.data.photo_set import PhotoSet
from glcic_train.data.upload import upload

# Share of the device's free memory that photos may take; the networks need the rest.
_MEMORY_SHARE = 0.8


class ResidentPhotos:
    """All photos of a set as one uint8 buffer in device memory; resize, crop, flip and colour happen there.

    Delivers the same crops as `LoadedPhotos` does for the same sampler, so far as no photo was shrunk to `short_side`.
    """

    def __init__(self, pixels: Tensor, sizes: np.ndarray, damaged: np.ndarray) -> None:
        """Use `ResidentPhotos.load`.

        Args:
            pixels: uint8 [P, 3], RGB: the rows of all photos, one after the other, on the device.
            sizes: int [K, 2]: width and height of every photo.
            damaged: int64 [D]: numbers of the photos for which the next one stands in.
        """
        self._pixels = pixels
        self._sizes = sizes
        self._damaged = frozenset(damaged.tolist())
        self._offsets = _offsets(sizes)

    @classmethod
    def load(
        cls,
        photos: PhotoSet,
        device: torch.device | str,
        short_side: int = 384,
        *,
        cache: Path | None = None,
        progress: Callable[[int, int], None] | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> "ResidentPhotos":
        """Decode all photos on all cores, shrink those whose shortest edge exceeds `short_side`, and upload them.

        Args:
            photos: the photos.
            device: where they are kept.
            short_side: largest shortest edge kept, in pixels: `CropOptions.short_side[1]` is enough.
            cache: file (safetensors) that keeps the decoded photos, so that the next start only reads it.
                It is written anew when the photos or `short_side` changed.
            progress: called with (photos decoded, photos in all).
            tell: called with a sentence for every damaged photo.

        Raises:
            InvalidInputError: the photos do not fit into the device's memory, or too many are damaged.
            OutputError: the cache cannot be written.
        """
        device = torch.device(device)
        sizes = np.array([shrunk_size((int(width), int(height)), short_side) for width, height in photos.sizes])
        _require_memory(int(sizes.prod(axis=1).sum()) * 3, device)
        content = f"{photos.fingerprint} {short_side}"
        cached = _read_cache(cache, content, device) if cache is not None else None
        if cached is not None:
            return cls(cached["pixels"], sizes, cached["damaged"].cpu().numpy())
        decoded, problems = _decode_all(photos, sizes, progress)
        DamageCount(photos.max_damaged, len(photos), tell).add(problems.values())
        damaged = np.array(sorted(problems), np.int64)
        if cache is not None:
            _write_cache(cache, content, {"pixels": decoded, "damaged": damaged})
        return cls(torch.from_numpy(decoded).to(device), sizes, damaged)

    def __len__(self) -> int:
        """Number of photos."""
        return len(self._sizes)

    @property
    def resident_bytes(self) -> int:
        """Memory that the photos take on the device."""
        return self._pixels.nbytes

    def batches(self, sampler: CropSampler, first_step: int = 0) -> Iterator[Tensor]:
        """Endless batches from number `first_step` on: float32 [N, 3, size, size], RGB, 0..1, on the device.

        Raises:
            InvalidInputError: no photo is large enough.
        """
        usable = sampler.crop.usable(self._sizes)
        for step in count(first_step):
            photo, draws = sampler.choose(step, usable)
            plan = sampler.cut(
                np.array([self._intact(number, usable) for number in photo.tolist()]), draws, self._sizes
            )
            batch = self._cut(plan, sampler.crop.size)
            if sampler.crop.colour_jitter:
                batch = apply_colour(batch, upload(plan.colour, batch.device))
            yield batch

    def _intact(self, photo: int, usable: np.ndarray) -> int:
        """The photo, or the first intact one after it: not all are damaged, or there would be no source."""
        while photo in self._damaged:
            photo = next_photo(photo, usable)
        return photo

    @torch.no_grad()
    def _cut(self, plan: CropPlan, size: int) -> Tensor:
        """Cut the crops of a plan: float32 [N, 3, size, size].

        Resizing is linear and separable: two products with matrices [size, window] of filter weights per picture.
        Nothing here waits for the device.
        """
        device = self._pixels.device
        sizes = self._sizes[plan.photo]
        # Source pixels per pixel of the crop, and where the crop begins in the source.
        step = sizes / plan.resized
        begin = plan.corner * step
        first = np.maximum(np.floor(begin - 0.5), 0).astype(np.int64)
        width, height = np.max(np.ceil(begin + size * step + 0.5).astype(np.int64) - first, axis=0)
        place = upload(np.column_stack([self._offsets[plan.photo], sizes, first]), device)
        geometry = np.stack([begin - first, step, sizes - 1 - first], axis=-1).astype(np.float32)
        geometry_x, geometry_y = upload(geometry, device).unbind(1)
        shrinks, flip = upload(np.stack([plan.resized[:, 0] < sizes[:, 0], plan.flip]), device)

        window = self._window(place, int(width), int(height))
        # The networks may run under autocast; 8-bit mantissas are too few for pixels between the grid.
        with torch.autocast(device.type, enabled=False):
            rows = _filter(geometry_y, shrinks, size, int(height))
            columns = _filter(geometry_x, shrinks, size, int(width))
            columns = torch.where(flip[:, None, None], columns.flip(1), columns)
            lines = torch.bmm(rows, window.flatten(2)).view(-1, size, int(width), 3)
            batch = torch.bmm(lines.transpose(2, 3).flatten(1, 2), columns.transpose(1, 2)).view(-1, size, 3, size)
        return batch.transpose(1, 2).div(255).clamp(0, 1).contiguous()

    def _window(self, place: Tensor, width: int, height: int) -> Tensor:
        """Part of every photo around its crop: float32 [N, height, width, 3], 0..255; beyond the edge it repeats.

        Args:
            place: int64 [N, 5]: offset, width and height of the photo, left and top of the window.
            width, height: size of the windows.
        """
        offset, photo_width, photo_height, left, top = place[:, :, None].unbind(1)
        steps = torch.arange(max(width, height), device=place.device)
        x = torch.minimum(left + steps[:width], photo_width - 1)
        y = torch.minimum(top + steps[:height], photo_height - 1)
        return self._pixels[(offset + y * photo_width)[:, :, None] + x[:, None, :]].float()


def _filter(geometry: Tensor, shrinks: Tensor, size: int, window: int) -> Tensor:
    """Filter weights along one axis: float32 [N, size, window]; each row adds up to 1.

    Where the photo shrinks, the mean over the area that a new pixel covers, so that nothing aliases; else linear
    interpolation.

    Args:
        geometry: float32 [N, 3]: beginning of the crop in the window, source pixels per new pixel, last source pixel.
        shrinks: bool [N].
        size: of the crop.
        window: of the source.
    """
    begin, step, last = geometry[:, :, None, None].unbind(1)
    new = torch.arange(size, device=geometry.device)[None, :, None]
    old = torch.arange(window, device=geometry.device)[None, None, :]
    low = begin + new * step
    area = (torch.minimum(low + step, old + 1) - torch.maximum(low, old)).clamp_(min=0) / step
    centre = torch.minimum((begin + (new + 0.5) * step - 0.5).clamp_(min=0), last)
    linear = (1 - (old - centre).abs()).clamp_(min=0)
    return torch.where(shrinks[:, None, None], area, linear)


def _offsets(sizes: np.ndarray) -> np.ndarray:
    """First pixel of every photo in the buffer: int64 [K]."""
    areas: np.ndarray = sizes.prod(axis=1, dtype=np.int64)
    return np.concatenate([[0], np.cumsum(areas[:-1])])


def _decode_all(
    photos: PhotoSet, sizes: np.ndarray, progress: Callable[[int, int], None] | None
) -> tuple[np.ndarray, dict[int, str]]:
    """uint8 [P, 3]: all photos at `sizes` (int [K, 2]), one after the other; and what is damaged, by number."""
    offsets = _offsets(sizes)
    buffer = np.empty((int(sizes.prod(axis=1).sum()), 3), np.uint8)
    problems: dict[int, str] = {}

    def decode(number: int) -> None:
        width, height = map(int, sizes[number])
        place = slice(offsets[number], offsets[number] + width * height)
        try:
            pixels = photos.read(number)
        except DamagedPhotoError as error:
            problems[number] = error.problem
            buffer[place] = 0
            return
        if pixels.shape[:2] != (height, width):
            pixels = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        buffer[place] = pixels.reshape(-1, 3)

    in_threads(decode, len(photos), progress)
    return buffer, problems


def _require_memory(needed: int, device: torch.device) -> None:
    if device.type != "cuda":
        return
    free, _ = torch.cuda.mem_get_info(device)
    if needed > _MEMORY_SHARE * free:
        raise InvalidInputError(
            f"The photos take {needed / 2**30:.1f} GiB, the device has {free / 2**30:.1f} GiB free, of which "
            f"{_MEMORY_SHARE:.0%} may hold photos. Lower the short side, use fewer shards, or load while training."
        )


def _read_cache(path: Path, content: str, device: torch.device) -> dict[str, Tensor] | None:
    """What is in the cache, on the device; None where it is not there, damaged, or of other content."""
    try:
        with safe_open(path, "pt", device=str(device)) as stored:
            if (stored.metadata() or {}).get("content") != content:
                return None
            return {name: stored.get_tensor(name) for name in ("pixels", "damaged")}
    except (OSError, SafetensorError):
        return None


def _write_cache(path: Path, content: str, decoded: dict[str, np.ndarray]) -> None:
    # The process id keeps the ranks of one run, which write the same cache, out of each other's way.
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(decoded, part, {"content": content})
        part.replace(path)
    except (OSError, SafetensorError) as error:
        with suppress(OSError):
            part.unlink()
        raise OutputError(
            f"The decoded photos ({decoded['pixels'].nbytes / 2**30:.1f} GiB) cannot be kept in {path}: {error}. "
            "Free some space, or run without the cache."
        ) from error
