"""An endpoint's groups as people see them: by the dimensions that they ask for."""

from __future__ import annotations

from typing import Any, TypeAlias

from stream.figures.daybook import BookDay
from stream.figures.days import suited_dimensions
from stream.figures.series import label_value_of
from stream.providers.endpoint import Endpoint

__all__ = ["ShownGroups", "Values"]

Values: TypeAlias = tuple[str | None, ...]
"""A value for each dimension, as it is shown; ``None``: what counts there has no such thing."""


class ShownGroups(dict[tuple[Any, ...], int]):
    """An endpoint's groups as days have them → numbers, by which adding up is quick.

    ``shown_values`` has by number what people see, which is found out once for each.
    """

    def __init__(self, endpoint: Endpoint, names: tuple[str, ...]) -> None:
        """Show groups by values of these dimensions."""
        super().__init__()
        self.shown_values: list[Values] = []
        self._names = names
        self._endpoint = endpoint
        self._suited = suited_dimensions(endpoint)

    def __missing__(self, values: tuple[Any, ...]) -> int:
        """Find out how a group is shown."""
        self[values] = number = len(self.shown_values)
        self.shown_values.append(
            tuple(
                self._endpoint.key
                if name == "endpoint"
                else label_value_of(value)
                if value is not None or name in self._suited
                else None
                for name, value in zip(self._names, values, strict=True)
            )
        )
        return number

    def of_day(self, day: BookDay) -> list[int]:
        """Return the numbers of a day's groups."""
        found, rows = day.sums.dimensions, len(day.sums.dimensions["project_id"])
        if not self._names:
            return [self[()]] * rows
        columns = (found.get(name) or [None] * rows for name in self._names)
        return list(map(self.__getitem__, zip(*columns, strict=True)))
