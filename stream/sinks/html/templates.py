"""Templates of pages: whatever comes from outside is text in them, masked and on one line."""

from __future__ import annotations

from importlib.resources import files
from typing import Final

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template

from stream.records.privacy import one_line
from stream.sinks.html.notation import (
    group_digits,
    write_count,
    write_day,
    write_exact,
    write_money,
    write_month,
    write_span,
)

__all__ = ["BASE_STYLE", "load_template", "read_file"]

HERE: Final = "stream.sinks.html"
WRITERS: Final = {
    "counted": write_count,
    "day": write_day,
    "exact": write_exact,
    "grouped": group_digits,
    "money": write_money,
    "month": write_month,
    "span": write_span,
}


def read_file(package: str, name: str) -> str:
    """Return the text of a file that stands in a package."""
    return files(package).joinpath(name).read_text("utf-8")


def load_template(package: str, name: str) -> Template:
    """Load a template of a package, which may use those that stand here: the chart."""
    environment = Environment(
        loader=FunctionLoader(lambda one: read_file(package if one == name else HERE, one)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: one_line(value) if type(value) is str else value,  # no markup
    )
    return environment.get_template(name, globals=WRITERS)


BASE_STYLE: Final = read_file(HERE, "base.css")
"""How all pages look: colours, charts, tables and cards."""
