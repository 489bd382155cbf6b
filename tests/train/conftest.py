"""Photographs and configurations for the trainer's tests: small enough that a whole run takes seconds."""

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from glcic_train.config import Config, load_config

from .narrow import narrow_networks


def _picture(generator: np.random.Generator) -> np.ndarray:
    """A smooth colour gradient with a rectangle on it: uint8 [56, 64, 3]."""
    y, x = np.mgrid[0:56, 0:64] / 64
    slopes, levels = generator.uniform(-0.5, 0.5, (3, 2)), generator.uniform(0.3, 0.7, 3)
    image = np.stack([level + slope[0] * x + slope[1] * y for level, slope in zip(levels, slopes, strict=True)], axis=2)
    top, left = generator.integers(0, 40, 2)
    image[top : top + 16, left : left + 16] = generator.uniform(0, 1, 3)
    return (image.clip(0, 1) * 255).astype(np.uint8)


def _write_shard(path: Path, count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    with tarfile.open(path, "w") as tar:
        for number in range(count):
            file = io.BytesIO()
            Image.fromarray(_picture(generator)).save(file, "PNG")
            for suffix, data in (("png", file.getvalue()), ("json", json.dumps({"licence": "CC0"}).encode())):
                member = tarfile.TarInfo(f"{number:04d}.{suffix}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of shards: 12 training and 4 validation photographs of 64 x 56 pixels."""
    folder = tmp_path_factory.mktemp("photos")
    _write_shard(folder / "train-000000.tar", 12, seed=1)
    _write_shard(folder / "val-000000.tar", 4, seed=2)
    return folder


QUICK = (
    "schedule.completion_steps=2",
    "schedule.discriminator_steps=1",
    "schedule.total_steps=5",
    "run.batch=2",
    "run.device=cpu",
    "run.threads=1",  # threads that wait for each other on a busy machine make small networks slow
    "run.checkpoint_steps=0",
    "run.pictures_every=0",
    "validation.count=0",
)


@pytest.fixture
def quick_settings() -> tuple[str, ...]:
    """Settings that cut `tiny` to all three phases in five iterations, with checkpoints at start and end only."""
    return QUICK


@pytest.fixture
def quick() -> Callable[..., Config]:
    """Makes `tiny` with `quick_settings` and further settings."""
    return lambda *settings: load_config("tiny", [*QUICK, *settings])


@pytest.fixture(scope="module")
def narrow_module() -> Iterator[None]:
    """Narrow networks within one file of tests."""
    with pytest.MonkeyPatch.context() as patch:
        narrow_networks(patch.setattr)
        yield
