"""The files below a directory: links that stay below it are followed, and each file is met once.

What begins with a dot is being written, or somebody else's, and is passed over; a link may lead
there. What cannot be looked at is named.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from msgspec import Struct

from stream.records.delivery import LeftOut
from stream.records.errors import Unavailable
from stream.sources.names import is_companion, is_request, parse_name

__all__ = ["Tree", "files_below"]

DEEPEST: Final = 32
"""How many directories deep files are looked for."""


class Tree(Struct, frozen=True):
    """What stands below ``place``, by names below it, in their order; there may be a great many.

    ``targets`` is where links lead that are files, by the name of the link.
    """

    place: Path
    names: list[str]
    targets: dict[str, Path]
    left_out: list[LeftOut]

    def path_of(self, name: str) -> Path:
        """Return where a file of that name is."""
        return self.targets.get(name) or self.place / name


class TreeWalk:
    """One walk through a directory and those below it."""

    def __init__(self, place: Path, passed_over: AbstractSet[Path]) -> None:
        """Begin at ``place``; what is ``passed_over`` is no input."""
        self.place = place
        self.root = os.path.realpath(place)
        self.passed_over = passed_over
        self.names: list[str] = []
        self.left_out: list[LeftOut] = []
        self._links: list[str] = []
        self._followed: set[str] = set()
        """Directories that links have led to."""
        self._targets: dict[str, str] = {}
        """Files that links lead to, and the best name that a link has for each."""
        self._renamed: set[str] = set()
        """Files that a link has a better name for."""

    def visit(self, below: str = "", real: str = "", depth: int = 0) -> None:
        """Take the files of a directory, ``real`` where it stands, and of those below it.

        Raises:
            OSError: it cannot be read.
        """
        real = real or self.root
        place = Path(real)
        passed_over = {one.name for one in self.passed_over if one.parent == place}
        names: list[str] = []
        others: list[tuple[str, bool]] = []  # links and directories, which are few
        with os.scandir(real) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(".") or name in passed_over:
                    continue
                if not entry.is_file(follow_symlinks=False):
                    is_link = entry.is_symlink()
                    if is_link or entry.is_dir(follow_symlinks=False):
                        others.append((name, is_link))
                        continue
                names.append(name)
        self.names += [f"{below}{name}" for name in names] if below else names
        for name, is_link in sorted(others):
            if is_link:
                self._links.append(f"{below}{name}")
            else:
                self._visit_below(f"{below}{name}", os.path.join(real, name), depth + 1)  # noqa: PTH118 -- as short

    def follow_links(self) -> None:
        """Take the files that links lead to, unless they are met by their own names."""
        while self._links:
            links, self._links = self._links, []
            for name in links:
                self._follow(name)
        if self._renamed:
            self.names = [name for name in self.names if name not in self._renamed]
        self.names += self._targets.values()

    def targets(self) -> dict[str, Path]:
        """Return where links lead that are files, by the names that they have."""
        return {name: Path(target) for target, name in self._targets.items()}

    def _follow(self, name: str) -> None:
        """Follow one link."""
        target = os.path.realpath(self.place / name)
        below = os.path.relpath(target, self.root)
        if target == self.root or below.startswith(os.pardir + os.sep) or below == os.pardir:
            self._leave_out(name, "a symbolic link that leaves PATH; copy what it leads to")
            return
        try:
            mode = os.stat(target).st_mode  # noqa: PTH116 -- a text, as all paths here
        except OSError as error:
            self._leave_out(name, f"a symbolic link that leads nowhere ({error.strerror})")
            return
        is_directory = stat.S_ISDIR(mode)
        if not any(part.startswith(".") for part in Path(below).parts):  # met by its own name
            if is_directory or is_telling(below) or not is_telling(name):
                return
            self._renamed.add(below)
        if not is_directory:
            known = self._targets.setdefault(target, name)
            if is_telling(name) and not is_telling(known):
                self._targets[target] = name
        elif target not in self._followed:
            self._followed.add(target)
            self._visit_below(name, target, name.count("/") + 1)

    def _visit_below(self, name: str, real: str, depth: int) -> None:
        """Take the files of a directory that stands in another one."""
        if depth > DEEPEST:
            self._leave_out(name, f"a directory more than {DEEPEST} deep")
        else:
            try:
                self.visit(f"{name}/", real, depth)
            except OSError as error:
                self._leave_out(name, f"a directory that cannot be read ({error.strerror})")

    def _leave_out(self, name: str, reason: str) -> None:
        """Name what is not read, unless nobody expects it to be; a request has to be."""
        if is_request(name):
            self.names.append(name)  # who reads it says why it cannot be read
        elif not is_companion(base_of(name)):
            self.left_out.append(LeftOut(name, reason))


def base_of(name: str) -> str:
    """Return the last part of a name below the directory."""
    return name.rpartition("/")[2]


def is_telling(name: str) -> bool:
    """Tell whether a name says what its file is: a page of a chain, or a request."""
    return is_request(name) or parse_name(base_of(name)) is not None


def files_below(place: Path, passed_over: AbstractSet[Path] = frozenset()) -> Tree:
    """Find the files below a directory, and what was left out.

    ``passed_over`` are files and directories that are no input, by their real paths.

    Raises:
        Unavailable: the directory is not there, or cannot be read.
    """
    walk = TreeWalk(place, passed_over)
    try:
        walk.visit()
    except OSError as error:
        raise Unavailable(f"{place}: the directory cannot be read ({error.strerror})") from None
    walk.follow_links()
    return Tree(place, sorted(walk.names), walk.targets(), sorted(walk.left_out))
