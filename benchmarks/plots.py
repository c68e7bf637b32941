"""Draws plots as small SVG files, readable in a README on a light and on a dark page.

Knows: matplotlib. Does not know: what is plotted.
"""

from pathlib import Path
from typing import Any

from benchmarks.measure import Bars, Lines

OURS, OTHERS, TEXT = "#1f77b4", "#b8bfc6", "#24292f"
COLOURS = (OURS, "#c8553d")
_LABELLED = 8  # points of a line that have room for their numbers; of more, only its ends have
SETTINGS: Any = {
    "svg.hashsalt": "hubassoc_async",  # so that the same figures give the same file
    "svg.fonttype": "none",  # text stays text: small, and sharp at any size
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 10,
    "text.color": TEXT,
    "axes.labelcolor": TEXT,
    "figure.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": TEXT,
    "ytick.color": TEXT,
}


def draw(plot: Bars | Lines, folder: Path) -> Path:
    """Draw a plot into a folder; gives the file."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    there = folder / f"{plot.file}.svg"
    with mpl.rc_context(SETTINGS):
        tall = 0.9 + 0.28 * len(plot.values) if isinstance(plot, Bars) else 3.4
        figure = Figure(figsize=(7.2, tall), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        figure.suptitle(plot.title, x=0.01, ha="left")
        if isinstance(plot, Bars):
            _bars(axes, plot)
        else:
            _lines(axes, plot)
        figure.savefig(there, metadata={"Date": None})
    return there


def _bars(axes: Any, plot: Bars) -> None:
    ordered = sorted(plot.values.items(), key=lambda item: -item[1])
    names, values = zip(*ordered, strict=True)
    colours = [OURS if name.startswith("ours") else OTHERS for name in names]
    drawn = axes.barh(names, values, color=colours, height=0.7)
    axes.bar_label(drawn, [f"{_figure(value)} {plot.unit}".strip() for value in values], padding=4)
    axes.set_xlim(0, max(values) * 1.25)
    axes.spines.bottom.set_visible(False)
    axes.xaxis.set_visible(False)  # each bar says its number
    axes.tick_params(axis="y", length=0)


def _lines(axes: Any, plot: Lines) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter

    for (name, points), colour in zip(plot.lines.items(), COLOURS, strict=False):
        axes.plot(*zip(*points, strict=True), color=colour, marker="o", markersize=4, label=name)
        said = points if len(points) <= _LABELLED else (points[0], points[-1])
        for x, y in said:
            highest = max(dict(others).get(x, y) for others in plot.lines.values())
            axes.annotate(
                _figure(y),
                (x, y),
                xytext=(0, 7 if y == highest else -15),
                textcoords="offset points",
                ha="center",
                color=colour,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: _figure(value)))
        axis.set_minor_formatter(NullFormatter())
    figures = [y for points in plot.lines.values() for _, y in points]
    axes.set_ylim(min(figures) / 4, max(figures) * 6)
    axes.set_xlabel(plot.x)
    axes.set_ylabel(plot.y)
    axes.legend(frameon=False, loc="upper right", ncols=2)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
