"""Lines over time as SVG that takes its colours from the page around it.

Knows: coordinates. Does not know: what is drawn.
"""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10
from typing import Final

from msgspec import Struct

WIDTH: Final = 760
HEIGHT: Final = 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 26  # room around the plot itself
_LABEL: Final = 40  # room that a time takes
_STEPS: Final = (1, 60, 3600, 86400)  # seconds, minutes, hours, days
_UNITS: Final = ("s", "min", "h", "d")


class Line(Struct, frozen=True):
    """One line: its name, the number of its colour, and its parts, which are not connected."""

    name: str
    colour: int
    parts: Sequence[Sequence[tuple[float, float]]]
    """Points, by seconds since the start."""
    area: bool = False
    """Whether what is below it is filled."""


def plot(
    lines: Sequence[Line],
    *,
    seconds: float,
    level: tuple[str, float] | None = None,
    bands: Sequence[tuple[float, float]] = (),
) -> str:
    """Draw lines from the start to so many seconds after it.

    ``level``: a name and a height drawn across. ``bands``: times to be shaded, from and to.
    """
    seconds = max(seconds, 1.0)
    points = [y for line in lines for part in line.parts for _, y in part]
    highest = max([*points, level[1] if level else 0.0, 1e-9])
    step = _nice(highest / 3)
    top = step * ceil(highest / step)

    def at(x: float, y: float) -> str:
        across = _LEFT + (WIDTH - _LEFT - _RIGHT) * min(x / seconds, 1.0)
        return f"{across:.1f},{HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * y / top:.1f}"

    drawn = [_band(at(start, top), at(end, 0)) for start, end in bands]
    drawn += [_rule(at(0, step * n), _short(step * n)) for n in range(round(top / step) + 1)]
    drawn += [_tick(at(x, 0), text) for x, text in _times(seconds)]
    if level is not None:
        start, end = at(0, level[1]), at(seconds, level[1])
        drawn.append(f'<path class="level" d="M{start} L{end}"/>')
    for line in lines:
        for part in line.parts:
            path = " L".join(at(x, y) for x, y in part)
            if line.area and part:
                floor_ = f"L{at(part[-1][0], 0)} L{at(part[0][0], 0)} Z"
                drawn.append(f'<path class="area c{line.colour}" d="M{path} {floor_}"/>')
            drawn.append(f'<path class="line c{line.colour}" d="M{path}"/>')
    keys = [f'<span class="k c{line.colour}">{escape(line.name)}</span>' for line in lines]
    if bands:
        keys.append('<span class="k box">parked</span>')
    if level is not None:
        keys.append(f'<span class="k dashed">{escape(level[0])}</span>')
    body = "".join(drawn)
    return f'<p class="key">{"".join(keys)}</p><svg viewBox="0 0 {WIDTH} {HEIGHT}">{body}</svg>'


def _nice(least: float) -> float:
    """The next step of 1, 2, 5, 10, …"""
    power = 10.0 ** floor(log10(least))
    return next(power * n for n in (1, 2, 5, 10) if power * n >= least * 0.999)


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if letter == 'k' else size):g}{letter}"
    return f"{number:.3g}" if number < 1000 else f"{number:,.0f}"


def _times(seconds: float) -> list[tuple[float, str]]:
    """Some six times, in the unit that suits."""
    unit = max(n for n, size in enumerate(_STEPS) if n == 0 or seconds >= 2 * size)
    size = _STEPS[unit]
    step = max(_nice(seconds / size / 6), 1.0 if seconds >= size else 0.0)
    return [
        (n * step * size, f"{n * step:g} {_UNITS[unit]}")
        for n in range(int(seconds / size / step) + 1)
    ]


def _band(upper: str, lower: str) -> str:
    (x, y), (end, bottom) = (map(float, corner.split(",")) for corner in (upper, lower))
    return f'<rect class="band" x="{x}" y="{y}" width="{end - x:.1f}" height="{bottom - y:.1f}"/>'


def _rule(left: str, text: str) -> str:
    x, y = map(float, left.split(","))
    return (
        f'<path class="rule" d="M{left} H{WIDTH - _RIGHT}"/>'
        f'<text class="y" x="{x - 8}" y="{y + 4:.1f}">{text}</text>'
    )


def _tick(point: str, text: str) -> str:
    x, y = map(float, point.split(","))
    end = ' text-anchor="end"' if x > WIDTH - _LABEL else ""
    return f'<text class="x" x="{x}" y="{y + 18:.1f}"{end}>{text}</text>'
