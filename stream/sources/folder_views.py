"""What pages were asked with, by the directories that they stand in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias

from stream.records.errors import BadInput
from stream.records.privacy import spell_name
from stream.sources.names import REQUEST, is_request
from stream.sources.regular_files import read_regular
from stream.sources.tree import Tree

__all__ = ["NO_VIEWS", "FolderViews", "Views"]

Views: TypeAlias = Mapping[str, str]
"""Endpoint's key → the view that its pages have; of one that is absent nobody knows."""

NO_VIEWS: Final[Views] = MappingProxyType({})
LONGEST: Final = 1 << 20
"""How many bytes such a file may have."""


class FolderViews:
    """The views of pages by their directory: its own file says them, or the nearest one above."""

    def __init__(self, tree: Tree) -> None:
        """Read the files of a tree that say it.

        Raises:
            Unavailable: one cannot be read.
        """
        self.faults: list[BadInput] = []
        """What is wrong with files: as long as something is, nobody knows what was asked."""
        self._views: dict[str, Views] = {}
        for name in tree.names:
            if name.endswith(REQUEST) and is_request(name):  # hardly any is
                self._read(tree.path_of(name), name)

    def _read(self, path: Path, name: str) -> None:
        """Read one file."""
        try:
            self._views[name.rpartition("/")[0]] = read_views(path)
        except BadInput as error:
            self.faults.append(error.name_place(spell_name(name)))

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
