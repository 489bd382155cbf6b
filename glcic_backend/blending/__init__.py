"""Blending of a completion into its surroundings (paper, section 3.5.1)."""

from glcic_backend.blending.blend import blend

__all__ = ["blend"]
