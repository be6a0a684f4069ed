"""What is written about the program, and the program: endpoints, options, exit codes, metrics."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from stream.providers.endpoint import Endpoint
from stream.providers.openai import ENDPOINTS, LISTS
from stream.records import errors
from stream.records.tally import Tally
from stream.sinks.metrics.collectors import TallyCollector
from stream.sinks.metrics.textfile import write_metrics
from stream.sources.discovery import parse_name
from tests.oracle import ENDPOINTS as ORACLE_ENDPOINTS
from tests.support.commands import COMMANDS
from tests.support.places import ROOT
from tests.support.running import run

REGISTRATION = (ROOT / "fixtures" / "ENDPOINTS.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
CODES = {0, 1, 2, 65, 69, 70, 77, 78, 129, 130, 143}


def help_of(*command: str) -> str:
    """Read the help of a command."""
    code, output, errors_ = run([*command, "--help"])
    assert (code, errors_) == (0, "")
    return output


def codes_in(text: str) -> set[int]:
    """Find the exit codes at the start of a text's lines, or of a table's rows."""
    listed = re.findall(r"^[ |]*((?:\d+, )*\d+) +[|\w]", text, re.MULTILINE)
    return {int(code) for codes in listed for code in codes.split(", ")}


def row_of(endpoint: Endpoint) -> str:
    """Find an endpoint's row in the table of ENDPOINTS.md."""
    (row,) = [
        line for line in REGISTRATION.splitlines() if line.startswith(f"| `{endpoint.key}` |")
    ]
    return row


def subclasses(of: type[errors.UsageStreamError]) -> list[type[errors.UsageStreamError]]:
    """List a class and those below it."""
    return [of, *(found for below in of.__subclasses__() for found in subclasses(below))]


@pytest.mark.parametrize("endpoint", ENDPOINTS.values(), ids=ENDPOINTS.keys())
def test_every_endpoint_is_registered(endpoint: Endpoint) -> None:
    """ENDPOINTS.md has each endpoint's path, groups, counters and fixtures, two pages or more."""
    row = row_of(endpoint)
    assert f"`{endpoint.path}`" in row
    silent = {"currency", "quantity_unit"}  # these cannot be asked for
    groups = [name for name in endpoint.grouped_by if name not in silent]
    for name in groups + [name for name in endpoint.counters if name in row]:
        assert f"`{name}`" in row
    for name in endpoint.counters:
        assert f"`{name}`" in REGISTRATION
    fixtures = re.findall(r"`([\w.]+\.json)`", row)
    assert len(fixtures) > 1
    for fixture in fixtures:
        found = parse_name(fixture)
        assert found is not None
        assert found.entry == endpoint
        assert (ROOT / "fixtures" / fixture).is_file()


def test_every_fixture_is_registered() -> None:
    """Each file in fixtures/ stands in ENDPOINTS.md, and each list has one."""
    names = [path.name for path in (ROOT / "fixtures").iterdir() if parse_name(path.name)]
    assert [name for name in names if f"`{name}`" not in REGISTRATION] == []
    found = {parsed.entry.name for parsed in map(parse_name, names) if parsed}
    own_lists_are_optional = {"api_keys", "users"}
    assert LISTS.keys() - own_lists_are_optional <= found


def test_the_oracle_knows_the_same_endpoints() -> None:
    """Registry and oracle were written apart, and name the same endpoints."""
    assert set(ENDPOINTS) == set(ORACLE_ENDPOINTS)
    assert len(ENDPOINTS) == 12


@pytest.mark.parametrize("command", [(), *COMMANDS], ids=" ".join)
def test_help_lists_every_exit_code(command: tuple[str, ...]) -> None:
    """Each command's help lists the exit codes, those of all error classes among them."""
    assert codes_in(help_of(*command).partition("Exit codes:")[2]) == CODES


def test_every_error_has_a_listed_exit_code() -> None:
    """Each error class has an exit code of the table, and says when it is raised."""
    for found in subclasses(errors.UsageStreamError):
        assert found.exit_code in CODES
        assert found.__doc__
        assert found.__doc__.startswith("Raised when")
    assert {errors.BadInput.exit_code, errors.Unavailable.exit_code} == {65, 69}


def test_the_readme_lists_the_exit_codes() -> None:
    """The table of exit codes in the README is that of the help."""
    table = README.partition("| exit | meaning |")[2].partition("\n\n")[0]
    assert codes_in(table) == CODES


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_option_is_explained(command: tuple[str, ...]) -> None:
    """Each option of each command stands in its help with a sentence of its own."""
    shown = help_of(*command)
    for parameter in COMMANDS[command].params:
        if isinstance(parameter, click.Option):
            assert parameter.help
            assert parameter.help.endswith((".", "]"))
            assert all(option in shown for option in parameter.opts)


def test_the_readme_speaks_of_options_that_exist() -> None:
    """No option is named in the README that no command has."""
    known = {
        option
        for command in COMMANDS.values()
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    ours = re.sub(r"(?m)^\$ promtool .*$", "", README)
    named = re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", ours)
    assert named
    assert set(named) - {"--help"} <= known


def test_the_readme_types_commands_that_exist_once_they_are_installed() -> None:
    """The command is installed before a line types it, and each line has a command that exists."""
    above, _, below = README.partition("\n$ pipx install .")
    assert "$ usage-stream" not in above
    typed = re.findall(r"(?m)^\$ (?:\S+/)?usage-stream ([a-z-]+)(?: ([a-z]+))?", below)
    assert typed
    known = {("--help",), *COMMANDS}
    assert [words for words in typed if words not in known and words[:1] not in known] == []


def test_every_metric_follows_the_conventions() -> None:
    """Each metric has the project's prefix, a sentence, and no label of unbounded values."""
    tally = Tally()
    for counter in (tally.pages, tally.records, tally.dead_letters):
        counter["usage/completions", "new"] += 1
    tally.anomalies["gap"] += 1
    tally.unknown_fields["costs"] += 1
    registry = CollectorRegistry()
    collector: Collector = TallyCollector(tally)
    registry.register(collector)
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(TallyCollector(tally))
    for family in registry.collect():
        assert family.name.startswith("usage_stream_")
        assert family.documentation.endswith(".")
        for sample in family.samples:
            few = {"endpoint", "outcome", "reason", "kind", "version", "le"}
            assert sample.labels.keys() <= few


def test_the_metrics_of_an_idle_run_can_be_parsed(tmp_path: Path) -> None:
    """Before anything was counted every metric is there, and says so."""
    write_metrics(tmp_path / "metrics", Tally())
    text = (tmp_path / "metrics").read_text("utf-8")
    families = list(text_string_to_metric_families(text))
    assert len(families) == len(list(TallyCollector(Tally()).collect()))
