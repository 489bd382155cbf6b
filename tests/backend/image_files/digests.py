"""Whether another version of the code reads and writes pictures as this one does.

`python -m tests.backend.image_files.digests make FOLDER` puts pictures of many kinds into a folder; add photographs of
your own. `python -m tests.backend.image_files.digests show FOLDER > digests.txt`, in a checkout of each version, prints
one line for every picture and every format that it can be written in: a digest of the samples, the metadata and the
notes as they are read, and of the same after writing. Two versions are equal when `diff` finds nothing.
"""

import hashlib
import io
import sys
import tempfile
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from glcic_backend.errors import GlcicError
from glcic_backend.image_files import Picture, read_picture, write_picture

from .image_samples import exif_block, noise, png_bytes, srgb_profile

COMPRESSIONS = ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"]

STORAGE = {256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 338, 339, 34665, 34853}
"""Tags of a TIFF that say how the samples are stored, and where directories lie."""


def make(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    smooth = np.linspace(0, 255, 64 * 48 * 4).reshape(48, 64, 4).astype(np.uint8)
    image = Image.fromarray(smooth ^ noise(64, 48, 4, seed=1) >> 5)
    described = {"exif": b"Exif\0\0" + exif_block(">", 6, b"\xff\xd8thumbnail"), "icc_profile": srgb_profile()}
    for mode in ("L", "LA", "RGB", "RGBA"):
        converted = image.convert(mode)
        for compression in COMPRESSIONS:
            converted.save(folder / f"{mode}-{compression}.tif", compression=compression)
        converted.save(folder / f"{mode}.tif", **described)
        converted.save(folder / f"{mode}.png", dpi=(300, 200), **described)
        converted.save(folder / f"{mode}.webp", lossless=True, **described)
    for name in ("palette.png", "palette.tif"):
        image.convert("RGB").quantize(16).save(folder / name)
    for compression in ("raw", "group3", "group4", "packbits", "tiff_lzw"):
        image.convert("1").save(folder / f"bits-{compression}.tif", compression=compression)
    for subsampling in range(3):
        image.convert("RGB").save(folder / f"{subsampling}.jpg", quality=80, subsampling=subsampling, **described)
        image.convert("RGB").save(folder / f"{subsampling}.tif", compression="jpeg", quality=80)
    for kind in ("uint16", "float32"):
        for channels in (1, 2, 3, 4):
            write_picture(folder / f"{kind}-{channels}.tif", Picture(noise(64, 48, channels, kind), exif=exif_block()))
    for channels in (1, 2, 3, 4):
        write_picture(folder / f"uint16-{channels}.png", Picture(noise(64, 48, channels, "uint16"), xmp=b"<x/>"))
    for depth in (1, 2, 4):
        rows = [bytes(row[: 64 * depth // 8]) for row in noise(64, 48, 1)[..., 0]]
        (folder / f"grey-{depth}.png").write_bytes(png_bytes(64, 48, depth, 0, rows))
        (folder / f"key-{depth}.png").write_bytes(png_bytes(64, 48, depth, 0, rows, (b"tRNS", b"\0\1")))
    for kind in ("uint8", "uint16", "float32"):
        premultiplied = noise(64, 48, 4, kind)
        tifffile.imwrite(
            folder / f"premultiplied-{kind}.tif", premultiplied, photometric="rgb", extrasamples=["assocalpha"]
        )
        planes = np.ascontiguousarray(noise(64, 48, 3, kind).transpose(2, 0, 1))
        tifffile.imwrite(folder / f"planes-{kind}.tif", planes, photometric="rgb", planarconfig="separate")
        tifffile.imwrite(folder / f"tiles-{kind}.tif", noise(64, 48, 3, kind), photometric="rgb", tile=(32, 16))
    for kind in ("uint8", "uint16"):
        tifffile.imwrite(folder / f"white-{kind}.tif", noise(64, 48, 1, kind)[..., 0], photometric="miniswhite")


def digest(path: Path) -> str:
    """Of everything that `read_picture` finds, in one line; or what it refuses the picture for."""
    try:
        picture = read_picture(path)
    except GlcicError as error:
        return f"refused: {str(error).removeprefix(str(path))}"
    samples = hashlib.sha256(np.ascontiguousarray(picture.pixels).tobytes()).hexdigest()[:16]
    others = (picture.icc, picture.exif, picture.xmp, picture.resolution, sorted(picture.png_colour.items()))
    coding = picture.jpeg and (sorted(picture.jpeg.tables.items()), picture.jpeg.subsampling, picture.jpeg.progressive)
    described = hashlib.sha256(repr((others, coding, picture.notes)).encode()).hexdigest()[:16]
    return f"{picture.pixels.dtype} {picture.pixels.shape} {samples} {described}"


def foreign(path: Path) -> str:
    """What another program finds in it: samples as far as it can tell them, and tags."""
    with Image.open(io.BytesIO(path.read_bytes())) as image:
        exif = image.getexif()
        tags = [sorted((tag, repr(value)) for tag, value in exif.get_ifd(group).items()) for group in (0x8769, 0x8825)]
        top = [(tag, repr(value)) for tag, value in sorted(exif.items()) if tag not in STORAGE]
        pixels = image.tobytes()
        found = (image.mode, image.info.get("dpi"), image.info.get("icc_profile"), top, tags)
    return hashlib.sha256(repr(found).encode() + pixels).hexdigest()[:16]


def show(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as made:
        for path in sorted(each for each in folder.iterdir() if each.is_file()):
            sys.stdout.write(f"{path.name}: {digest(path)}\n")
            for extension in (".png", ".tif", ".jpg", ".webp"):
                output = Path(made) / f"output{extension}"
                try:
                    write_picture(output, read_picture(path))
                except GlcicError:
                    continue
                try:
                    seen = foreign(output)
                except (OSError, ValueError) as error:  # Pillow knows no 16-bit colour
                    seen = type(error).__name__
                sys.stdout.write(f"{path.name} {extension}: {digest(output)} {seen}\n")


if __name__ == "__main__":
    {"make": make, "show": show}[sys.argv[1]](Path(sys.argv[2]))
