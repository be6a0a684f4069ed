"""What pages were asked with, by the directories that they stand in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from stream.records.errors import BadInput
from stream.records.privacy import spell_name
from stream.sources.regular_files import read_regular
from stream.sources.tree import TreeFile

__all__ = ["NO_VIEWS", "FolderViews", "Views"]

Views: TypeAlias = Mapping[str, str]
"""Endpoint's key → the view that its pages have; of one that is absent nobody knows."""

NO_VIEWS: Final[Views] = MappingProxyType({})
LONGEST: Final = 1 << 20
"""How many bytes such a file may have."""


class FolderViews:
    """The views of pages by their directory: its own file says them, or the nearest one above."""

    def __init__(self, place: Path, files: Mapping[str, TreeFile]) -> None:
        """Read the ``files``, by the directories that they stand in, below ``place``.

        Raises:
            Unavailable: one cannot be read.
        """
        self.faults: list[BadInput] = []
        """What is wrong with files: as long as something is, nobody knows what was asked."""
        self._views: dict[str, Views] = {}
        for folder, file in files.items():
            try:
                self._views[folder] = read_views(file.target or place / file.name)
            except BadInput as error:
                self.faults.append(error.name_place(spell_name(file.name)))

    def views_in(self, folder: str) -> Views:
        """Return the views of pages in a directory, by its name below the place."""
        if not self._views:
            return NO_VIEWS
        while folder not in self._views and folder:
            folder = folder.rpartition("/")[0]
        return self._views.get(folder, NO_VIEWS)

    def views_of(self, key: str, names: Sequence[str]) -> Views:
        """Return the views of an endpoint's chain, whose files have these names below the place."""
        first = self.views_in(names[0].rpartition("/")[0])
        for name in names[1:] if self._views else ():
            if self.views_in(name.rpartition("/")[0]).get(key) != first.get(key):
                found = "found another query than for other pages of its chain, expected one"
                self.faults.append(BadInput("views", found).name_place(spell_name(name)))
                break
        return first


def read_views(path: Path) -> Views:
    """Read what one file says.

    Raises:
        BadInput: something else, or it is no regular file.
        Unavailable: it cannot be read.
    """
    from stream.sources.queries import decode_queries  # noqa: PLC0415 -- 3 ms; few directories have one

    return decode_queries(read_regular(path, LONGEST))
