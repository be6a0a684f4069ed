"""What people call projects, and how long a name may be on a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stream.figures.series import UNSPECIFIED, label_value_of
from stream.records.privacy import digest_text, show_label

__all__ = ["NAMELESS", "ProjectNames", "shorten_text"]

NAMELESS: Final = "no project"
MOST: Final = 120
"""Characters of a text that are shown as they are; of a longer one, the first are."""
FIRST: Final = 80


class ProjectNames:
    """What people call projects."""

    def __init__(self, names: Mapping[str, str]) -> None:
        """Take names by id; projects are asked for as Prometheus' labels call them."""
        self._names = {label_value_of(one): name for one, name in names.items()}

    def find(self, project: str) -> str | None:
        """Return a project's name, if there is one."""
        return NAMELESS if project == UNSPECIFIED else self._names.get(project)

    def call(self, project: str) -> str:
        """Return a project's name, or its id."""
        return self.find(project) or project


def shorten_text(text: str) -> str:
    """Return a text of bounded length without control characters; others stay others."""
    if len(text) <= MOST:
        return show_label(text)
    return f"{show_label(text[:FIRST])}… ({len(text):,} characters, {digest_text(text)})"
