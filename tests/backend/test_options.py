"""The options of a completion: known ones are taken, others refused in a sentence."""

import numpy as np
import pytest

from glcic_backend import Inpainter
from glcic_backend.errors import InvalidInputError
from glcic_backend.wire.geometry import Rectangle
from glcic_backend.wire.messages import CONTEXTS, MAX_SEED, QUALITIES


@pytest.fixture(scope="module")
def engine():
    return Inpainter.load(device="cpu")


def photograph():
    image = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
    mask = np.zeros((48, 64), np.uint8)
    mask[20:28, 24:36] = 255
    return image, mask


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("context", CONTEXTS)
def test_every_quality_and_context_fills_the_hole_and_has_a_crop_with_the_hole_in_it(engine, quality, context):
    image, mask = photograph()
    hole = Rectangle(24, 20, 12, 8)

    completed = engine.complete(image, mask, quality=quality, context=context, seed=MAX_SEED)
    crop = engine.context(64, 48, hole, quality=quality, context=context)

    assert (completed[mask > 0] != image[mask > 0]).any()
    assert np.array_equal(completed[mask == 0], image[mask == 0])
    assert crop.contains(hole) and Rectangle(0, 0, 64, 48).contains(crop)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"quality": "good"}, "The quality 'good' is unknown. Choose one of fast, best."),
        ({"context": "less"}, "The context 'less' is unknown. Choose one of automatic, more, all."),
        ({"seed": -1}, "The seed -1 cannot be used. Choose a whole number from 0 to 4294967295."),
        ({"seed": MAX_SEED + 1}, "The seed 4294967296 cannot be used."),
        ({"seed": 1.5}, "The seed 1.5 cannot be used."),
        ({"seed": None}, "The seed None cannot be used."),
        ({"seed": True}, "The seed True cannot be used."),
        ({"quality": None}, "The quality None is unknown."),
    ],
)
def test_an_option_that_is_not_known_is_refused(engine, options, sentence):
    with pytest.raises(InvalidInputError) as refusal:
        engine.complete(*photograph(), **options)
    assert str(refusal.value).startswith(sentence)

    if "seed" not in options:  # which plays no part in what is read
        with pytest.raises(InvalidInputError):
            engine.context(64, 48, Rectangle(24, 20, 12, 8), **options)
