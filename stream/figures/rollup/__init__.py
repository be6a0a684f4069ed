"""The same usage at a coarser grain, resolved when figures are rendered, and never stored.

Chains say the same usage by other groups, in wider windows, through filters, or in ``daily_costs``.
All of that is one resolution (``resolve``), window by window. Windows that touch no other pass as
columns (``table``); those that overlap are ``clusters``: what chains say at one grain (``grains``)
merges by identity into a layer (``layers``); the finest layer counts whole, and each coarser one is
compared with the records that count (``compare``; ``finer`` and ``details`` find them, ``sums`` has
what its rows come to), so that only what they do not cover is added. Windows that overlap, and none
contains the other, are named (``overlaps``).
"""

from stream.figures.rollup.grains import fill_dimensions
from stream.figures.rollup.resolve import ChainWindow, Resolution, resolve_windows
from stream.figures.rollup.table import (
    Finding,
    LabelDifference,
    Overlap,
    Table,
    places_in_order,
    present_values,
    table_alone,
)

__all__ = [
    "ChainWindow",
    "Finding",
    "LabelDifference",
    "Overlap",
    "Resolution",
    "Table",
    "fill_dimensions",
    "places_in_order",
    "present_values",
    "resolve_windows",
    "table_alone",
]
