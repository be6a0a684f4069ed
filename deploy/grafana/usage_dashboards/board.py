"""A dashboard from its rows of panels: numbered, laid out on 24 columns, and written as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import NamedTuple

from grafana_foundation_sdk.builders.dashboard import (
    Dashboard,
    DashboardLink,
    DatasourceVariable,
    QueryVariable,
)
from grafana_foundation_sdk.builders.dashboard import Row as Headline
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    Panel,
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from usage_dashboards.panels import SOURCE

TAG = "usage-stream"


class Row(NamedTuple):
    """Panels below a headline, in reading order; without a headline they stand on top."""

    headline: str
    panels: tuple[Builder[Panel], ...]


class Names(NamedTuple):
    """What a dashboard is called: ``uid`` stands in its address, and its file is named by it.

    It opens on the time from ``since`` to now, in a time zone, and asks again so often.
    """

    uid: str
    title: str
    description: str
    since: str = "now-6h"
    timezone: str = "browser"
    refresh: str = "30s"


def choice(name: str, label: str, query: str, description: str = "") -> QueryVariable:
    """Let the reader choose some or all values of a label; all also means none."""
    made = QueryVariable(name).label(label).datasource(SOURCE).query(query).definition(query)
    made = made.description(description) if description else made
    made = made.multi(multi=True).include_all(include_all=True).all_value(".*")
    made = made.current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    made = made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    return made.sort(VariableSort.NATURAL_ASC).allow_custom_value(allow_custom_value=False)


def project_choice(query: str) -> QueryVariable:
    """Let the reader choose projects by name; ``query`` gives ``project_id`` and ``name``."""
    found = choice("project", "Project", f"query_result({query})", "By its name, if one is known.")
    return found.regex('/name="(?<text>[^"]+)|project_id="(?<value>[^"]+)/g')


def source() -> Builder[VariableModel]:
    """Let the reader choose the Prometheus to ask."""
    return DatasourceVariable("datasource").label("Data source").type("prometheus")


def board(names: Names, variables: Iterable[Builder[VariableModel]], rows: Iterable[Row]) -> str:
    """Lay out a dashboard, and write it as JSON that is the same for the same code."""
    made = Dashboard(names.title).uid(names.uid).description(names.description).tags([TAG])
    made = made.refresh(names.refresh).time(names.since, "now").timezone(names.timezone).editable()
    made = made.tooltip(DashboardCursorSync.CROSSHAIR).variables([source(), *variables])
    link = DashboardLink(TAG).type(DashboardLinkType.DASHBOARDS).tags([TAG])
    made = made.link(link.icon("external link").keep_time(keep_time=True))
    for row in rows:
        if row.headline:
            made = made.with_row(Headline(row.headline))
        for panel in row.panels:
            made = made.with_panel(panel)
    dashboard = made.build()
    for number, shown in enumerate(dashboard.panels or [], 1):
        shown.id_val = number
    text = json.dumps(dashboard, cls=JSONEncoder, ensure_ascii=False, indent=2, sort_keys=True)
    return f"{text}\n"
