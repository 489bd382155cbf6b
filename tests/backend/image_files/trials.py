"""Trials of libraries for the files of pictures, as docs/workshop/libraries.md tells them.

`python -m tests.backend.image_files.trials time KIND EXTENSION` writes and reads 24 megapixels; `exif` lets Pillow
write an EXIF block anew; `pyvips` reads TIFFs by pyvips (`pip install pyvips pyvips-binary`).
"""

import importlib
import io
import resource
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
import tifffile
from PIL import Image

from glcic_backend.image_files import Picture, exif, read_picture, write_picture
from glcic_backend.image_files.tiff_directory import Value, read_directory, write_directory

from .image_samples import exif_block, noise


def time_24_megapixels(kind: str, extension: str) -> None:
    smooth = cv2.GaussianBlur(np.random.default_rng(0).random((4000, 6000, 3), np.float32), (0, 0), 3)
    pixels = (smooth - smooth.min()) / (smooth.max() - smooth.min())
    if kind != "float32":
        pixels = (pixels * np.iinfo(kind).max).astype(kind)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"picture{extension}"
        begin = time.process_time()
        write_picture(path, Picture(pixels))
        written = time.process_time()
        found = read_picture(path).pixels
        done = time.process_time()
        megabytes = path.stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report = f"{written - begin:.1f} s written, {done - written:.1f} s read, {megabytes:.1f} MB, peak {peak:.0f} MiB"
    sys.stdout.write(f"{kind} {extension}: {report}, equal: {np.array_equal(found, pixels)}\n")


def exif_by_pillow() -> None:
    """What changes when Pillow reads a block and writes it: one with an author's name in UTF-8 and a maker's note."""
    block = exif_block()
    directory, _ = read_directory(block)
    directory[0x013B] = Value(2, "Jörg Großmann\0".encode())
    block = block[:8] + write_directory(directory, 8, "<")
    anew = Image.Exif()
    anew.load(block)
    (before, _), (after, _) = read_directory(block), read_directory(exif.bare(anew.tobytes()))
    for name, first, second in (
        ("author", before[0x013B], after[0x013B]),
        ("maker's note", before[0x8769][0x927C], after[0x8769][0x927C]),
    ):
        sys.stdout.write(f"{name}: {first.raw} at {first.position} -> {second.raw} at {second.position}\n")


def tiff_by_pyvips() -> None:
    pyvips = importlib.import_module("pyvips")
    pixels = noise(40, 30, 3)
    for compression in ("lzw", "zlib", "zstd", "lzma"):
        file = io.BytesIO()
        tifffile.imwrite(file, pixels, photometric="rgb", compression=compression, metadata=None)
        try:
            found = pyvips.Image.new_from_buffer(file.getvalue(), "", fail_on="truncated").numpy()
            outcome = "equal" if np.array_equal(found, pixels) else "other pixels, without an error"
        except pyvips.Error as error:
            outcome = str(error).splitlines()[0]
        sys.stdout.write(f"{compression}: {outcome}\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "described.tif"
        write_picture(path, Picture(pixels, exif=exif_block()))
        fields = pyvips.Image.new_from_file(str(path)).get_fields()
    sys.stdout.write(f"EXIF fields of a TIFF: {[field for field in fields if 'exif' in field]}\n")


if __name__ == "__main__":
    what = {"time": time_24_megapixels, "exif": exif_by_pillow, "pyvips": tiff_by_pyvips}
    what[sys.argv[1]](*sys.argv[2:])
