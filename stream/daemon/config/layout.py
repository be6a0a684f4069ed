"""Whether files and directories are apart: nothing overwrites, or is read as, something else.

What is compared are real places, with links followed.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from os.path import realpath
from pathlib import Path
from typing import NamedTuple

from stream.daemon.config.problems import Problems
from stream.daemon.config.settings import Settings
from stream.providers.prices.choice import DEFAULT

__all__ = ["check_layout", "outputs_of"]


class Place(NamedTuple):
    """What a key names: as it was given, and where that really is."""

    key: str
    path: Path

    @property
    def real(self) -> Path:
        """Where it is, with links followed."""
        return Path(realpath(self.path))

    def is_in(self, other: Place) -> bool:
        """Tell whether it is the other's place, or inside."""
        return self.real.is_relative_to(other.real)


def check_layout(settings: Settings, problems: Problems) -> None:
    """See that outputs have places of their own, and that no directory is read twice."""
    outputs = [one for one in outputs_of(settings) if problems.is_good(one.key)]
    check_outputs(outputs, settings, problems)
    watched = [one for one in watched_by(settings) if problems.is_good(one.key)]
    for one, other in combinations(watched, 2):
        check_pair(one, other, problems)
    paces = [Place(f"pace[{index}].path", one.path) for index, one in enumerate(settings.pace)]
    for output in outputs:
        for source in (*watched, *(one for one in paces if problems.is_good(one.key))):
            if output.is_in(source):
                problems.note(
                    output.key,
                    f"found {output.path}, which is inside of {source.key}, "
                    "expected a place outside: what is in there is read as pages",
                )
                break


def outputs_of(settings: Settings) -> list[Place]:
    """Return the files that are written."""
    exported = [
        Place(f"export[{index}].out", one.out)
        for index, one in enumerate(settings.export)
        if one.out is not None
    ]
    return [
        Place("state", settings.state),
        Place("report", settings.report),
        Place("dead_letters", settings.dead_letters / "dead_letters.ndjson"),
        *exported,
    ]


def watched_by(settings: Settings) -> list[Place]:
    """Return the directories that are watched; those of evidence come last."""
    named = [Place(f"watch[{index}].path", one.path) for index, one in enumerate(settings.watch)]
    kept: dict[Path, Place] = {}
    for index, poll in enumerate(settings.poll):  # accounts may share one
        kept.setdefault(poll.evidence, Place(f"poll[{index}].evidence", poll.evidence))
    return [*named, *kept.values()]


def check_pair(one: Place, other: Place, problems: Problems) -> None:
    """See that of two directories that are watched neither is inside of the other."""
    if other.is_in(one):
        inner, outer = other, one
    elif one.is_in(other):
        inner, outer = one, other
    else:
        return
    of_evidence = other.key.endswith(".evidence")
    wanted = "a directory for evidence alone" if of_evidence else "directories that are apart"
    if inner.real == outer.real:
        said = "which is watched too" if of_evidence else f"which is {outer.key} too"
    else:
        said = f"which is inside of {outer.key}"
    problems.note(inner.key, f"found {inner.path}, {said}, expected {wanted}")


def check_outputs(outputs: list[Place], settings: Settings, problems: Problems) -> None:
    """See that nothing that is written overwrites something else that is, or that is read."""
    inputs = [one for one in inputs_of(settings, problems.path) if problems.is_good(one.key)]
    for index, output in enumerate(outputs):
        for other in (*inputs, *outputs[:index]):
            if output.real == other.real:
                said = f"which is {other.key} too"
            elif other not in inputs and (output.is_in(other) or other.is_in(output)):
                said = f"which cannot be beside {other.key}, {other.path}"
            else:
                continue
            problems.note(output.key, f"found {output.path}, {said}, expected a file of its own")
            break


def inputs_of(settings: Settings, path: Path) -> Iterator[Place]:
    """Yield the files that are read: the configuration, prices, and what holds secrets."""
    yield Place("the configuration", path)
    http = settings.http
    for key, named in (
        ("prices", price_file_of(settings)),
        ("http.token_file", http.token_file),
        ("http.tls_cert", http.tls_cert),
        ("http.tls_key", http.tls_key),
        *((f"poll[{index}].key_file", one.key_file) for index, one in enumerate(settings.poll)),
    ):
        if named is not None:
            yield Place(key, named)


def price_file_of(settings: Settings) -> Path | None:
    """Return the file that prices are read from, if they are."""
    return None if settings.prices in {None, DEFAULT} else Path(str(settings.prices))
