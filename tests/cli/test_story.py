"""One question, and the same answer wherever it is asked, to the last digit.

What did project X on tier Y use and cost last month, per model and day? The truth is added up here
from the numbers that the pages are made of, and from nothing that the project computes.
"""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal, localcontext
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import duckdb
import pytest

from tests.support.comparing import Json
from tests.support.daemons import Daemon, daemon
from tests.support.envelopes import line
from tests.support.finance import costs_on, usage_on
from tests.support.organizations import PROJECTS
from tests.support.pages import bucket, listed, page, used
from tests.support.postgres import Cluster
from tests.support.report_pages import PageReader, export_page
from tests.support.running import run

NOW: Final = "1733400000"  # 2024-12-05T12:00:00Z
NOVEMBER: Final = range(30)
LATE: Final = 17
"""The day that a daemon sees come in last."""
X, Y = PROJECTS[0], "priority"
COUNTERS: Final = ("input_tokens", "input_cached_tokens", "output_tokens", "num_model_requests")
MONTH: Final = ("--since", "2024-11", "--until", "2024-11")
SHOWN: Final = {
    "input_tokens": "tokens in",
    "input_cached_tokens": "of them cached",
    "output_tokens": "tokens out",
    "num_model_requests": "requests",
}
METRICS: Final = {
    "input_tokens": ("openai_api_tokens", {"token_type": "input"}),
    "input_cached_tokens": ("openai_api_tokens", {"token_type": "input_cached"}),
    "output_tokens": ("openai_api_tokens", {"token_type": "output"}),
    "num_model_requests": ("openai_api_requests", {}),
}

Place: TypeAlias = tuple[str, str]
"""A day, and a model or a line item."""
Counts: TypeAlias = dict[Place, tuple[Decimal, ...]]
"""What X on Y used, in the order of ``COUNTERS``."""
Bill: TypeAlias = dict[Place, Decimal]
"""What X was billed, by day and line item."""


class Answer(NamedTuple):
    """What X used on Y, and what X was billed."""

    used: Counts
    billed: Bill


class Month(NamedTuple):
    """A recorded month: its capture, a state file of it, its report; and the truth about X."""

    capture: Path
    state: Path
    report: Json
    truth: Answer


def rows_on(day: int) -> list[Json]:
    """Make what everybody used on a day: X used three models on Y, through two keys each."""
    mine = [
        used(
            7_000_000_001 * (day + 1) + number,
            input_cached_tokens=4_001 * day + number,
            output_tokens=33_331 + day * number,
            num_model_requests=17 + day + number,
            project_id=X.id,
            service_tier=Y,
            model=model,
            api_key_id=f"key_{number % 2}",
        )
        for number, model in enumerate(["gpt-5", "gpt-5", "gpt-4o", "gpt-4o", "made-up", "made-up"])
    ]
    return [one for one in usage_on(day) if one["service_tier"] != Y] + mine


def day_of(number: int) -> str:
    """Write a day of November."""
    return f"2024-11-{number + 1:02}"


def lines_of(days: Iterable[int]) -> bytes:
    """Write what was asked about some days, a walk for each."""
    made = [
        line(
            page(bucket(*rows(day), day=day)),
            endpoint=endpoint,
            observed_at=f"{day_of(day)}T23:00:00Z",
        )
        for day in days
        for endpoint, rows in (("usage/completions", rows_on), ("costs", costs_on))
    ]
    return b"".join(one + b"\n" for one in made)


def names() -> bytes:
    """Write the list of projects."""
    found = [{"object": "organization.project", "id": one.id, "name": one.name} for one in PROJECTS]
    return line(listed(*found), endpoint="projects") + b"\n"


def truth() -> Answer:
    """Add up the numbers that the pages are made of."""
    counts: defaultdict[Place, list[int]] = defaultdict(lambda: [0] * len(COUNTERS))
    billed: defaultdict[Place, Decimal] = defaultdict(Decimal)
    for day in NOVEMBER:
        for row in rows_on(day):
            if (row["project_id"], row["service_tier"]) == (X.id, Y):
                found = counts[day_of(day), row["model"]]
                for place, name in enumerate(COUNTERS):
                    found[place] += row[name]
        for row in costs_on(day):
            if row["project_id"] == X.id:
                billed[day_of(day), row["line_item"]] += Decimal(row["amount"]["value"])
    used = {place: tuple(map(Decimal, found)) for place, found in counts.items()}
    return Answer(used, dict(billed))


@pytest.fixture(scope="module")
def month(tmp_path_factory: pytest.TempPathFactory) -> Month:
    """Record November, and replay it."""
    place = tmp_path_factory.mktemp("month")
    capture, state, report = place / "month.ndjson", place / "state.db", place / "report.json"
    capture.write_bytes(names() + lines_of(NOVEMBER))
    command = ["replay", str(capture), "--state", str(state), "--report", str(report)]
    code, _, errors = run([*command, "--now", NOW, "--prices", "default"])
    assert code == 0, errors
    told: Json = json.loads(report.read_text("utf-8"), parse_float=Decimal)
    return Month(capture, state, told, truth())


def answer_from(rows: Iterable[Mapping[str, Any]], day: str, bill: str) -> Answer:
    """Add up rows of records or of sums, as they name the day and what was billed."""
    counts: defaultdict[Place, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(COUNTERS))
    billed: defaultdict[Place, Decimal] = defaultdict(Decimal)
    for row in rows:
        when = str(row[day])[:10]
        if row["project_id"] != X.id:
            continue
        if row.get("service_tier") == Y:
            found = counts[when, row["model"]]
            for place, name in enumerate(COUNTERS):
                found[place] += Decimal(row[name] or 0)
        if row.get("line_item"):
            billed[when, row["line_item"]] += Decimal(row[bill])
    return Answer({place: tuple(found) for place, found in counts.items()}, dict(billed))


def shown_by(source: object, by: str, per: str, *more: str) -> list[Json]:
    """Return what ``show`` has of X, whom it is asked for by name."""
    command = ["show", str(source), "--by", by, "--per", per, *MONTH, "--project", X.name]
    code, output, errors = run([*command, "--format", "json", *more])
    assert code == 0, errors
    found: list[Json] = json.loads(output)["rows"]
    return found


def ask_show(source: object) -> Answer:
    """Ask ``show``, day by day."""
    rows = shown_by(source, "project,tier,model", "day")
    used = [row for row in rows if row["service_tier"] == Y]
    bills = [row for row in shown_by(source, "project,line-item", "day") if row.get("billed")]
    for row in bills:
        row["amount"] = row["billed"]["usd"]
    return answer_from(used + bills, "day", "amount")


def ask_estimate(source: object) -> Decimal:
    """Return what the use of X should have cost in the month, added up from days and models."""
    rows = shown_by(source, "project,tier,model", "day", "--prices", "default")
    (whole,) = shown_by(source, "project", "total", "--prices", "default")
    with localcontext(prec=60):
        found = sum(Decimal(row["estimated"]["usd"]) for row in rows if row.get("estimated"))
    assert found == Decimal(whole["estimated"]["usd"])
    return Decimal(found)


def ask_csv(month: Month) -> Answer:
    """Add up a CSV of records."""
    code, output, errors = run(["export", "csv", str(month.state), *MONTH])
    assert code == 0, errors
    return answer_from(csv.DictReader(io.StringIO(output)), "window_start", "amount_value")


def ask_parquet(month: Month, place: Path) -> Answer:
    """Have DuckDB add up a Parquet file of records."""
    path = place / "records.parquet"
    code, _, errors = run(["export", "parquet", str(month.state), *MONTH, "--out", str(path)])
    assert code == 0, errors
    sums = ", ".join(f"sum({name}) AS {name}" for name in (*COUNTERS, "amount_value"))
    query = f"""SELECT strftime(window_start AT TIME ZONE 'UTC', '%Y-%m-%d') AS day, project_id,
        service_tier, model, line_item, {sums} FROM '{path}' GROUP BY ALL"""  # noqa: S608 -- as written
    with duckdb.connect() as connection:
        found = connection.execute(query)
        columns = [one[0] for one in found.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    return answer_from(rows, "day", "amount_value")


def ask_postgres(month: Month, cluster: Cluster, database: str) -> Answer:
    """Have PostgreSQL add up, in the views that an export makes."""
    code, _, errors = run(["export", "postgres", str(month.state)])
    assert code == 0, errors
    rows: list[Mapping[str, Any]] = []
    with cluster.connect(database) as connection:
        for view in ("usage_by_day", "cost_by_day"):
            found = connection.execute(f"TABLE usage_stream.{view}".encode())
            columns = [one.name for one in found.description or ()]
            rows += [dict(zip(columns, row, strict=True)) for row in found]
    return answer_from(rows, "day", "billed")


def ask_report(month: Month) -> Answer:
    """Read the report's days."""
    rows = [
        {
            "day": one["bucketTimestamp"],
            "project_id": one["projectId"],
            "service_tier": one.get("serviceTier"),
            "model": one.get("model"),
            "line_item": one.get("lineItem"),
            **one["metrics"],
        }
        for endpoint in ("usage/completions", "costs")
        for one in month.report["endpoints"][endpoint]["byDay"]
    ]
    return answer_from(rows, "day", "amount_value")


def ask_focus(month: Month, place: Path) -> Bill:
    """Add up the charges of FOCUS."""
    path = place / "focus.csv"
    command = ["export", "focus", str(month.state), "--focus-version", "1.2", *MONTH]
    code, _, errors = run([*command, "--billing-account", "org-a", "--out", str(path)])
    assert code == 0, errors
    billed: defaultdict[Place, Decimal] = defaultdict(Decimal)
    for row in csv.DictReader(io.StringIO(path.read_text("utf-8"))):
        if row["SubAccountId"] == X.id:
            billed[row["ChargePeriodStart"][:10], row["ChargeDescription"]] += Decimal(
                row["BilledCost"]
            )
    return dict(billed)


def scraped(found: Daemon) -> dict[str, tuple[Decimal, ...]]:
    """Return what X on Y has used of each model, as ``/metrics`` counts it."""
    samples = found.metrics()
    counts: defaultdict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * len(COUNTERS))
    for place, (metric, labels) in enumerate(METRICS.values()):
        wanted = frozenset({"project_id": X.id, "service_tier": Y, **labels}.items())
        for sign, name in ((1, f"{metric}_total"), (-1, f"{metric}_corrected_total")):
            for held, value in samples[name].items():
                if wanted <= held:
                    counts[dict(held)["model"]][place] += sign * Decimal(value)
    return {model: tuple(found) for model, found in counts.items()}


def of_models(used: Counts, days: Callable[[str], bool]) -> dict[str, tuple[Decimal, ...]]:
    """Add up some days of what was used, by model."""
    found: dict[str, tuple[Decimal, ...]] = {}
    for (day, model), counts in used.items():
        if days(day):
            known = found.get(model, (Decimal(0),) * len(COUNTERS))
            found[model] = tuple(map(sum, zip(known, counts, strict=True)))  # type: ignore[arg-type]  # sums of Decimals
    return found


@pytest.mark.needs_program("initdb")
def test_one_question_has_one_answer(
    month: Month, tmp_path: Path, postgres: Cluster, database: str
) -> None:
    """The table, files for others, a database and the report agree with the truth, day by day."""
    answers = {
        "show a state file": ask_show(month.state),
        "show a capture": ask_show(month.capture),
        "csv": ask_csv(month),
        "parquet": ask_parquet(month, tmp_path),
        "postgres": ask_postgres(month, postgres, database),
        "report": ask_report(month),
    }
    assert len(month.truth.used) == 3 * len(NOVEMBER)
    for name, answer in answers.items():
        assert answer.used == month.truth.used, name
        assert answer.billed == month.truth.billed, name
    assert ask_focus(month, tmp_path) == month.truth.billed
    billing = month.report["billing"]["estimated"]["byProject"]
    (estimated,) = (one["amount"] for one in billing if one["projectId"] == X.id)
    assert estimated > 0
    assert ask_estimate(month.state) == ask_estimate(month.capture) == estimated
    page = PageReader(export_page(month.state, tmp_path, "--prices", "default", now=NOW))
    project = next(row for name, row in page.figures("projects").items() if name.endswith(X.id))
    assert project["billed, USD"] == sum(month.truth.billed.values())
    assert project["estimated, USD"] == estimated
    shown = page.figures("tiers")[Y]  # which nobody uses but X
    assert tuple(shown[SHOWN[name]] for name in COUNTERS) == tuple(
        map(sum, zip(*month.truth.used.values(), strict=True))
    )


def test_a_daemon_gives_the_same_answer(month: Month, tmp_path: Path) -> None:
    """Its counters grow by a day's figures when that day comes in; ``show`` asks it for each."""
    pages = tmp_path / "pages"
    pages.mkdir()
    capture = pages / "month.ndjson"
    capture.write_bytes(names() + lines_of(day for day in NOVEMBER if day != LATE))
    clock = {"SOURCE_DATE_EPOCH": NOW}
    with daemon(tmp_path, more='prices = "default"', variables=clock) as found:
        before = scraped(found)
        assert before == of_models(month.truth.used, lambda day: day != day_of(LATE))
        with capture.open("ab") as file:
            file.write(lines_of([LATE]))
        whole = of_models(month.truth.used, lambda _: True)
        found.until(lambda: scraped(found) == whole, "the last day")
        address = f"http://127.0.0.1:{found.port}"
        assert ask_show(address) == month.truth
        estimated = ask_estimate(address)
        assert estimated == ask_estimate(month.state)
        held = found.value("openai_project_estimated_cost", project_id=X.id)
        assert held == float(estimated)
        assert found.stop() == 0
