"""Photographs and masks as files: PNG, JPEG, WebP and TIFF, with every bit and the metadata kept.

`reading` and `writing` are the entrances; there is one module per file format, and `picture` holds what they exchange.
"""

from glcic_backend.image_files.formats import EXTENSIONS
from glcic_backend.image_files.mask_files import read_mask
from glcic_backend.image_files.picture import DEFAULT_MAX_PIXELS, JpegCoding, Picture, Resolution
from glcic_backend.image_files.reading import read_picture
from glcic_backend.image_files.writing import write_picture

__all__ = [
    "DEFAULT_MAX_PIXELS",
    "EXTENSIONS",
    "JpegCoding",
    "Picture",
    "Resolution",
    "read_mask",
    "read_picture",
    "write_picture",
]
