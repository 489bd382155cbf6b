"""What a model says about itself is finite, bounded and printable, or the model is refused, here and in every list."""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from glcic_backend.errors import ModelFileError
from glcic_backend.model_files.description import MAX_TEXT, description_of
from glcic_backend.model_files.header import MAX_HEADER_BYTES
from glcic_backend.model_files.model_file import load_model, read_info

GOOD = {
    "glcic_format": "1",
    "architecture": "glcic-table2",
    "name": "beach",
    "mean_pixel": "[0.4, 0.5, 0.6]",
    "hole_range": "[8, 64]",
    "mask_kinds": '["rectangle"]',
    "training_data": "none",
    "licence": "none",
    "attribution": "A\nB",
    "recipe": "",
    "size_multiple": "4",
    "created_with": "",
    "sha256": "ab" * 32,
}


def write(path: Path, metadata: dict[str, str]) -> Path:
    path.write_bytes(safetensors.numpy.save({"a": np.zeros(1, np.float16)}, metadata))
    return path


def with_header(path: Path, header: bytes) -> Path:
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    return path


def test_a_good_description_is_read(tmp_path: Path) -> None:
    info = read_info(write(tmp_path / "m.safetensors", GOOD))

    assert (info.name, info.hole_range, info.mean_pixel) == ("beach", (8, 64), (0.4, 0.5, 0.6))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": ""}, "the name ''"),
        ({"name": "   "}, "not only blanks"),
        ({"name": "N" * 201}, "201 characters, more than 200"),
        ({"name": "\x1b]0;pwned\x07\x1b[2J"}, "cannot be printed"),
        ({"name": "two\nlines"}, "on one line"),
        ({"name": "turned \u202e round"}, "cannot be printed"),
        ({"licence": "\x1b[2J"}, "its licence holds characters that cannot be printed"),
        ({"attribution": "x" * (MAX_TEXT + 1)}, "its attribution has 20,001 characters"),
        ({"hole_range": "[1, Infinity]"}, "hole range .* whole numbers"),
        ({"hole_range": "[1, 1e300]"}, "hole range .* whole numbers"),
        ({"hole_range": '["1", "5"]'}, "hole range .* whole numbers"),
        ({"hole_range": "[true, 5]"}, "hole range .* whole numbers"),
        ({"hole_range": "[1, 9999999]"}, "must rise, from 1 to 524288"),
        ({"hole_range": f"[1, {'9' * 5000}]"}, "its hole_range is"),
        ({"mean_pixel": f"[1{'0' * 400}, 0, 0]"}, "three numbers from 0 to 1"),
        ({"mean_pixel": "[NaN, 0, 0]"}, "three numbers from 0 to 1"),
        ({"mean_pixel": "[" * 50_000}, "its mean_pixel is"),
        ({"mask_kinds": '{"a": 1}'}, "its mask_kinds, .* list"),
        ({"mask_kinds": json.dumps(["x"] * 17)}, "at most 16"),
        ({"mask_kinds": '["\\u001b[2J"]'}, "short printable texts"),
        ({"feature_networks": '"x"'}, "its feature_networks, 'x', must be a list"),
        ({"size_multiple": '"abc"'}, "repeat every 'abc' pixels, not 4"),
        ({"size_multiple": "0"}, "repeat every 0 pixels, not 4"),
        ({"sha256": "x"}, "64 lower-case hexadecimal"),
        ({"sha256": None}, "there is no sha256"),
        ({"mean_pixel": None}, "there is no mean_pixel"),
    ],
)
def test_a_value_out_of_its_bounds_is_refused_in_one_printable_sentence(
    tmp_path: Path, change: dict[str, str | None], message: str
) -> None:
    metadata = {name: value for name, value in (GOOD | change).items() if value is not None}

    for read in (read_info, load_model):
        with pytest.raises(ModelFileError, match=message) as caught:
            read(write(tmp_path / "m.safetensors", metadata))
        assert str(caught.value).isprintable() and len(str(caught.value)) < 500


@pytest.mark.parametrize("change", [{"architecture": "\x1b[2J"}, {"glcic_format": "\x1b[2J" + "9" * 5000}])
def test_what_is_of_another_format_is_named_without_being_believed(tmp_path: Path, change: dict[str, str]) -> None:
    with pytest.raises(ModelFileError, match="this program reads format 1") as caught:
        read_info(write(tmp_path / "m.safetensors", GOOD | change))

    assert str(caught.value).isprintable() and len(str(caught.value)) < 500


def many_tensors() -> bytes:
    return json.dumps({f"t{k}": {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]} for k in range(20_000)}).encode()


@pytest.mark.parametrize(
    "header",
    [
        b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
        json.dumps({"__metadata__": {**GOOD, "x": "y" * MAX_HEADER_BYTES}}).encode(),
        many_tensors(),
        b"[1]",
        b'{"__metadata__": {"name": 5}}',
        b'{"__metadata__": 5}',
        b"{",
    ],
    ids=["deep", "large", "many tensors", "a list", "a number for a text", "a number for all", "cut off"],
)
def test_a_header_that_is_none_is_refused_at_once(tmp_path: Path, header: bytes) -> None:
    begun = time.monotonic()

    for read in (read_info, load_model):
        with pytest.raises(ModelFileError):
            read(with_header(tmp_path / "m.safetensors", header))

    assert time.monotonic() - begun < 2


@pytest.mark.parametrize("length", [MAX_HEADER_BYTES + 1, 1 << 62, (1 << 64) - 1])
def test_a_header_over_its_budget_is_refused_by_its_length_alone(tmp_path: Path, length: int) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + b"{" + b" " * 100)

    with pytest.raises(ModelFileError, match=r"claims [\d,]+ bytes"):
        read_info(path)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of Unix")
def test_a_pipe_a_device_or_a_folder_in_place_of_a_model_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.safetensors"
    os.mkfifo(pipe)
    begun = time.monotonic()

    for path in (pipe, Path("/dev/zero"), tmp_path, tmp_path / "a\0b"):
        for read in (read_info, load_model):
            with pytest.raises(ModelFileError, match="cannot be read"):
                read(path)

    assert time.monotonic() - begun < 1


def test_every_field_of_the_description_is_checked() -> None:
    for field in GOOD.keys() - {"glcic_format"}:
        with pytest.raises(ValueError, match=field):
            description_of({name: value for name, value in GOOD.items() if name != field}, 4)
