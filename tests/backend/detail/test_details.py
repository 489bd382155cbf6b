"""Detail transfer as the engine offers it: what it continues, what it leaves alone, and that it can be relied on."""

import itertools
import time
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from glcic_backend import Inpainter
from glcic_backend.errors import CancelledError
from glcic_backend.model_files.model_file import Model, ModelInfo, default_model_path, load_model
from glcic_backend.scene.holes import find_holes
from glcic_backend.wire.geometry import Rectangle

from ..conftest import make_thin_network
from .scenes import SCENES, rim_jump

# What is continued shall not depend on what the network has learnt: its weights are random.
INFO = ModelInfo("thin", (0.47, 0.44, 0.40), (8, 96), ("rectangle",), "random", "CC0-1.0", "none", "random weights")
ENGINE = Inpainter(Model(make_thin_network().float(), INFO), torch.device("cpu"))
SHIPPED = load_model(default_model_path())
# The same holes are large for this one: it completes them in a smaller copy, with what the shipped model has learnt.
SMALL_HOLES = Inpainter(Model(SHIPPED.network, replace(SHIPPED.info, hole_range=(8, 24))), torch.device("cpu"))
EACH_ENGINE = pytest.mark.parametrize("engine", [ENGINE, SMALL_HOLES], ids=["full size", "in a copy"])


@pytest.fixture(autouse=True)
def one_thread():
    # Threads that wait for each other on a busy machine take longer than the work.
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def scene(name, height=200, width=240, dtype=np.uint8, seed=0):
    values = np.clip(SCENES[name](height, width, np.random.default_rng(seed)), 0, 1)
    return values.astype(np.float32) if dtype == np.float32 else np.rint(values * np.iinfo(dtype).max).astype(dtype)


def rectangle(shape, x, y, w, h):
    mask = np.zeros(shape[:2], np.uint8)
    mask[y : y + h, x : x + w] = 255
    return mask


def disc(shape, x, y, radius):
    return cv2.circle(np.zeros(shape[:2], np.uint8), (x, y), radius, 255, -1)


def error(completed, image, mask):
    """Mean absolute difference to the truth in the hole, 0..1 of the range."""
    full = 1 if image.dtype == np.float32 else np.iinfo(image.dtype).max
    return np.abs(completed[mask > 0].astype(float) - image[mask > 0]).mean() / full


@EACH_ENGINE
@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("shape", ["rectangle", "disc"])
def test_regular_scenes_are_continued_without_a_seam(engine, name, shape):
    image = scene(name)
    mask = rectangle(image.shape, 90, 70, 60, 56) if shape == "rectangle" else disc(image.shape, 118, 99, 30)

    completed = engine.complete(image, mask)

    assert rim_jump(completed, mask > 0) <= 1.3
    assert error(completed, image, mask) <= {"bricks": 0.075, "fence": 0.09}.get(name, 0.03)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_sky_keeps_its_grain_at_every_depth(dtype):
    image = scene("sky", dtype=dtype)
    mask = disc(image.shape, 120, 100, 36)

    completed = ENGINE.complete(image, mask).astype(np.float64)

    def grain(where):
        return (completed - cv2.GaussianBlur(completed, (0, 0), 2))[where].std()

    inside = cv2.erode(mask, np.ones((9, 9), np.uint8)) > 0
    assert grain(inside) == pytest.approx(grain(mask == 0), rel=0.25)


def test_a_smooth_gradient_of_8_bits_gets_no_bands():
    image = scene("ramp", 240, 240)
    mask = rectangle(image.shape, 70, 70, 100, 100)

    completed = ENGINE.complete(image, mask)[mask > 0].reshape(100, 100, 3)

    smooth = cv2.GaussianBlur(completed.astype(np.float32), (0, 0), 4)
    truth = cv2.GaussianBlur(image[70:170, 70:170].astype(np.float32), (0, 0), 4)
    assert np.abs(np.diff(smooth - truth, axis=0)).max() <= 1 and np.abs(np.diff(smooth - truth, axis=1)).max() <= 1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 4])
def test_nothing_outside_the_hole_changes(dtype, channels):
    image = scene("bricks", dtype=dtype)
    full = image.max() if dtype == np.float32 else np.iinfo(dtype).max
    image = image[..., 0] if channels == 1 else np.dstack([image, np.full(image.shape[:2], full, dtype)])
    mask = disc(image.shape, 100, 90, 25)

    completed = ENGINE.complete(image, mask)

    assert completed.dtype == dtype and np.array_equal(completed[mask == 0], image[mask == 0])


def test_a_seed_gives_the_same_filling_again_and_another_seed_another():
    image = scene("bricks")
    mask = rectangle(image.shape, 90, 70, 40, 40)

    first, again, other = (ENGINE.complete(image, mask, seed=seed) for seed in (7, 7, 8))

    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("context", ["automatic", "more", "all"])
@pytest.mark.parametrize("quality", ["fast", "best"])
def test_the_crop_of_the_context_gives_what_the_whole_image_gives(quality, context):
    rng = np.random.default_rng(1)
    image = np.tile(scene("bricks"), (3, 3, 1))
    image = np.clip(image + np.linspace(0, 40, image.shape[1])[None, :, None] + rng.normal(0, 4, image.shape), 0, 255)
    image = image.astype(np.uint8)
    mask = rectangle(image.shape, 411, 303, 66, 41) | disc(image.shape, 540, 330, 12)
    crop = ENGINE.context(
        image.shape[1], image.shape[0], Rectangle(*cv2.boundingRect(mask)), quality=quality, context=context
    )
    part = slice(crop.y, crop.bottom), slice(crop.x, crop.right)

    whole = ENGINE.complete(image, mask, quality=quality, context=context, seed=5)
    of_crop = ENGINE.complete(image[part].copy(), mask[part].copy(), quality=quality, context=context, seed=5)

    assert (crop.width * crop.height < mask.size) == (context != "all" or quality == "fast")
    assert np.array_equal(whole[part], of_crop)


@pytest.mark.parametrize("quality", ["fast", "best"])
@pytest.mark.parametrize("count", [4, 40, 140], ids=["few", "strewn", "everywhere"])
def test_the_crop_of_the_context_gives_what_the_whole_image_gives_for_specks(quality, count):
    """In more than 32 squares of 256 pixels they are completed in a smaller copy, in more than 128 in a smaller one.

    In a row so low that its thickness asks for no smaller copy. A scratch among them is finished in pieces.
    """
    rng = np.random.default_rng(2)
    image = rng.integers(0, 256, (300, 1400 + 256 * count, 3), np.uint8)
    mask = np.zeros(image.shape[:2], np.uint8)
    for column, (x, y) in enumerate(rng.integers((700, 130), (940, 150), (count, 2))):
        mask[y : y + rng.integers(3, 17), 256 * column + x : 256 * column + x + rng.integers(3, 17)] = 255
    mask |= cv2.line(np.zeros_like(mask), (720, 135), (1600, 155), 255, 4)
    crop = ENGINE.context(image.shape[1], image.shape[0], Rectangle(*cv2.boundingRect(mask)), quality=quality)
    part = slice(crop.y, crop.bottom), slice(crop.x, crop.right)

    whole = ENGINE.complete(image, mask, quality=quality)
    of_crop = ENGINE.complete(image[part].copy(), mask[part].copy(), quality=quality)

    assert crop.width < image.shape[1]
    assert np.array_equal(whole[part], of_crop)
    assert np.array_equal(whole[mask == 0], image[mask == 0])


def test_specks_have_the_texture_of_what_is_round_them():
    image = scene("sky", 300, 300)
    mask = np.zeros(image.shape[:2], np.uint8)
    for x, y in itertools.product(range(20, 290, 50), repeat=2):
        mask |= disc(mask.shape, x, y, 7)
    assert all(hole.is_speck for hole in find_holes(mask > 0))

    completed = ENGINE.complete(image, mask)

    def grain(where):
        return (completed.astype(float) - cv2.GaussianBlur(completed.astype(float), (0, 0), 2))[where].std()

    assert grain(mask > 0) == pytest.approx(grain(mask == 0), rel=0.25)
    assert error(completed, image, mask) <= 0.03


def test_several_holes_are_each_filled_and_far_ones_do_not_meddle():
    image = np.tile(scene("bricks"), (1, 4, 1))
    one, two = disc(image.shape, 100, 100, 16), rectangle(image.shape, 800, 60, 20, 50)

    both = ENGINE.complete(image, one | two)

    assert np.array_equal(both[two > 0], ENGINE.complete(image, two)[two > 0])
    assert error(both, image, one | two) <= 0.09


@EACH_ENGINE
@pytest.mark.parametrize("name", ["bricks", "sky"])
@pytest.mark.parametrize("place", ["left", "corner", "across", "ring"])
def test_holes_at_the_border_and_rings_are_continued(engine, name, place):
    image = scene(name)
    mask = {
        "left": rectangle(image.shape, 0, 60, 40, 60),
        "corner": rectangle(image.shape, 200, 160, 40, 40),
        "across": rectangle(image.shape, 0, 80, 240, 24),
        "ring": disc(image.shape, 120, 100, 60) & ~disc(image.shape, 120, 100, 46),
    }[place]

    completed = engine.complete(image, mask)

    assert error(completed, image, mask) <= {"bricks": 0.1, "sky": 0.03}[name]
    # Where the rim follows a joint of the wall, the truth has a jump, too.
    assert rim_jump(completed, mask > 0) <= 1.3 * max(1, rim_jump(image, mask > 0))


def test_transparent_pixels_are_never_copied():
    image = np.dstack([scene("sky"), np.full((200, 240), 255, np.uint8)])
    mask = disc(image.shape, 120, 100, 26)
    image[:, 140:200] = (255, 0, 255, 0)

    completed = ENGINE.complete(image, mask)

    # The magenta has no green; the sky has much. The fill is as opaque as what surrounds it there.
    filled = completed[mask > 0]
    assert filled[filled[:, 3] > 0][:, 1].min() > 80
    assert (completed[:, :130][mask[:, :130] > 0][:, 3] == 255).all()
    assert np.array_equal(completed[mask == 0], image[mask == 0])


def test_where_hardly_anything_is_known_the_blended_completion_stays():
    image = scene("sky", 40, 40)
    mask = rectangle(image.shape, 3, 3, 34, 34)

    assert np.array_equal(ENGINE.complete(image, mask), ENGINE.complete(image, mask, quality="fast"))


def test_large_holes_report_progress_and_stop_soon_when_cancelled():
    image = np.tile(scene("bricks"), (4, 3, 1))
    mask = rectangle(image.shape, 200, 250, 300, 300)
    shares, asked = [], []

    def cancelled():
        asked.append(time.process_time())  # on a busy machine, more time passes than is spent
        return len(shares) >= 3

    with pytest.raises(CancelledError):
        ENGINE.complete(
            image,
            mask,
            progress=lambda stage, share: shares.append(share) if stage == "detail" else None,
            cancelled=cancelled,
        )

    assert shares == sorted(shares)
    assert np.diff(asked).max() < 1


@pytest.mark.parametrize("linear", [False, True])
@pytest.mark.parametrize("where", [np.s_[0, 0, 0], np.s_[18:20, 18:20], np.s_[:]], ids=["one", "rim", "all"])
@pytest.mark.parametrize("value", [-1e38, 3.4e38, 1e20])
def test_colours_far_out_of_range_end_nothing_and_change_nothing_outside_the_hole(value, where, linear):
    image = scene(next(iter(SCENES)), 64, 64, np.float32)
    image[where] = value
    mask = rectangle(image.shape, 20, 20, 20, 20)

    completed = ENGINE.complete(image, mask, linear=linear)

    assert np.isfinite(completed).all()
    assert np.array_equal(completed[mask == 0], image[mask == 0])
    assert completed.shape == image.shape
