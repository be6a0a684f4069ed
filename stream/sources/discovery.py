"""What stands below a path: chains by the names of files, other files of pages, and what is none.

A file whose name follows the scheme is a page of a chain, and is not opened here. Any other is
looked at once: what is in it decides. In a directory below, a label begins with the directory's
name, as what stands there is a walk of its own.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from stream.providers.endpoint import Endpoint, ObjectList
from stream.records.chains import PRIMARY, Chain
from stream.records.delivery import LeftOut
from stream.records.errors import BadInput
from stream.records.privacy import spell_name
from stream.sources.captures import (
    Capture,
    capture_named,
    captures_in,
    is_capture,
    is_input,
    is_one,
)
from stream.sources.files import PageFile
from stream.sources.folder_views import NO_VIEWS, FolderViews, Views
from stream.sources.names import (
    PAGE_PACKINGS,
    PAGE_SUFFIX,
    FixtureName,
    is_companion,
    is_copy,
    label_below,
    parse_name,
    stem_of_name,
)
from stream.sources.tree import Tree, files_below

if TYPE_CHECKING:  # only files whose name says nothing have it imported
    from stream.sources.recognition import Recognition

__all__ = [
    "FixtureChain",
    "FixtureName",
    "Survey",
    "captures_alone",
    "discover_chains",
    "is_pages_input",
    "parse_name",
    "recognise",
    "survey_place",
]

DIGITS: Final = "0123456789"
COPY: Final = "its name says that it is a copy, or not whole"
NamedFile: TypeAlias = tuple[int, str]
"""A file whose name says which page of a chain it is: that page, and the name below the place."""
Recognise: TypeAlias = "Callable[[Path, Endpoint | ObjectList | None], Recognition]"


class FixtureChain(Struct, frozen=True):
    """One chain's files in page order, and what is wrong with the set of them, by page.

    ``views`` are what the pages beside them were asked with, by the keys of endpoints.
    """

    chain: Chain
    directory: Path
    files: Sequence[PageFile] = ()
    faults: Mapping[int, list[tuple[str, BadInput]]] = MappingProxyType({})
    missing_pages: Sequence[int] = ()
    views: Views = NO_VIEWS


class Survey(Struct, frozen=True):
    """What stands below a path: chains of pages, files of many pages, and what is not read.

    ``request_faults`` say why nobody knows what pages were asked with.
    """

    chains: list[FixtureChain]
    captures: list[Capture]
    left_out: list[LeftOut]
    request_faults: Sequence[BadInput] = ()


class NamedChains:
    """Files by the chains that their names say.

    Names of the pages of a walk differ in a number at the end: what stands before it is read once.
    """

    def __init__(self) -> None:
        """Start without a file."""
        self.files: defaultdict[tuple[str, str], list[NamedFile]] = defaultdict(list)
        self._numbered: dict[str, list[NamedFile]] = {}
        """What stands before a page's number → the files of its chain."""

    def take(self, name: str) -> bool:
        """Take a file by its name below the place; tell whether that says what it is."""
        stem, suffix, packed = name.partition(PAGE_SUFFIX)
        start = stem.rstrip(DIGITS)
        number = stem[len(start) :] if suffix and packed in PAGE_PACKINGS else ""
        if number and start in self._numbered:
            self._numbered[start].append((int(number), name))
            return True
        folder, _, base = name.rpartition("/")
        found = parse_name(base)
        if found is None:
            return False
        files = self.files[found.entry.key, label_below(folder, found.label)]
        files.append((found.page, name))
        if number and int(number) == found.page != 1:  # 1 is also where no page is named
            self._numbered[start] = files
        return True


def is_pages_input(name: str) -> bool:
    """Tell whether a file of that name is read, or checked, where pages are."""
    return is_companion(name) or is_capture(name) or parse_name(name) is not None


def recognise(path: Path, named: Endpoint | ObjectList | None = None) -> Recognition:
    """Look at a file's start; its name has ``named`` an endpoint or a list, or none."""
    from stream.sources.recognition import recognise_file  # noqa: PLC0415 -- where names tell, nobody looks

    return recognise_file(path, named)


def survey_place(
    place: Path,
    passed_over: AbstractSet[Path] = frozenset(),
    look: Recognise = recognise,
    *,
    final: bool = True,
) -> Survey:
    """See what stands below ``place``, or what the one file is.

    ``passed_over`` are the run's own files. ``final``: no more files will come, so that a page 2
    without a page 1 beside it can be a label that ends so.

    Raises:
        BadInput: the one file holds no pages.
        Unavailable: the directory cannot be read.
    """
    if is_one(place):
        return survey_file(place, look)
    tree = files_below(place, passed_over)
    asked, named = FolderViews(tree), NamedChains()
    captures: list[Capture] = []
    left_out = [*tree.left_out]
    for name in tree.names:
        if named.take(name) or is_companion(base := name.rpartition("/")[2]):
            continue
        if is_copy(base):
            left_out.append(LeftOut(spell_name(name), COPY))
            continue
        capture, reason = capture_of(tree.path_of(name), name, look)
        if capture is not None:
            captures.append(replace(capture, views=asked.views_in(name.rpartition("/")[0])))
        elif reason:
            left_out.append(LeftOut(spell_name(name), reason))
    chains = rename_lone_pages(named.files) if final else named.files
    found = []
    for key, label in sorted(chains):
        files = chains[key, label]
        views = asked.views_of(key, [one for _, one in files])
        chain = Chain(key, label, views.get(key, ""))
        found.append(chain_of(chain, tree, files, views))
    return Survey(found, captures, sorted(left_out), asked.faults)


def survey_file(place: Path, look: Recognise) -> Survey:
    """See what one file is: its pages are of one walk, wherever in it they stand.

    Raises:
        BadInput: it holds no pages.
    """
    path = Path(os.path.realpath(place)) if place.is_symlink() else place
    capture, reason = capture_of(path, place.name, look)
    if capture is None:
        found = reason or "found a file of this program's own, expected pages"
        raise BadInput("file", found).name_place(spell_name(place.name))
    return Survey([], [capture], [])


def capture_of(path: Path, name: str, look: Recognise) -> tuple[Capture | None, str]:
    """Return a file of pages that is no page of a chain by its name, or why it is not read."""
    capture = capture_named(path, name)
    if is_input(name.rpartition("/")[2]):
        return capture, ""
    found = look(capture.path, capture.entry)
    if not found.holds_pages:
        return None, found.reason
    return replace(capture, entry=found.entry), ""


def rename_lone_pages(
    chains: Mapping[tuple[str, str], list[NamedFile]],
) -> defaultdict[tuple[str, str], list[NamedFile]]:
    """Take the end of a label for what it is, where it looks like a page without its walk."""
    found: defaultdict[tuple[str, str], list[NamedFile]] = defaultdict(list)
    for (key, label), files in chains.items():
        page, name = files[0]
        if page > 1 and len(files) == 1 and label.rpartition("/")[2] != PRIMARY:
            stem = stem_of_name(name.rpartition("/")[2])
            written = stem[stem.lower().rindex("page") - 1 :]
            found[key, f"{label}{written}"].append((1, name))
        else:
            found[key, label] += files
    return found


def discover_chains(directory: Path) -> Survey:
    """Find the chains of a directory; files with other names are left out, and not looked at.

    Raises:
        Unavailable: the directory is not there, or cannot be read.
    """
    from stream.sources.recognition import Recognition  # noqa: PLC0415 -- as above

    nothing = Recognition("not looked at")
    return survey_place(directory, look=lambda *_: nothing)


def chain_of(chain: Chain, tree: Tree, found: Iterable[NamedFile], views: Views) -> FixtureChain:
    """Put a chain's files in order, and name two files for one page, and gaps.

    Where there is a page 0 pages are counted from it on.
    """
    ordered = sorted(found)
    first = min(1, ordered[0][0])
    pages = {page + 1 - first: name for page, name in ordered}
    missing = [number for number, page in enumerate(pages, 1) if number != page]
    faults = faults_of(ordered, first) if len(pages) < len(ordered) else {}
    targets, directory = tree.targets, str(tree.place)
    files = [
        PageFile(number, directory, name, targets.get(name))
        for number, name in pages.items()
        if number not in faults
    ]
    return FixtureChain(chain, tree.place, files, faults, missing[:1], views)


def faults_of(ordered: Iterable[NamedFile], first: int) -> dict[int, list[tuple[str, BadInput]]]:
    """Name the files of pages that have several, by page; pages are counted from ``first`` on."""
    faults: dict[int, list[tuple[str, BadInput]]] = {}
    for page, rivals in groupby(ordered, key=itemgetter(0)):
        number, names = page + 1 - first, [name for _, name in rivals]
        if len(names) > 1:
            two = f"found two files for page {number} ({' and '.join(names)}), expected one"
            faults[number] = [(name, BadInput("two_files", two)) for name in names]
    return faults


def captures_alone(place: Path) -> list[Capture]:
    """Return the captures in a directory, for one who reads lines, and nothing else.

    Raises:
        BadInput: there is something else, which a replay would count, or name.
        Unavailable: the directory cannot be read.
    """
    captures = captures_in(place)
    if not place.is_dir():
        return captures
    survey, wanted = survey_place(place), {capture.path for capture in captures}
    found = [
        *(f"{chain.files[0].name}, which is a fixture" for chain in survey.chains if chain.files),
        *(
            f"{capture.name}, which has pages and is no capture here"
            for capture in survey.captures
            if capture.path not in wanted
        ),
        *(f"{one.name} ({one.reason})" for one in survey.left_out),
    ]
    for one in found[:1]:
        advice = "expected captures alone: usage-stream capture makes one of fixtures"
        raise BadInput("captures", f"found {one}; {advice}").name_place(str(place))
    return captures
