"""The same usage at a coarser grain, resolved when figures are rendered, and never stored.

Three things happen to an endpoint's snapshots (``resolve``), in this order: labels merge by
identity; a window that contains narrower ones keeps only its excess over them (``windows``); and
each rollup of ``daily_costs`` is compared with the records of its UTC day, so that only what they
do not cover counts (``daily``). Windows that touch no other pass as columns (``table``).
"""

from stream.figures.rollup.resolve import LabelledWindow, Resolution, resolve_windows
from stream.figures.rollup.table import Finding, Table, present_values

__all__ = ["Finding", "LabelledWindow", "Resolution", "Table", "present_values", "resolve_windows"]
