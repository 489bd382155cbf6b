"""The texts of a model file's header in; the values of its description out, each finite, bounded and printable."""

import json
from collections.abc import Mapping
from typing import Any

from glcic_backend.wire.checked import MAX_MODEL_TITLE, MAX_SIDE

MAX_TEXT = 20_000
"""Longest text of a description, in characters."""

_MOST_NAMES, _LONGEST_NAME = 16, 60


def description_of(metadata: Mapping[str, str], size_multiple: int) -> dict[str, Any]:
    """The fields of `ModelInfo`.

    Args:
        metadata: texts by field; all but plain texts are JSON.
        size_multiple: that of the network.

    Raises:
        ValueError: a value is missing, of another kind, or out of its bounds; the text says which one.
    """
    name = _text(metadata, "name", MAX_MODEL_TITLE)
    if not name.strip() or not name.isprintable():
        raise ValueError(f"the name {name!r:.60} must be printable characters on one line, and not only blanks")
    sha256 = _text(metadata, "sha256", 64)
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise ValueError(f"the sha256 {sha256!r:.70} must be 64 lower-case hexadecimal digits")
    if _json(metadata, "size_multiple") != size_multiple:
        raise ValueError(f"positions repeat every {_json(metadata, 'size_multiple')!r:.60} pixels, not {size_multiple}")
    texts = ("training_data", "licence", "attribution", "recipe", "architecture", "created_with")
    return {
        "name": name,
        "sha256": sha256,
        "size_multiple": size_multiple,
        "mean_pixel": _mean_pixel(_json(metadata, "mean_pixel")),
        "hole_range": _hole_range(_json(metadata, "hole_range")),
        "mask_kinds": _names(metadata, "mask_kinds"),
        # Files from before there was a loss on features lack it.
        "feature_networks": _names(metadata, "feature_networks") if "feature_networks" in metadata else (),
        **{field: _text(metadata, field, MAX_TEXT) for field in texts},
    }


def _text(metadata: Mapping[str, str], field: str, longest: int) -> str:
    if field not in metadata:
        raise ValueError(f"there is no {field}")
    text = metadata[field]
    if len(text) > longest:
        raise ValueError(f"its {field} has {len(text):,} characters, more than {longest:,}")
    if not text.replace("\n", "").isprintable():
        raise ValueError(f"its {field} holds characters that cannot be printed")
    return text


def _json(metadata: Mapping[str, str], field: str) -> Any:
    try:
        return json.loads(metadata[field])
    except KeyError:
        raise ValueError(f"there is no {field}") from None
    except (ValueError, RecursionError):
        raise ValueError(f"its {field} is {metadata[field]!r:.60}") from None


def _mean_pixel(value: Any) -> tuple[float, float, float]:
    if not _is_list(value, 3) or not all(type(channel) in (int, float) and 0 <= channel <= 1 for channel in value):
        raise ValueError(f"the mean pixel {value!r:.60} must be three numbers from 0 to 1")
    red, green, blue = (float(channel) for channel in value)
    return red, green, blue


def _hole_range(value: Any) -> tuple[int, int]:
    if not _is_list(value, 2) or not all(type(side) is int for side in value):
        raise ValueError(f"the hole range {value!r:.60} must be two whole numbers")
    smallest, largest = value
    if not 1 <= smallest <= largest <= MAX_SIDE:
        raise ValueError(f"the hole range {value!r:.60} must rise, from 1 to {MAX_SIDE}")
    return smallest, largest


def _names(metadata: Mapping[str, str], field: str) -> tuple[str, ...]:
    value = _json(metadata, field)
    if not isinstance(value, list) or len(value) > _MOST_NAMES:
        raise ValueError(f"its {field}, {value!r:.60}, must be a list of at most {_MOST_NAMES}")
    if not all(type(name) is str and len(name) <= _LONGEST_NAME and name.isprintable() for name in value):
        raise ValueError(f"its {field}, {value!r:.60}, must be short printable texts")
    return tuple(value)


def _is_list(value: Any, length: int) -> bool:
    return isinstance(value, list) and len(value) == length
