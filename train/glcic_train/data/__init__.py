"""Photographs for training: prepared shards, crops of section 3.5, batches.

How a batch comes about, whichever of the two sources delivers it:

    photos = PhotoSet.open("photos/", split="train")           # tar shards, nothing decoded yet
    sampler = CropSampler(CropOptions(), batch_size=96, seed=1)  # batch k is a pure function of (seed, k)
    source = LoadedPhotos(photos, "cuda", workers=8)           # decodes in worker processes   (loader.py)
    source = ResidentPhotos.load(photos, "cuda", short_side=384)  # or: decoded once, kept on the device (resident.py)
    for batch in source.batches(sampler, first_step=1000):     # float32 [N, 3, size, size], RGB, 0..1, on the device
        ...

`LoadedPhotos` and `ResidentPhotos` need torch and are imported from their modules; everything here is numpy only, so
that `glcic-train data` starts at once.
"""

from glcic_train.data.crops import CropOptions, CropPlan, CropSampler
from glcic_train.data.photo_set import PhotoSet

__all__ = ["CropOptions", "CropPlan", "CropSampler", "PhotoSet"]
