"""Small photos and shards, made anew for every test."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image


def make_photo(seed: int, width: int = 120, height: int = 90) -> np.ndarray:
    """Clouds of colour, different for every seed: uint8 [height, width, 3]."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)


def encode(pixels: np.ndarray, suffix: str = "png", **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, {"jpg": "JPEG"}.get(suffix, suffix.upper()), **options)
    return file.getvalue()


@pytest.fixture
def photo() -> Callable[..., np.ndarray]:
    return make_photo


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    return encode


@pytest.fixture
def make_tar(tmp_path: Path) -> Callable[..., Path]:
    """Writes a tar of (member name, bytes) pairs, in order, names as they are."""

    def make(name: str, members: list[tuple[str, bytes]]) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with tarfile.open(path, "w") as tar:
            for member, data in members:
                entry = tarfile.TarInfo(member)
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
        return path

    return make


@pytest.fixture
def make_shard(make_tar: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a shard of lossless pictures, keys "000", "001", ..., each with a JSON file."""

    def make(name: str, pictures: list[np.ndarray]) -> Path:
        members = []
        for number, pixels in enumerate(pictures):
            members.append((f"{number:03d}.png", encode(pixels)))
            members.append((f"{number:03d}.json", json.dumps({"licence": "CC0", "source": "clouds"}).encode()))
        return make_tar(name, members)

    return make


@pytest.fixture
def photo_folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes photos "0.jpg", "1.jpg", ... into a folder."""

    def make(count: int, name: str = "source", **size: int) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for seed in range(count):
            (folder / f"{seed}.jpg").write_bytes(encode(make_photo(seed, **size), "jpg", quality=90))
        return folder

    return make
