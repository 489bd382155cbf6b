"""What is read and written, what is only read, and what is not read and what to do about it."""

EXTENSIONS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WebP", ".tif": "TIFF", ".tiff": "TIFF"}
"""Extension in lower case -> format that is read and written."""

READ_ONLY = {".bmp": "BMP", ".gif": "GIF", ".ppm": "PPM", ".pgm": "PGM", ".avif": "AVIF"}
READ_ONLY |= {".heic": "HEIC", ".heif": "HEIC"}
"""Extension in lower case -> format that is read; its pictures are written as PNG."""

_RAW = "it is a camera raw file, which is not read; develop it to a 16-bit TIFF"

FOREIGN = {
    ".jxl": "it is a JPEG XL picture, which is not read; convert it to PNG or JPEG",
    ".jp2": "it is a JPEG 2000 picture, which is not read; convert it to PNG",
    ".psd": "it is a Photoshop document, which is not read; export it as PNG or TIFF",
    ".xcf": "it is a GIMP document, which is not read; export it as PNG or TIFF",
    ".svg": "it is an SVG drawing, which is not read; export it as PNG",
    **dict.fromkeys((".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".raf", ".rw2"), _RAW),
}
"""Extension in lower case -> why a picture of it is passed over."""

_KINDS = (
    (b"8BPS", "a Photoshop document"),
    (b"gimp xcf", "a GIMP document"),
    (b"%PDF", "a PDF document"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP", "a JPEG 2000 picture"),
    (b"v/1\x01", "an OpenEXR picture"),
    (b"#?RADIANCE", "a Radiance picture"),
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML file"),
    (b"<!DOCTYPE", "a web page"),
    (b"PK\x03\x04", "a ZIP archive"),
)


def foreign_kind(head: bytes) -> str:
    """What a file that is not read is, by its beginning."""
    known = next((kind for begin, kind in _KINDS if head.startswith(begin)), None)
    return f"it is {known}, which is not read" if known else "it is no picture of a kind that is read"
