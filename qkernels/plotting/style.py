"""How the pictures look: colours, new axes, and legends that lie on nothing.

What lives here: what the displays share of matplotlib, which is imported inside the functions.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np

# Told apart by colour-blind readers: M. Okabe and K. Ito, "Color universal design" (2008).
BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, GREY = "#E69F00", "#56B4E9", "#555555"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = "osD^vP"

# Columns and font sizes, the first of which that fits is taken.
_LEGENDS = ((2, "small"), (1, "small"), (2, "x-small"), (1, "x-small"), (1, "xx-small"))
# Of the axes' height: more would leave too little to the data.
_MOST_LEGEND = 0.6
# How wide a letter is, in parts of the font's size.
LETTER = 0.55


def figure_and_axes(ax: Any, **options: Any) -> tuple[Any, Any]:
    """Return axes and their figure: those given, or new ones whose labels have room."""
    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(layout="constrained", **options)
    return ax.figure, ax


def styled(artist: type, kwargs: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """Return the options of an artist: those given, under their long names, over the defaults."""
    from matplotlib.cbook import normalize_kwargs

    return defaults | normalize_kwargs(kwargs, artist)


def markers(n: int) -> dict[str, Any]:
    """Return the marker of a line through n points: where they are many, the line says it all."""
    return {"marker": "o" if n <= 30 else "", "markersize": 4}


def plain_ticks(*axes: Any) -> None:
    """Write plain numbers, 1, 2, 5, at logarithmic axes that span less than two decades."""
    from matplotlib.ticker import LogLocator, NullFormatter

    for axis in axes:
        low, high = axis.get_view_interval()
        if axis.get_scale() == "log" and high < 100 * low:
            axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter(NullFormatter())


def fit_labels(*axes: Any) -> None:
    """Break the labels that are longer than their axis into lines."""
    for ax in axes:
        box, pixels = ax.get_window_extent(), ax.figure.dpi / 72
        for label, length in ((ax.xaxis.label, box.width), (ax.yaxis.label, box.height)):
            width = length / (LETTER * label.get_fontsize() * pixels)
            label.set_text(textwrap.fill(label.get_text(), max(10, int(width))))


def add_legend(handles: Sequence[Any], ax: Any, *others: Any) -> float:
    """Put a legend inside the axes, above the data, and make room for it there.

    `others` are axes in the same place, whose data make room too. Returns the share of the height
    that is left to the data.
    """
    room = ax.get_window_extent()
    for columns, size in _LEGENDS:
        legend = ax.legend(
            handles=handles, loc="upper center", ncols=columns, fontsize=size, framealpha=1.0
        )
        box = legend.get_window_extent()
        share = 1.2 * box.height / room.height + 0.05
        if box.width < 0.95 * room.width and share < _MOST_LEGEND:
            break
    share = min(_MOST_LEGEND, share)
    for each in (ax, *others):
        _leave_room(each, share)
    return 1 - share


def _leave_room(ax: Any, share: float) -> None:
    """Stretch the vertical axis, so that a share of it at the top is above the present limit."""
    scale = ax.yaxis.get_transform()
    low, high = scale.transform(np.array(ax.get_ylim()))
    top = scale.inverted().transform(np.array([low + (high - low) / (1 - share)]))
    ax.set_ylim(top=float(top[0]))
