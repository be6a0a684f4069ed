"""Every command of the program, as click has it."""

from __future__ import annotations

import click

from stream.cli import app


def commands_in(group: click.Group, *above: str) -> dict[tuple[str, ...], click.Command]:
    """Find every command, also in groups of groups, by all names that lead to it."""
    found: dict[tuple[str, ...], click.Command] = {}
    for name, command in group.commands.items():
        found[*above, name] = command
        if isinstance(command, click.Group):
            found |= commands_in(command, *above, name)
    return found


COMMANDS = commands_in(app)
