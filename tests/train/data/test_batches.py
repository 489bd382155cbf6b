"""Both sources of batches: decoded while training, and kept on the device."""

import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from glcic_backend.errors import OutputError
from glcic_train.data import CropOptions, CropSampler, PhotoSet
from glcic_train.data.colour import apply_colour
from glcic_train.data.loader import LoadedPhotos
from glcic_train.data.resident import ResidentPhotos

Make = Callable[..., Path]


@pytest.fixture
def photos(make_shard: Make, photo: Callable[..., np.ndarray]) -> PhotoSet:
    sizes = [(97, 80), (80, 131), (90, 90), (160, 83), (81, 85)]
    return PhotoSet.open(make_shard("train-0.tar", [photo(seed, *size) for seed, size in enumerate(sizes)]))


def take(source: LoadedPhotos | ResidentPhotos, sampler: CropSampler, steps: int, first: int = 0) -> torch.Tensor:
    batches = source.batches(sampler, first)
    taken = torch.stack(list(itertools.islice(batches, steps)))
    batches.close()
    return taken


def test_batches_are_rgb_pictures_in_0_to_1_cut_from_the_planned_photo(photos: PhotoSet):
    sampler = CropSampler(CropOptions(80, short_side=(80, 80), flip=False, max_upscale=1), 6, seed=1)
    plan = sampler.plan(0, photos.sizes, sampler.crop.usable(photos.sizes))

    batch = take(LoadedPhotos(photos, workers=0), sampler, 1)[0]

    assert batch.shape == (6, 3, 80, 80)
    assert batch.dtype == torch.float32
    # Photo 0 is 97 x 80 already: its crop is a plain cut.
    number = plan.photo.tolist().index(0)
    left, top = plan.corner[number]
    expected = photos.read(0)[top : top + 80, left : left + 80]
    assert np.array_equal((batch[number] * 255).round().byte().permute(1, 2, 0).numpy(), expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_resumed_loader_goes_on_as_if_it_had_never_stopped(photos: PhotoSet, workers: int):
    sampler = CropSampler(CropOptions(32, short_side=(40, 60)), 3, seed=9)

    uninterrupted = take(LoadedPhotos(photos, workers=0), sampler, 7)
    resumed = take(LoadedPhotos(photos, workers=workers), sampler, 4, first=3)

    assert torch.equal(resumed, uninterrupted[3:])


@pytest.mark.parametrize(
    "options",
    [
        CropOptions(48, short_side=(48, 70)),
        CropOptions(16, short_side=(16, 24)),
        CropOptions(96, short_side=(96, 120)),
        CropOptions(40, short_side=(60, 100), colour_jitter=0.3),
    ],
    ids=["shrunk", "shrunk-much", "enlarged", "both-with-colour"],
)
def test_resident_photos_give_the_crops_of_the_loader(photos: PhotoSet, options: CropOptions):
    sampler = CropSampler(options, 12, seed=7)

    loaded = take(LoadedPhotos(photos, workers=0), sampler, 3)
    resident = take(ResidentPhotos.load(photos, "cpu", short_side=200), sampler, 3)

    # The loader rounds to 8 bits on the way; colour amplifies that by up to 1.3 * 1.3 * 1.3.
    tolerance = 1.2 / 255 if options.colour_jitter == 0 else 2.4 / 255
    assert (loaded - resident).abs().max() <= tolerance


def test_resident_photos_are_cut_without_autocast(photos: PhotoSet):
    source = ResidentPhotos.load(photos, "cpu")
    sampler = CropSampler(CropOptions(48, short_side=(48, 70)), 4, seed=7)

    plain = take(source, sampler, 1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under_autocast = take(source, sampler, 1)

    assert torch.equal(plain, under_autocast)


def test_shrinking_averages_and_does_not_alias(make_shard: Make):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    photos = PhotoSet.open(make_shard("train-0.tar", [stripes]))
    sampler = CropSampler(CropOptions(16, short_side=(16, 16)), 2, seed=0)

    for source in (LoadedPhotos(photos, workers=0), ResidentPhotos.load(photos, "cpu")):
        batch = take(source, sampler, 1)
        assert batch.sub(0.5).abs().max() < 1 / 255


def test_resident_photos_are_kept_no_larger_than_asked(photos: PhotoSet):
    source = ResidentPhotos.load(photos, "cpu", short_side=40)

    # The mean survives shrinking; a buffer with photos in the wrong place would not crop at all.
    batch = take(source, CropSampler(CropOptions(40, short_side=(40, 40)), 200, seed=0), 1)
    assert source.resident_bytes == 3 * sum(w * h for w, h in [(48, 40), (40, 66), (40, 40), (77, 40), (40, 42)])
    assert batch.mean() == pytest.approx(np.mean([photos.read(n).mean() for n in range(5)]) / 255, abs=0.03)


def test_a_second_start_reads_the_cache_and_decodes_nothing(photos: PhotoSet, tmp_path: Path, monkeypatch):
    cache = tmp_path / "run" / "photos.safetensors"
    sampler = CropSampler(CropOptions(48, short_side=(48, 70)), 4, seed=7)
    first = take(ResidentPhotos.load(photos, "cpu", cache=cache), sampler, 2)
    monkeypatch.setattr(PhotoSet, "read", lambda *_: pytest.fail("decoded again"))

    second = take(ResidentPhotos.load(photos, "cpu", cache=cache), sampler, 2)

    assert torch.equal(first, second)


def test_a_cache_of_other_photos_or_sizes_or_damaged_is_made_anew(photos: PhotoSet, tmp_path: Path):
    cache = tmp_path / "photos.safetensors"
    ResidentPhotos.load(photos, "cpu", short_side=64, cache=cache)

    smaller = ResidentPhotos.load(photos, "cpu", short_side=40, cache=cache)
    cache.write_bytes(cache.read_bytes()[:100])
    after_damage = ResidentPhotos.load(photos, "cpu", short_side=40, cache=cache)

    sampler = CropSampler(CropOptions(32, short_side=(32, 40)), 4, seed=7)
    fresh = take(ResidentPhotos.load(photos, "cpu", short_side=40), sampler, 1)
    assert torch.equal(take(smaller, sampler, 1), fresh)
    assert torch.equal(take(after_damage, sampler, 1), fresh)


def test_a_cache_that_cannot_be_written_is_named(photos: PhotoSet, tmp_path: Path):
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(OutputError, match=r"file.photos\.safetensors"):
        ResidentPhotos.load(photos, "cpu", cache=tmp_path / "file" / "photos.safetensors")


def test_loading_reports_its_progress_to_the_end(photos: PhotoSet):
    reports = []

    ResidentPhotos.load(photos, "cpu", progress=lambda done, total: reports.append((done, total)))

    assert reports == [(done, 5) for done in range(1, 6)]


def test_batches_leave_the_global_random_state_alone(photos: PhotoSet):
    sampler = CropSampler(CropOptions(32, short_side=(40, 60), colour_jitter=0.1), 3, seed=9)
    resident = ResidentPhotos.load(photos, "cpu")
    torch.manual_seed(1)
    before = torch.get_rng_state()

    take(LoadedPhotos(photos, workers=2), sampler, 2)
    take(resident, sampler, 2)

    assert torch.equal(torch.get_rng_state(), before)


def test_colour_factors_of_one_change_nothing():
    batch = torch.rand(2, 3, 5, 5, generator=torch.Generator().manual_seed(0))

    assert apply_colour(batch, torch.ones(2, 3)) == pytest.approx(batch, abs=1e-6)


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        # Red (1, 0, 0) beside black, grey of red 0.299; their mean grey 0.1495.
        ((0.5, 1.0, 1.0), [0.5, 0.0, 0.0]),
        ((1.0, 0.5, 1.0), [0.1495 + 0.5 * 0.8505, 0.1495 / 2, 0.1495 / 2]),
        ((1.0, 1.0, 0.0), [0.299, 0.299, 0.299]),
    ],
    ids=["brightness", "contrast", "saturation"],
)
def test_colour_factors_do_what_they_are_named_for(factors: tuple[float, ...], expected: list[float]):
    batch = torch.zeros(1, 3, 1, 2)
    batch[0, 0, 0, 0] = 1

    changed = apply_colour(batch, torch.tensor([factors]))

    assert changed[0, :, 0, 0].tolist() == pytest.approx(expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_both_sources_deliver_on_a_gpu_what_they_deliver_on_a_cpu(photos: PhotoSet):
    sampler = CropSampler(CropOptions(40, short_side=(60, 100), colour_jitter=0.3), 12, seed=7)
    expected = take(LoadedPhotos(photos, workers=0), sampler, 3)

    loaded = take(LoadedPhotos(photos, "cuda", workers=2), sampler, 3)
    resident = take(ResidentPhotos.load(photos, "cuda", short_side=200), sampler, 3)

    assert loaded.device.type == resident.device.type == "cuda"
    assert loaded.cpu() == pytest.approx(expected, abs=1e-5)
    assert (resident.cpu() - expected).abs().max() <= 2.4 / 255
