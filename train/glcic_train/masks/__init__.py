"""Random holes: their shapes, and how a batch of them is drawn."""

from glcic_train.masks.sampler import Holes, MaskSampler, MaskStream, frozen_masks
from glcic_train.masks.shapes import KINDS

__all__ = ["KINDS", "Holes", "MaskSampler", "MaskStream", "frozen_masks"]
