"""The two plots of a study as SVG, which every browser shows without a library."""

import math
from html import escape

from glcic_train.study.figures import MethodFigures

_COLOURS = ("#555555", "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""Okabe and Ito's palette, which colour-blind people can tell apart; `real` is grey."""

_WIDTH = 720
_LEFT, _RIGHT, _TOP = 150, 30, 46
_INK, _LINE = "#222222", "#d8d8d8"
_ROW = 46
_CURVES_HEIGHT = 300
_LEGEND = 150
_SHARES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def naturalness_svg(methods: dict[str, MethodFigures]) -> str:
    """Share judged real by method (Fig. 11): a bar, its 95 % interval, and a dot for each participant."""
    bottom = _TOP + _ROW * len(methods)
    scale = _WIDTH - _LEFT - _RIGHT - 60
    parts = []
    for share in _SHARES:
        x = _LEFT + share * scale
        parts += [_line(x, _TOP, x, bottom, _LINE), _text(x, bottom + 20, f"{share:.0%}", "middle")]
    for number, (name, one) in enumerate(methods.items()):
        middle, colour = _TOP + _ROW * (number + 0.5), _colour(number)
        low, high = (_LEFT + value * scale for value in one.interval)
        parts += [
            _text(_LEFT - 12, middle + 5, _shortened(name), "end"),
            f'<rect x="{_LEFT}" y="{middle - 11:.1f}" width="{one.naturalness * scale:.1f}" height="22" '
            f'fill="{colour}" fill-opacity="0.75"/>',
            *(
                f'<circle cx="{_LEFT + share * scale:.1f}" cy="{middle:.1f}" r="3.5" fill="white" stroke="{_INK}"/>'
                for share in one.by_participant.values()
            ),
            _line(low, middle + 15, high, middle + 15, _INK),
            _line(low, middle + 11, low, middle + 19, _INK),
            _line(high, middle + 11, high, middle + 19, _INK),
            _text(_WIDTH - _RIGHT, middle + 5, f"{one.naturalness:.1%}", "end"),
        ]
    return _svg("Naturalness: share judged real", bottom + 34, parts)


def detected_svg(methods: dict[str, MethodFigures]) -> str:
    """Share judged completed within a time (Fig. 14), lower is better; time on a logarithmic axis."""
    width, bottom = _WIDTH - _LEGEND - 60 - _RIGHT, _TOP + _CURVES_HEIGHT
    times = [time for one in methods.values() for time, _ in one.detected]
    first = math.floor(math.log2(min([0.5, *times]) or 0.01)) if times else -1
    first, last = max(first, -4), max(math.ceil(math.log2(max([8.0, *times]))), 3)

    def x_of(seconds: float) -> float:
        place = (math.log2(max(seconds, 2.0**first)) - first) / (last - first)
        return 60 + place * width

    def y_of(share: float) -> float:
        return bottom - share * _CURVES_HEIGHT

    parts = []
    for share in _SHARES:
        parts += [_line(60, y_of(share), 60 + width, y_of(share), _LINE)]
        parts += [_text(50, y_of(share) + 5, f"{share:.0%}", "end")]
    for power in range(first, last + 1):
        x = x_of(2.0**power)
        parts += [_line(x, bottom, x, bottom + 5, _INK), _text(x, bottom + 20, f"{2.0**power:g}", "middle")]
    parts.append(_text(60 + width / 2, bottom + 42, "seconds to answer, at most", "middle"))
    for number, (name, one) in enumerate(methods.items()):
        points, level = [(60.0, bottom * 1.0)], 0.0
        for time, share in one.detected:
            points += [(x_of(time), y_of(level)), (x_of(time), y_of(share))]
            level = share
        points.append((60.0 + width, y_of(level)))
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashes = ' stroke-dasharray="6 4"' if number == 0 else ""
        style = f'fill="none" stroke="{_colour(number)}" stroke-width="2.5"{dashes}'
        y = _TOP + 10 + 26 * number
        parts.append(f'<polyline points="{path}" {style}/>')
        parts.append(f'<polyline points="{60 + width + 20},{y} {60 + width + 50},{y}" {style}/>')
        parts.append(_text(60 + width + 58, y + 5, _shortened(name), "start"))
    return _svg("Judged completed within a time (of real pictures: false alarms)", bottom + 56, parts)


def _svg(title: str, height: float, parts: list[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height:.0f}" width="{_WIDTH}" '
        f'height="{height:.0f}" font-family="sans-serif" font-size="14" role="img" aria-label="{escape(title)}">'
        f'<rect width="100%" height="100%" fill="white"/>'
        f'<text x="16" y="26" font-size="16" font-weight="bold" fill="{_INK}">{escape(title)}</text>'
        f"{''.join(parts)}</svg>\n"
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{_INK}">{escape(text)}</text>'


def _colour(number: int) -> str:
    return _COLOURS[0] if number == 0 else _COLOURS[1 + (number - 1) % (len(_COLOURS) - 1)]


def _shortened(name: str) -> str:
    return name if len(name) <= 16 else f"{name[:15]}…"
