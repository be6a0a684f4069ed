"""What a file's name says: which endpoint or list, which label, which page; or that it is none."""

from __future__ import annotations

import os
import re
from typing import Final

from msgspec import Struct

from stream.providers.endpoint import Endpoint, ObjectList
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records.chains import PRIMARY
from stream.records.privacy import shield_value

__all__ = [
    "EXPECTATIONS",
    "NAMES_WANTED",
    "PAGE_PACKINGS",
    "PAGE_SUFFIX",
    "REQUEST",
    "FixtureName",
    "is_companion",
    "is_copy",
    "is_expectations",
    "is_request",
    "label_below",
    "label_told",
    "parse_name",
    "parse_stem",
    "stem_of_name",
]

EXPECTATIONS: Final = "expectations.json"
"""What must come out of the pages beside it."""
REQUEST: Final = "request.json"
"""What the pages beside it were asked with."""
COMPANIONS: Final = frozenset(
    {
        "checksums.sha256",
        "sha256sums",
        "endpoints.md",
        "readme.md",
        "readme",
        "readme.txt",
        "license",
        "changelog.md",
        "thumbs.db",
        "desktop.ini",
        "dead_letters.ndjson",
        EXPECTATIONS,
    }
)
"""What may stand beside pages without being one, in lower case."""
EDITORS: Final = r"(?s).*~|#.*#|.*\.sw[a-p]"
"""Compiled by ``re`` when a name that follows no scheme is seen first; the start is quicker so."""
COPY: Final = r"(?is).*\.(?:bak|old|orig|tmp|temp|part|partial|crdownload)"  # as above
EXPECTED: Final = ".expectations.json"
NAMES_WANTED: Final = (
    "usage_<endpoint>[_<label>][_page<N>].json, costs[_<label>][_page<N>].json, projects.json, …"
)
"""How files are named, for those who have to name one."""

STEMS: Final[dict[str, Endpoint | ObjectList]] = {
    **{stem: endpoint for endpoint in ENDPOINTS.values() for stem in endpoint.stems},
    **{stem: entry for entry in LISTS.values() for stem in entry.stems},
}
LONGEST_FIRST: Final = sorted(STEMS, key=len, reverse=True)
SEPARATOR: Final = r"[-_. ]"
REST: Final = re.compile(
    rf"(?:{SEPARATOR}fixture)?(?:{SEPARATOR}(?P<label>[^-_. ].*?))??"
    rf"(?:{SEPARATOR}page{SEPARATOR}?(?P<page>[0-9]+))?",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)
OTHER_SPELLING: Final = (  # as above
    rf"(?ai)(?:openai{SEPARATOR})?(?:organization{SEPARATOR})?(?P<stem>"
    + "|".join(stem.replace("_", f"{SEPARATOR}?") for stem in LONGEST_FIRST)
    + f")(?={SEPARATOR}|$)"
)
SUFFIXES: Final = (  # as above
    r"(?ai)(?:\.(?:json|jsonl|ndjson))?(?:\.(?:gz|zst|zstd))?(?:\.[0-9]{1,4})?"
    r"(?:\.(?:gz|zst|zstd))?"
)
TOLD: Final = (  # as above
    r"(?ais)(?:^|.*[-_. ])(?P<label>(?:by|per|org)[-_ ].+?|total"
    r"|[0-9]{4}-?[0-9]{2}(?:-?[0-9]{2})?(?:T[0-9].*)?)"
    r"(?:[-_. ]?(?:page|part|p)?[-_. ]?[0-9]{1,4})?"
)
"""What a name of any other kind says of its walk: the groups, the organization, or the date."""
PAGE_SUFFIX: Final = ".json"
PAGE_PACKINGS: Final = ("", ".gz", ".zst")
"""What may follow that."""
PAGE_FILE: Final = re.compile(
    rf"(.+){re.escape(PAGE_SUFFIX)}(?:{'|'.join(map(re.escape, PAGE_PACKINGS))})",
    re.ASCII | re.DOTALL | re.IGNORECASE,
)


class FixtureName(Struct, frozen=True):
    """What a file name says: the registry's entry, the label, and the page's number."""

    entry: Endpoint | ObjectList
    label: str
    page: int


def parse_name(name: str) -> FixtureName | None:
    """Read the name of a page's file; ``None`` when it is none. The longest registered name wins.

    A page's place may be counted from 0 on; whoever sees all names of a chain knows.
    """
    match = PAGE_FILE.fullmatch(name)
    return parse_stem(match[1]) if match else None


def parse_stem(stem: str) -> FixtureName | None:
    """Read a name of which the suffixes were taken off."""
    for known in LONGEST_FIRST:
        if stem.startswith(known):
            match = REST.fullmatch(stem, len(known))
            if match:
                return name_of(known, match)
    other = re.match(OTHER_SPELLING, stem)
    match = other and REST.fullmatch(stem, other.end())
    if other is None or match is None:
        return None
    known = next(one for one in LONGEST_FIRST if plain_stem_of(one) == plain_stem_of(other["stem"]))
    return name_of(known, match)


def name_of(known: str, rest: re.Match[str]) -> FixtureName:
    """Put together what a name says behind what is registered."""
    label = shown_label(rest["label"]) if rest["label"] else PRIMARY
    return FixtureName(STEMS[known], label, int(rest["page"] or 1))


def shown_label(written: str) -> str:
    """Return a label as it is shown: a digest where it is a secret."""
    return shield_value(os.fsencode(written).decode(errors="backslashreplace"))


def label_told(stem: str) -> str:
    """Return the label that a name tells which does not follow the scheme."""
    match = re.fullmatch(TOLD, stem)
    return shown_label(match["label"]) if match else PRIMARY


def plain_stem_of(stem: str) -> str:
    """Return a registered name without what may be spelled in other ways."""
    return re.sub(SEPARATOR, "", stem).lower()


def label_below(folder: str, label: str) -> str:
    """Return the label of a file in a directory below."""
    if not folder:
        return label
    shown = shown_label(folder)
    return shown if label == PRIMARY else f"{shown}/{label}"


def stem_of_name(name: str) -> str:
    """Return a name without the suffixes that pages and captures have."""
    for at in (found.start() for found in re.finditer(r"\.", name)):
        if at and re.fullmatch(SUFFIXES, name[at:]):
            return name[:at]
    return name


def is_expectations(name: str) -> bool:
    """Tell whether a file says what must come out of others."""
    return name == EXPECTATIONS or name.endswith(EXPECTED)


def is_request(name: str) -> bool:
    """Tell whether a file, wherever it stands, says what the pages beside it were asked with."""
    return name == REQUEST or name.endswith(f"/{REQUEST}")


def is_companion(name: str) -> bool:
    """Tell whether a file of that name is none that anybody expects to be read."""
    if is_expectations(name) or is_request(name):
        return True
    return name.lower() in COMPANIONS or re.fullmatch(EDITORS, name) is not None


def is_copy(name: str) -> bool:
    """Tell whether a file's name says that it is a copy of another, or not whole."""
    return re.fullmatch(COPY, name) is not None
