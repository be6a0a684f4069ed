"""What stands below a path: chains by the names of files, other files of pages, and what is none.

A file whose name follows the scheme is a page of a chain, and is not opened here. Any other is
looked at once: what is in it decides. In a directory below, a label begins with the directory's
name, as what stands there is a walk of its own.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

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
    FixtureName,
    is_companion,
    is_copy,
    is_request,
    label_below,
    parse_name,
    stem_of_name,
)
from stream.sources.tree import TreeFile, files_below

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

COPY: Final = "its name says that it is a copy, or not whole"
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


class NamedFile(NamedTuple):
    """A file whose name says which page of a chain it is."""

    file: TreeFile
    page: int


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
    files, left_out = files_below(place, passed_over)
    requests = {one.name.rpartition("/")[0]: one for one in files if is_request(one.name)}
    asked = FolderViews(place, requests)
    chains: defaultdict[tuple[str, str], list[NamedFile]] = defaultdict(list)
    captures: list[Capture] = []
    for file in files:
        folder, _, name = file.name.rpartition("/")
        found = parse_name(name)
        if found is not None:
            label = label_below(folder, found.label)
            chains[found.entry.key, label].append(NamedFile(file, found.page))
        elif is_companion(name):
            continue
        elif is_copy(name):
            left_out.append(LeftOut(spell_name(file.name), COPY))
        else:
            capture, reason = capture_of(place, file, look)
            if capture is not None:
                captures.append(replace(capture, views=asked.views_in(folder)))
            elif reason:
                left_out.append(LeftOut(spell_name(file.name), reason))
    if final:
        chains = rename_lone_pages(chains)
    found_chains = []
    for key, label in sorted(chains):
        files_found = chains[key, label]
        views = asked.views_of(key, [one.file.name for one in files_found])
        chain = chain_of(Chain(key, label, views.get(key, "")), place, files_found)
        found_chains.append(replace(chain, views=views))
    return Survey(found_chains, captures, sorted(left_out), asked.faults)


def survey_file(place: Path, look: Recognise) -> Survey:
    """See what one file is: its pages are of one walk, wherever in it they stand.

    Raises:
        BadInput: it holds no pages.
    """
    target = Path(os.path.realpath(place)) if place.is_symlink() else None
    capture, reason = capture_of(place.parent, TreeFile(place.name, target), look)
    if capture is None:
        found = reason or "found a file of this program's own, expected pages"
        raise BadInput("file", found).name_place(spell_name(place.name))
    return Survey([], [capture], [])


def capture_of(place: Path, file: TreeFile, look: Recognise) -> tuple[Capture | None, str]:
    """Return a file of pages that is no page of a chain by its name, or why it is not read."""
    capture = capture_named(file.target or place / file.name, file.name)
    if is_input(file.name.rpartition("/")[2]):
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
        (file, page), *others = files
        if page > 1 and not others and label.rpartition("/")[2] != PRIMARY:
            stem = stem_of_name(file.name.rpartition("/")[2])
            written = stem[stem.lower().rindex("page") - 1 :]
            found[key, f"{label}{written}"].append(NamedFile(file, 1))
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


def chain_of(chain: Chain, directory: Path, found: Sequence[NamedFile]) -> FixtureChain:
    """Put a chain's files in order, and name two files for one page, and gaps.

    Where there is a page 0 pages are counted from it on.
    """
    first = min([1, *(page for _, page in found)])
    pages: defaultdict[int, list[TreeFile]] = defaultdict(list)
    for file, page in found:
        pages[page + 1 - first].append(file)
    faults = {}
    for number, rivals in sorted(pages.items()):
        if len(rivals) > 1:
            names = " and ".join(file.name for file in rivals)
            two = f"found two files for page {number} ({names}), expected one"
            faults[number] = [(file.name, BadInput("two_files", two)) for file in rivals]
    files = [
        PageFile(number, directory, rivals[0].name, rivals[0].target)
        for number, rivals in sorted(pages.items())
        if len(rivals) == 1
    ]
    last = max(pages)
    missing = [number for number in range(1, min(last, len(pages) + 1)) if number not in pages]
    return FixtureChain(chain, directory, files, faults, missing[:1])


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
