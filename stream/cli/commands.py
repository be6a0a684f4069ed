"""Commands whose files are imported only when somebody asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

import click

__all__ = ["Commands"]


class Commands(Mapping[str, click.Command]):
    """The commands of a package by name; one's file, and all that it needs, is imported late.

    ``files`` has the file of each name; in it the command is ``NAME_command``, where what follows a
    hyphen is left out.
    """

    def __init__(self, package: str, files: Mapping[str, str]) -> None:
        """Offer the commands of a package."""
        self._package = package
        self._files = files

    def __getitem__(self, name: str) -> click.Command:
        file = import_module(f"{self._package}.{self._files[name]}")
        command: click.Command = getattr(file, f"{name.partition('-')[0]}_command")
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(self._files)

    def __len__(self) -> int:
        return len(self._files)
