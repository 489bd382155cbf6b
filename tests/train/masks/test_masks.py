"""Random holes: shapes, ranges, and independence of device and number of processes."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glcic_backend.errors import InvalidInputError
from glcic_train.config import MaskConfig, MaskWeights
from glcic_train.masks import KINDS, Holes, MaskSampler, MaskStream, frozen_masks
from glcic_train.masks.shapes import DRAWS, draw_boxes, draw_shapes


def only(kind: str, **options: object) -> MaskConfig:
    return MaskConfig(weights=MaskWeights(**{"rectangle": 0.0, kind: 1.0}), **options)


def sample(config: MaskConfig, count: int, size: int = 64, hole: tuple[int, int] = (16, 32), seed: int = 0) -> Holes:
    return MaskSampler(config, size, hole).holes(seed, MaskStream.COMPLETION, 0, count)


def boxes_of(mask: torch.Tensor) -> np.ndarray:
    return np.array([cv2.boundingRect(m[0].numpy().astype(np.uint8)) for m in mask])


@pytest.mark.parametrize("kind", KINDS)
@given(seed=st.integers(0, 2**32), size=st.integers(8, 48), data=st.data())
@settings(max_examples=25, deadline=None)
def test_a_hole_is_binary_never_empty_and_keeps_to_its_range(kind, seed, size, data):
    low = data.draw(st.integers(1, size))
    high = data.draw(st.integers(low, size))
    mask = sample(only(kind), 6, size, (low, high), seed=seed).mask
    assert mask.shape == (6, 1, size, size)
    assert set(mask.unique().tolist()) <= {0.0, 1.0}
    assert (mask.sum(dim=(1, 2, 3)) > 0).all()
    assert (boxes_of(mask)[:, 2:] <= high).all()


def test_a_rectangle_fills_a_box_whose_sides_are_drawn_separately_over_the_whole_range():
    mask = sample(only("rectangle"), 2000, size=64, hole=(16, 20)).mask
    boxes = boxes_of(mask)
    assert (mask.sum(dim=(1, 2, 3)).numpy() == boxes[:, 2] * boxes[:, 3]).all()
    for side in (2, 3):
        assert sorted(set(boxes[:, side])) == [16, 17, 18, 19, 20]
    assert abs(np.corrcoef(boxes[:, 2], boxes[:, 3])[0, 1]) < 0.1


def test_rectangles_reach_every_border_of_the_image():
    boxes = boxes_of(sample(only("rectangle"), 2000, size=64, hole=(16, 20)).mask)
    assert boxes[:, 0].min() == boxes[:, 1].min() == 0
    assert (boxes[:, 0] + boxes[:, 2]).max() == (boxes[:, 1] + boxes[:, 3]).max() == 64


def test_the_centre_kind_lies_in_the_middle():
    mask = sample(only("centre"), 3, size=128, hole=(64, 64)).mask
    expected = torch.zeros(128, 128)
    expected[32:96, 32:96] = 1
    assert (mask == expected).all()


def test_several_rectangles_are_more_than_one():
    mask = sample(only("rectangles", count=(4, 4)), 50, size=128, hole=(96, 128)).mask
    boxes = boxes_of(mask)
    filled = mask.sum(dim=(1, 2, 3)).numpy() / (boxes[:, 2] * boxes[:, 3])
    # One rectangle would fill its own bounding box.
    assert (filled < 0.95).mean() > 0.9


def test_a_blob_is_one_piece_and_touches_much_of_its_box():
    mask = sample(only("blob"), 50, size=128, hole=(60, 60)).mask
    for one in mask:
        pieces, _ = cv2.connectedComponents(one[0].numpy().astype(np.uint8))
        assert pieces == 2  # background and hole
    assert boxes_of(mask)[:, 2:].mean() > 45


def test_a_stroke_is_one_connected_brush_mark_thinner_than_its_box():
    mask = sample(only("strokes"), 50, size=128, hole=(60, 60)).mask
    for one in mask:
        pieces, _ = cv2.connectedComponents(one[0].numpy().astype(np.uint8))
        assert pieces == 2
    assert mask.mean() < 0.5 * (60 / 128) ** 2


def test_objects_have_the_proportions_of_what_people_select():
    """Quartiles of 25 selections made by hand on photographs: persons, animals, ships, poles, cables, scratches."""
    masks = sample(only("objects"), 400, size=128, hole=(48, 112)).mask[:, 0].numpy().astype(np.uint8)
    boxes = [cv2.boundingRect(mask) for mask in masks]
    filled = [mask.sum() / (width * height) for mask, (_, _, width, height) in zip(masks, boxes, strict=True)]
    thick = [
        2 * cv2.distanceTransform(mask, cv2.DIST_L2, 5).max() / max(width, height)
        for mask, (_, _, width, height) in zip(masks, boxes, strict=True)
    ]
    assert np.percentile(filled, (25, 50, 75)) == pytest.approx((0.47, 0.62, 0.72), abs=0.15)
    assert np.percentile(thick, (25, 50, 75)) == pytest.approx((0.11, 0.34, 0.66), abs=0.12)


def test_an_object_is_of_one_piece_or_few_and_reaches_along_its_box():
    sampler = MaskSampler(only("objects"), 128, (60, 100))
    masks = sampler.holes(0, MaskStream.COMPLETION, 0, 200).mask[:, 0].numpy().astype(np.uint8)
    pieces = np.array([cv2.connectedComponents(mask)[0] - 1 for mask in masks])
    # Two poles and three wires lie apart; a gap in a wire would make more.
    assert (pieces <= 3).all()
    assert (pieces == 1).mean() > 0.7
    boxes = boxes_of(torch.from_numpy(masks)[:, None])
    assert (boxes[:, 2:].max(axis=1) > 0.7 * 60).all()


def test_a_shape_is_a_function_of_its_random_numbers():
    draws = np.full((1, DRAWS), 0.5)
    boxes = draw_boxes(draws, 9, (3, 5), np.array([False]))
    assert boxes.tolist() == [[3, 3, 4, 4]]
    mask = draw_shapes("rectangle", torch.from_numpy(boxes), torch.from_numpy(draws).float(), 9, (1, 1))
    assert mask[0, 0, 3:7, 3:7].sum() == mask.sum() == 16


def test_the_smallest_hole_is_a_single_pixel():
    for kind in KINDS:
        assert (sample(only(kind), 20, size=8, hole=(1, 1)).mask.sum(dim=(1, 2, 3)) == 1).all(), kind


def test_kinds_come_as_often_as_their_weights_say():
    config = MaskConfig(weights=MaskWeights(rectangle=3, blob=1))
    mask = sample(config, 2000, size=32, hole=(16, 16)).mask
    rectangles = (mask.sum(dim=(1, 2, 3)) == 256).float().mean().item()
    assert rectangles == pytest.approx(0.75, abs=0.03)


def test_processes_draw_together_what_one_process_draws():
    config = MaskConfig(weights=MaskWeights(rectangle=1, blob=1, strokes=1))
    sampler = MaskSampler(config, 32, (8, 16))
    whole = sampler.holes(5, MaskStream.COMPLETION, 7, 6)
    parts = [sampler.holes(5, MaskStream.COMPLETION, 7, 2, rank, 3) for rank in range(3)]
    assert torch.equal(torch.cat([part.mask for part in parts]), whole.mask)
    assert torch.equal(torch.cat([part.centres for part in parts]), whole.centres)


@pytest.mark.parametrize(
    "changed", [{"seed": 2}, {"step": 1}, {"stream": MaskStream.REAL}], ids=["seed", "step", "stream"]
)
def test_another_seed_step_or_stream_gives_other_holes(changed):
    sampler = MaskSampler(only("rectangle"), 64, (16, 32))
    arguments = {"seed": 1, "stream": MaskStream.COMPLETION, "step": 0, "batch": 8}
    assert torch.equal(sampler.holes(**arguments).mask, sampler.holes(**arguments).mask)
    assert not torch.equal(sampler.holes(**arguments).mask, sampler.holes(**arguments | changed).mask)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_gpu_draws_the_holes_of_the_cpu():
    config = MaskConfig(weights=MaskWeights(1, 1, 1, 1, 1, 1))
    cpu = MaskSampler(config, 256, (96, 128)).holes(3, MaskStream.REAL, 1, 64)
    gpu = MaskSampler(config, 256, (96, 128), "cuda").holes(3, MaskStream.REAL, 1, 64)
    # Outlines may differ where a pixel's centre lies on them to the last bit.
    assert (cpu.mask != gpu.mask.cpu()).float().mean() < 1e-4
    assert torch.equal(cpu.centres, gpu.centres.cpu())


def test_frozen_masks_are_numpy_and_grow_only_at_the_end():
    few, many = frozen_masks(7, 3, 64, "blob"), frozen_masks(7, 10, 64, "blob")
    assert (few.dtype, few.shape) == (np.uint8, (3, 64, 64))
    assert (many[:3] == few).all()


def test_frozen_masks_of_the_paper_have_its_range_at_256_pixels():
    boxes = [cv2.boundingRect(mask) for mask in frozen_masks(1, 200, 256)]
    sides = np.array(boxes)[:, 2:]
    assert 96 <= sides.min() < 100
    assert 124 < sides.max() <= 128


def test_frozen_masks_never_change():
    # Areas of the first release, in pixels: evaluations made with it must stay comparable.
    assert [int(mask.sum()) for mask in frozen_masks(2017, 4, 64, "rectangle")] == [841, 625, 725, 812]


def mask_folder(folder: Path, *masks: np.ndarray) -> str:
    for number, mask in enumerate(masks):
        cv2.imwrite(str(folder / f"{number}.png"), mask)
    return str(folder)


def test_masks_of_a_folder_are_scaled_to_the_crop_and_centred_on_their_hole(tmp_path):
    picture = np.zeros((64, 64), np.uint8)
    picture[16:32, 32:64] = 255
    config = only("folder", folder=mask_folder(tmp_path, picture))
    holes = sample(config, 2, size=32)
    expected = torch.zeros(32, 32)
    expected[8:16, 16:32] = 1
    assert (holes.mask == expected).all()
    assert holes.centres.tolist() == [[24, 12], [24, 12]]


def test_all_pictures_of_a_folder_are_used(tmp_path):
    pictures = [np.zeros((32, 32), np.uint8) for _ in range(3)]
    for number, picture in enumerate(pictures):
        picture[: 4 * (number + 1)] = 255
    areas = sample(only("folder", folder=mask_folder(tmp_path, *pictures)), 60, size=32).mask.sum(dim=(1, 2, 3))
    assert sorted(areas.unique().tolist()) == [128, 256, 384]


@pytest.mark.parametrize(("value", "word"), [(0, "has no hole"), (255, "has no known pixel")])
def test_a_mask_that_leaves_nothing_to_do_is_named(tmp_path, value, word):
    config = only("folder", folder=mask_folder(tmp_path, np.full((8, 8), value, np.uint8)))
    with pytest.raises(InvalidInputError, match=word):
        MaskSampler(config, 16, (4, 8))


def test_a_folder_without_masks_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match="holds no picture"):
        MaskSampler(only("folder", folder=str(tmp_path)), 16, (4, 8))
