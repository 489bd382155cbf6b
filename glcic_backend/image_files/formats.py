"""Extensions: what is read and written, what is only read, and what is not read and what to do about it."""

EXTENSIONS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP", ".tif": "TIFF", ".tiff": "TIFF"}
"""Extension in lower case -> format that is read and written."""

READ_ONLY: dict[str, str] = {}
"""Extension in lower case -> format that is read; its pictures are written as PNG."""

_RAW = "it is a camera raw file, which is not read; develop it to a 16-bit TIFF"

FOREIGN = {
    ".heic": "it is a HEIC picture, which is not read; convert it to PNG or JPEG",
    ".heif": "it is a HEIF picture, which is not read; convert it to PNG or JPEG",
    ".avif": "it is an AVIF picture, which is not read; convert it to PNG or JPEG",
    ".bmp": "it is a BMP picture, which is not read; convert it to PNG",
    ".gif": "it is a GIF picture, which is not read; convert it to PNG",
    ".jxl": "it is a JPEG XL picture, which is not read; convert it to PNG or JPEG",
    ".jp2": "it is a JPEG 2000 picture, which is not read; convert it to PNG",
    ".psd": "it is a Photoshop document, which is not read; export it as PNG or TIFF",
    ".xcf": "it is a GIMP document, which is not read; export it as PNG or TIFF",
    **dict.fromkeys((".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2"), _RAW),
}
"""Extension in lower case -> why a picture of it is passed over."""
