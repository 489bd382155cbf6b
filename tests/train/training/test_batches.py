"""Batches: photographs and holes, drawn when they are used."""

import torch

from glcic_train.data import PhotoSet
from glcic_train.data.loader import LoadedPhotos
from glcic_train.masks import MaskSampler, MaskStream
from glcic_train.training.batches import BatchSource
from glcic_train.training.distributed import Processes
from glcic_train.training.schedule import Schedule


def test_the_holes_of_real_images_are_drawn_where_they_are_used_and_only_there(quick, photos, monkeypatch):
    drawn: list[MaskStream] = []
    holes = MaskSampler.holes

    def counted(self, seed, stream, *arguments):
        drawn.append(stream)
        return holes(self, seed, stream, *arguments)

    monkeypatch.setattr(MaskSampler, "holes", counted)
    config = quick()
    cpu = torch.device("cpu")
    source = BatchSource(config, LoadedPhotos(PhotoSet.open(photos), workers=0), Processes(), cpu)

    batch = source.batch(3, Schedule(config).stage(0))
    assert drawn == [MaskStream.COMPLETION]
    first, again = batch.real_holes, batch.real_holes

    assert drawn == [MaskStream.COMPLETION, MaskStream.REAL]
    assert first is again
    expected = holes(MaskSampler(config.masks, 32, (8, 16)), config.run.seed, MaskStream.REAL, 3, 2)
    assert torch.equal(first.centres, expected.centres)
