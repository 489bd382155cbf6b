"""Completion networks in Torch7 files (.t7), as the authors of the paper publish them."""

from glcic_backend.model_files.torch7.completion import load_torch7_model

__all__ = ["load_torch7_model"]
