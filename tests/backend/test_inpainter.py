"""The engine: what it fills, what it leaves alone, and what it looks at."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glcic_backend import Inpainter
from glcic_backend.errors import CancelledError, InvalidInputError, ModelFileError
from glcic_backend.model_files.model_file import Model, ModelInfo
from glcic_backend.network.completion_network import network_input
from glcic_backend.network.region_plan import plan_regions
from glcic_backend.scene import pixels
from glcic_backend.scene.holes import find_holes
from glcic_backend.scene.strands import strand_pieces

from .conftest import make_thin_network

MEAN = (0.47, 0.44, 0.40)
INFO = ModelInfo("thin", MEAN, (8, 64), ("rectangle",), "random", "CC0-1.0", "none", "random weights")
THIN = make_thin_network().float()
ENGINE = Inpainter(Model(THIN, INFO), torch.device("cpu"))


def photograph(height, width, channels=3, dtype=np.uint8, seed=0):
    """Smooth random picture with a little noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    waves = [0.5 + 0.3 * np.sin(rng.uniform(1, 6) * rows + rng.uniform(1, 6) * columns) for _ in range(channels)]
    values = np.clip(np.stack(waves, axis=2) + rng.normal(0, 0.02, (height, width, channels)), 0, 1)
    return values.astype(np.float32) if dtype == np.float32 else (values * np.iinfo(dtype).max).round().astype(dtype)


def rectangle_mask(height, width, x, y, w, h, value=255):
    mask = np.zeros((height, width), np.uint8)
    mask[y : y + h, x : x + w] = value
    return mask


def test_without_blending_the_hole_holds_what_the_network_gives_on_the_whole_image():
    image, mask = photograph(120, 150), rectangle_mask(120, 150, 60, 40, 30, 25)
    x = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    hole = torch.from_numpy(mask > 0)[None, None].float()

    completed = ENGINE.complete(image, mask, blend=False)

    with torch.inference_mode():
        whole = THIN(network_input(x, hole, MEAN))[0].permute(1, 2, 0).numpy() * 255
    difference = np.abs(completed[mask > 0] - whole[mask > 0])
    assert difference.max() <= 0.5 + 1e-2
    assert not np.array_equal(completed[mask > 0], image[mask > 0])


@pytest.mark.filterwarnings("ignore:The mask")  # a mask that is drawn may be too faint to show anything
@settings(max_examples=30, deadline=None, derandomize=True)
@given(data=st.data())
def test_outside_the_mask_every_sample_is_identical_for_every_layout(data):
    height, width = data.draw(st.integers(20, 90)), data.draw(st.integers(20, 90))
    channels = data.draw(st.sampled_from([1, 2, 3, 4]))
    dtype = data.draw(st.sampled_from([np.uint8, np.uint16, np.float32]))
    image = photograph(height, width, channels, dtype, seed=data.draw(st.integers(0, 99)))
    if channels == 1 and data.draw(st.booleans()):
        image = image[..., 0]
    mask = np.zeros((height, width), np.uint8)
    for _ in range(data.draw(st.integers(1, 4))):
        x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
        w, h = data.draw(st.integers(1, 15)), data.draw(st.integers(1, 15))
        mask[y : y + h, x : x + w] = data.draw(st.integers(1, 255))
    before = image.copy(), mask.copy()

    options = {name: data.draw(st.booleans()) for name in ("blend", "linear")}
    completed = ENGINE.complete(image, mask, quality=data.draw(st.sampled_from(["fast", "best"])), **options)

    assert completed.shape == image.shape and completed.dtype == image.dtype
    assert np.array_equal(completed[mask == 0], image[mask == 0])
    assert np.array_equal(image, before[0]) and np.array_equal(mask, before[1])


def test_what_the_hole_hides_has_no_influence():
    image, mask = photograph(90, 90), rectangle_mask(90, 90, 30, 30, 25, 20)
    other = image.copy()
    other[mask > 0] = 255 - other[mask > 0]

    assert np.array_equal(ENGINE.complete(image, mask), ENGINE.complete(other, mask))


def test_colour_of_fully_transparent_pixels_has_no_influence():
    image, mask = photograph(90, 90, 4), rectangle_mask(90, 90, 30, 30, 25, 20)
    image[..., 3] = 255
    image[25:60, 55:80, 3] = 0
    other = image.copy()
    other[image[..., 3] == 0, :3] = (255, 0, 255)

    a, b = ENGINE.complete(image, mask), ENGINE.complete(other, mask)

    assert np.array_equal(a[mask > 0], b[mask > 0])
    assert np.array_equal(b[mask == 0], other[mask == 0])


def test_bool_mask_means_full_coverage():
    image, mask = photograph(80, 80), rectangle_mask(80, 80, 20, 20, 20, 20)

    assert np.array_equal(ENGINE.complete(image, mask > 0), ENGINE.complete(image, mask))


def test_grey_mask_blends_the_fill_by_coverage():
    image = photograph(80, 80)
    full = ENGINE.complete(image, rectangle_mask(80, 80, 20, 20, 20, 20))
    half = ENGINE.complete(image, rectangle_mask(80, 80, 20, 20, 20, 20, value=51))

    expected = image + (full.astype(float) - image) * 0.2
    assert np.abs(half - expected).max() <= 0.5 + 0.2 * 0.5 + 1e-3


def test_several_holes_are_filled_each_with_all_holes_masked():
    image = photograph(100, 400)
    mask = rectangle_mask(100, 400, 20, 30, 20, 20) | rectangle_mask(100, 400, 60, 30, 20, 20)
    mask |= rectangle_mask(100, 400, 370, 0, 30, 20)

    completed = ENGINE.complete(image, mask)

    inside = mask > 0
    assert (np.abs(completed[inside].astype(int) - image[inside]).max(axis=1) > 0).mean() > 0.9


@settings(max_examples=10, deadline=None, derandomize=True)
@given(data=st.data())
def test_many_specks_at_once_are_filled_as_one_at_a_time(data):
    """Far enough apart that the network does not see one from the other."""
    image = np.random.default_rng(data.draw(st.integers(0, 99))).integers(60, 190, (800, 1200, 3), np.uint8)
    places = [(x, y) for x in (20, 420, 820, 1160) for y in (30, 430, 780)]
    masks = []
    for x, y in data.draw(st.permutations(places))[: data.draw(st.integers(2, 6))]:
        masks.append(rectangle_mask(800, 1200, x, y, data.draw(st.integers(1, 20)), data.draw(st.integers(1, 17))))

    together = ENGINE.complete(image, np.maximum.reduce(masks), quality="fast").astype(int)

    for mask in masks:
        alone = ENGINE.complete(image, mask, quality="fast")
        assert np.abs(together[mask > 0] - alone[mask > 0]).max() <= 1


def test_hole_larger_than_one_region_has_no_seam_where_it_was_cut(monkeypatch):
    image, mask = photograph(150, 150), rectangle_mask(150, 150, 30, 35, 80, 80)
    whole = ENGINE.complete(image, mask, quality="fast")
    monkeypatch.setattr(
        "glcic_backend.network.completer.plan_regions", lambda hole, **rest: plan_regions(hole, max_pixels=30 * 30)
    )

    in_pieces = ENGINE.complete(image, mask, quality="fast")

    assert np.abs(whole.astype(int) - in_pieces).max() <= 1


def test_a_cut_hole_blended_piece_by_piece_has_no_step_at_the_cuts(monkeypatch):
    image, mask = photograph(150, 150), rectangle_mask(150, 150, 30, 35, 80, 12)
    regions = []

    def plan_small(hole, **rest):
        regions.extend(plan_regions(hole, max_pixels=20 * 12))
        return list(regions)

    monkeypatch.setattr("glcic_backend.network.completer.plan_regions", plan_small)
    monkeypatch.setattr("glcic_backend.blending.fills._MAX_BLEND_PIXELS", 1)

    completed = ENGINE.complete(image, mask, quality="fast")

    inside = completed[35:47, 30:110].astype(float)
    steps = np.abs(np.diff(inside, axis=1)).mean(axis=(0, 2))
    at_cuts = {region.x - 30 - 1 for region in regions if region.x > 30}
    elsewhere = [step for column, step in enumerate(steps) if column not in at_cuts]
    assert len(at_cuts) >= 3
    assert max(steps[column] for column in at_cuts) <= 1.3 * max(elsewhere)


@pytest.mark.parametrize("quality", ["fast", "best"])
def test_a_scratch_filled_in_pieces_has_no_step_where_they_meet(quality):
    image, mask = photograph(100, 700), rectangle_mask(100, 700, 30, 45, 640, 10)
    (hole,) = find_holes(mask > 0)
    ends = {piece.box.right - 1 for pieces in strand_pieces(hole) for piece in pieces} - {hole.box.right - 1}

    completed = ENGINE.complete(image, mask, quality=quality)

    steps = np.abs(np.diff(completed[45:55].astype(float), axis=1)).mean(axis=(0, 2))
    assert len(ends) == 13
    assert np.mean([steps[end] for end in ends]) <= 1.3 * steps[30:669].mean()


def test_only_the_context_of_the_hole_is_read(monkeypatch):
    image, mask = photograph(1500, 2000), rectangle_mask(1500, 2000, 900, 700, 60, 50)
    areas = []
    convert = pixels.to_perceptual_rgb
    monkeypatch.setattr(
        pixels, "to_perceptual_rgb", lambda part, linear: (areas.append(part.shape[:2]), convert(part, linear))[1]
    )

    ENGINE.complete(image, mask, quality="fast")

    assert max(height for height, _ in areas) <= 50 + 307
    assert max(width for _, width in areas) <= 60 + 307


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (np.zeros((40, 50), np.uint8), "mask is empty"),
        (np.full((40, 50), 255, np.uint8), "None of the 2000 pixels is known"),
        (np.full((50, 40), 255, np.uint8), "mask has 40 x 50 pixels, the image 50 x 40"),
    ],
    ids=["empty", "full", "other size"],
)
def test_unusable_masks_are_refused(mask, message):
    with pytest.raises(InvalidInputError, match=message):
        ENGINE.complete(photograph(40, 50), mask)


def test_image_whose_known_pixels_are_all_transparent_is_refused():
    image = photograph(40, 50, 4)
    image[..., 3] = 0

    with pytest.raises(InvalidInputError, match="None of the 2000 pixels is known"):
        ENGINE.complete(image, rectangle_mask(40, 50, 10, 10, 5, 5))


def test_progress_goes_through_the_stages_in_order_each_up_to_one():
    events = []
    ENGINE.complete(
        photograph(60, 400),
        rectangle_mask(60, 400, 10, 10, 9, 9) | rectangle_mask(60, 400, 380, 10, 9, 9),
        progress=lambda stage, share: events.append((stage, share)),
    )

    stages = [stage for stage, _ in events]
    assert list(dict.fromkeys(stages)) == ["plan", "network", "blend", "detail"]
    for stage in ("plan", "network", "blend", "detail"):
        shares = [share for name, share in events if name == stage]
        assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0)


@pytest.mark.parametrize("stage", ["network", "blend", "detail"])
def test_cancel_stops_in_each_stage_and_the_engine_serves_the_next_request(stage):
    image, mask = photograph(80, 80), rectangle_mask(80, 80, 20, 20, 30, 30)
    expected = ENGINE.complete(image, mask)
    reached = []

    with pytest.raises(CancelledError):
        ENGINE.complete(
            image,
            mask,
            progress=lambda name, share: reached.append(name),
            cancelled=lambda: reached and reached[-1] == stage,
        )

    assert np.array_equal(ENGINE.complete(image, mask), expected)


def test_result_does_not_change_from_run_to_run():
    image, mask = photograph(80, 90, 3, np.uint16), rectangle_mask(80, 90, 20, 20, 30, 30)

    assert np.array_equal(ENGINE.complete(image, mask), ENGINE.complete(image, mask))


def test_default_model_loads_on_the_chosen_device():
    engine = Inpainter.load(device="cpu")

    assert engine.device.type == "cpu"
    assert engine.model.info.architecture == "glcic-table2"


def test_unknown_device_and_missing_model_are_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="Device 'tpu' is not known"):
        Inpainter.load(device="tpu")
    with pytest.raises(InvalidInputError, match="0 threads"):
        Inpainter.load(threads=0)
    with pytest.raises(ModelFileError):
        Inpainter.load(tmp_path / "none.safetensors")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device on this machine")
def test_cuda_gives_the_cpus_network_and_always_the_same_details():
    image, mask = photograph(200, 200), rectangle_mask(200, 200, 60, 60, 50, 50)
    engine = Inpainter(Model(make_thin_network().float(), INFO), torch.device("cuda"))

    on_gpu = engine.complete(image, mask, quality="fast")
    assert np.abs(on_gpu.astype(int) - ENGINE.complete(image, mask, quality="fast")).max() <= 1
    # Between patches that fit alike, the last bit of a device's arithmetic decides.
    best = engine.complete(image, mask)
    assert np.array_equal(best, engine.complete(image, mask))
    assert np.array_equal(best[mask == 0], image[mask == 0])
