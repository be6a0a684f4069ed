"""The cost curve as a picture; the adapter of matplotlib."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Protocol

import matplotlib as mpl
from matplotlib.figure import Figure

__all__ = ["plot"]

SAME_BYTES: Final[dict[str, Any]] = {
    "svg.hashsalt": "usage-stream",
    "svg.fonttype": "none",  # letters stay letters: small, and no font of this machine in the file
    "font.family": "sans-serif",
}


class Measured(Protocol):
    """What is drawn: one contender at one size."""

    @property
    def name(self) -> str: ...
    @property
    def rows(self) -> int: ...
    @property
    def cpu(self) -> float: ...
    @property
    def peak(self) -> float: ...


def plot(points: Iterable[Measured], path: Path) -> None:
    """Write an SVG: CPU seconds and peak RSS over rows; the same points give the same bytes."""
    curves: dict[str, list[Measured]] = {}
    for point in sorted(points, key=lambda one: one.rows):
        curves.setdefault(point.name, []).append(point)
    with mpl.rc_context(SAME_BYTES):
        figure = Figure(figsize=(9, 4), layout="constrained")
        seconds, memory = figure.subplots(1, 2)
        for number, (name, curve) in enumerate(sorted(curves.items())):
            look: dict[str, Any] = {"color": f"C{number}", "marker": "o", "markersize": 3}
            look |= {"label": name, "linewidth": 2 if name.startswith("usage-stream") else 1}
            rows = [point.rows for point in curve]
            seconds.plot(rows, [point.cpu for point in curve], **look)
            memory.plot(rows, [point.peak for point in curve], **look)
        for axes, title in ((seconds, "CPU seconds"), (memory, "peak RSS, MiB")):
            axes.set(title=title, xlabel="rows", xscale="log", yscale="log")
            axes.grid(visible=True, which="major", alpha=0.3)
        seconds.legend(frameon=False)
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
