"""Fields of messages: each is a dataclass field that carries the check of its values.

A check takes the value as the program or JSON gives it, and returns it as the message holds it; it raises
ValueError with what is wrong, as the end of a sentence that begins with the field's name.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from typing import Any, TypedDict

from .geometry import Rectangle

MAX_SIDE = 1 << 19
"""Largest width or height of an image, in pixels."""

MAX_MODELS = 40
"""Most models that a reply lists."""

MAX_NAME, MAX_TITLE = 64, 60
"""Longest name and title of a listed model, in characters."""

MAX_MODEL_TITLE = 200
"""Longest text that a model calls itself, in characters; the list shows `MAX_TITLE` of it."""

MAX_LINES, MAX_CORNERS = 16, 1000
"""Most drawn lines, and most corners of all of them together."""

FARTHEST_CORNER = 1 << 20
"""Farthest coordinate of a corner: of a line that leads out of the largest image on any side."""

MAX_STAGE = 40
"""Longest name of a stage, in characters."""


class ListedModel(TypedDict):
    """A model that can be asked for: its name in requests, what it calls itself, whether it is the default."""

    name: str
    title: str
    default: bool


def integer(low: int, high: int) -> Any:
    """A whole number from `low` to `high`."""

    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {value!r:.60}")
        return value

    return dataclasses.field(metadata={"check": check})


def number(low: float, high: float = math.inf) -> Any:
    """A finite number from `low` to `high`."""
    return dataclasses.field(metadata={"check": lambda value: _checked_number(value, low, high)})


def _checked_number(value: Any, low: float, high: float) -> float:
    # Compared before it is made a float, which an integer of hundreds of digits cannot become.
    if type(value) not in (int, float) or not low <= value <= min(high, sys.float_info.max):
        raise ValueError(f"must be a number from {low} to {high}, not {value!r:.60}")
    return float(value)


def flag() -> Any:
    """True or false."""

    def check(value: Any) -> bool:
        if type(value) is not bool:
            raise ValueError(f"must be true or false, not {value!r:.60}")
        return value

    return dataclasses.field(metadata={"check": check})


def text(longest: int, shortest: int = 1) -> Any:
    """A text of `shortest` to `longest` characters, made `printable`."""
    return dataclasses.field(metadata={"check": lambda value: _checked_text(value, longest, shortest)})


def _checked_text(value: Any, longest: int, shortest: int) -> str:
    if type(value) is not str or not shortest <= len(value) <= longest:
        raise ValueError(f"must be a text of {shortest} to {longest} characters, not {value!r:.60}")
    return printable(value)


def printable(value: str) -> str:
    """A text that can be shown: nothing in it moves a cursor, turns the writing round, or cannot be encoded.

    Ends of lines stay; every other character that is not printable (control characters, those that change the direction
    of writing, half of a pair) becomes U+FFFD.
    """
    return "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "\ufffd" for c in value)


def choice(*choices: str) -> Any:
    """One of `choices`."""

    def check(value: Any) -> str:
        if type(value) is not str or value not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}, not {value!r:.60}")
        return value

    return dataclasses.field(metadata={"check": check})


def hex_digits(digits: int) -> Any:
    """A text of exactly `digits` lower-case hexadecimal digits."""

    def check(value: Any) -> str:
        if type(value) is not str or len(value) != digits or not set(value) <= set("0123456789abcdef"):
            raise ValueError(f"must be {digits} lower-case hexadecimal digits, not {value!r:.60}")
        return value

    return dataclasses.field(metadata={"check": check})


def rectangle() -> Any:
    """A `Rectangle`, in the header [x, y, width, height]."""

    def check(value: Any) -> Rectangle:
        if not isinstance(value, (list, tuple)) or len(value) != 4 or any(type(item) is not int for item in value):
            raise ValueError(f"must be [x, y, width, height] in whole numbers, not {value!r:.60}")
        rectangle = Rectangle(*value)
        if min(rectangle.x, rectangle.y) < 0 or min(rectangle.width, rectangle.height) < 1:
            raise ValueError(f"must have x and y of at least 0 and sides of at least 1, not {value!r:.60}")
        if max(rectangle.right, rectangle.bottom) > MAX_SIDE:
            raise ValueError(f"must end at {MAX_SIDE} or before, not {value!r:.60}")
        return rectangle

    return dataclasses.field(metadata={"check": check})


def lines() -> Any:
    """Drawn lines, each as the x and y of its corners one after the other, in a list of at least four."""
    return dataclasses.field(metadata={"check": checked_lines})


def checked_lines(value: Any) -> list[list[float]]:
    """Drawn lines, if they are what `lines` says."""
    if not isinstance(value, (list, tuple)) or len(value) > MAX_LINES:
        raise ValueError(f"must be a list of at most {MAX_LINES} lines, not {value!r:.60}")
    for line in value:
        if not isinstance(line, (list, tuple)) or len(line) < 4 or len(line) % 2:
            raise ValueError(f"must hold the x and y of two corners or more of each line, not {line!r:.60}")
    corners = sum(map(len, value)) // 2
    if corners > MAX_CORNERS:
        raise ValueError(f"must have at most {MAX_CORNERS} corners in all lines together, not {corners}")
    return [[_checked_number(item, -FARTHEST_CORNER, FARTHEST_CORNER) for item in line] for line in value]


def milliseconds() -> Any:
    """Times by stage."""

    def check(value: Any) -> dict[str, float]:
        if type(value) is not dict or len(value) > 16:
            raise ValueError(f"must map at most 16 stages to milliseconds, not {value!r:.60}")
        return {_checked_text(stage, MAX_STAGE, 1): _checked_number(time, 0, math.inf) for stage, time in value.items()}

    return dataclasses.field(metadata={"check": check})


def listed_models() -> Any:
    """A list of `ListedModel`, in the header of objects."""

    def check(value: Any) -> list[ListedModel]:
        if type(value) is not list or len(value) > MAX_MODELS:
            raise ValueError(f"must be a list of at most {MAX_MODELS} models, not {value!r:.60}")
        return [_checked_model(item) for item in value]

    return dataclasses.field(metadata={"check": check})


def _checked_model(value: Any) -> ListedModel:
    if type(value) is not dict or set(value) != {"name", "title", "default"} or type(value["default"]) is not bool:
        raise ValueError(f"must list models with name, title and default, not {value!r:.60}")
    name, title = _checked_text(value["name"], MAX_NAME, 0), _checked_text(value["title"], MAX_TITLE, 1)
    return ListedModel(name=name, title=title, default=value["default"])


def buffer() -> Any:
    """A frame of its own after the header, bytes-like and contiguous."""

    def check(value: Any) -> memoryview:
        return memoryview(value).cast("B")

    return dataclasses.field(metadata={"check": check, "frame": True})
