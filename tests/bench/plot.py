"""A cost curve as a picture; the adapter of matplotlib."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

__all__ = ["plot"]

SAME_BYTES: Final[dict[str, Any]] = {
    "svg.hashsalt": "usage-stream",
    "svg.fonttype": "none",  # letters stay letters: small, and no font of this machine in the file
    "font.family": "sans-serif",
}

OURS: Final[dict[str, dict[str, Any]]] = {
    "usage-stream": {"color": "black", "linewidth": 2},
    "usage-stream-2": {"color": "black", "linewidth": 2, "linestyle": "--"},
}


class Measured(Protocol):
    """What is drawn: one contender at one size."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int: ...
    @property
    def cpu(self) -> float: ...
    @property
    def peak(self) -> float: ...


def plot(points: Iterable[Measured], path: Path, over: str) -> None:
    """Write an SVG: CPU seconds and peak RSS over sizes; the same points give the same bytes."""
    curves: dict[str, list[Measured]] = {}
    for point in sorted(points, key=lambda one: one.size):
        curves.setdefault(point.name, []).append(point)
    with mpl.rc_context(SAME_BYTES):
        figure = Figure(figsize=(10, 4), layout="constrained")
        seconds, memory = figure.subplots(1, 2)
        for number, (name, curve) in enumerate(curves.items()):
            look: dict[str, Any] = {"label": name, "color": f"C{number}", "linewidth": 1}
            look |= OURS.get(name, {}) | {"marker": "o", "markersize": 3}
            counts = [point.size for point in curve]
            seconds.plot(counts, [point.cpu for point in curve], **look)
            memory.plot(counts, [point.peak for point in curve], **look)
        for axes, title in ((seconds, "CPU seconds"), (memory, "peak RSS, MiB")):
            axes.set(title=title, xlabel=over, xscale="log", yscale="log")
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_locator(LogLocator(subs=(1, 3)))
                axis.set_major_formatter(FuncFormatter(short))
                axis.set_minor_locator(NullLocator())
            axes.grid(visible=True, alpha=0.3)
        figure.legend(*seconds.get_legend_handles_labels(), loc="outside right", frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})


def short(value: float, place: int) -> str:
    """Write a tick's number as it is spoken."""
    del place
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= unit:
            return f"{value / unit:g} {letter}"
    return f"{value:g}"
