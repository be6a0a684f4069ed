"""Panels of one look: each has a title, a description, a unit, and a legend for every query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from grafana_foundation_sdk.builders import bargauge, common, stat, table, text, timeseries
from grafana_foundation_sdk.builders.dashboard import FieldColor, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery as AnyQuery
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    BigValueColorMode,
    BigValueGraphMode,
    BigValueTextMode,
    DataSourceRef,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VisibilityMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from usage_dashboards.queries import Query

# Whoever looks at a dashboard chooses the data source: no file names one.
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")

# What the lines of `queries.quantiles` are.
QUANTILES = "Half, nine tenths and 99 of 100 took no longer than this, read off a histogram."

Coined = TypeVar("Coined", stat.Panel, bargauge.Panel, timeseries.Panel)

# The colour of a figure from each value upwards.
Steps = tuple[tuple[float | None, str], ...]
PLAIN: Steps = ((None, "text"),)
WARN: Steps = ((None, "green"), (1, "orange"))
ALARM: Steps = ((None, "green"), (1, "red"))

# Currencies that Grafana writes with their sign; a figure of another one stands beside its name.
CURRENCIES = ("usd", "eur", "gbp", "jpy", "chf", "brl", "cny", "inr", "krw", "sek", "nok", "dkk")
MONEY = "none"
THIS_MONTH = "now/M"

LAST = ["lastNotNull"]
NUMBERS = "ABCDEFGH"  # what Grafana calls the queries of a panel


def target(number: int, query: Query) -> Dataquery:
    """Make a panel's query; the first is named A."""
    made = Dataquery().datasource(SOURCE).ref_id(NUMBERS[number])
    return made.expr(query.expression).legend_format(query.legend)


def over_time(queries: Sequence[Query]) -> list[Builder[AnyQuery]]:
    """Ask for the whole range."""
    return [target(number, query).range() for number, query in enumerate(queries)]


def newest(queries: Sequence[Query]) -> list[Builder[AnyQuery]]:
    """Ask for one moment, the end of the range."""
    return [target(number, query).instant() for number, query in enumerate(queries)]


def colours(steps: Steps) -> ThresholdsConfig:
    """Colour a figure by its size."""
    made = [Threshold(value=value, color=colour) for value, colour in steps]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(made)


def by_name() -> FieldColor:
    """Give a project, a tier or a model one colour in all panels."""
    return FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME)


def legend(*calculations: str) -> common.VizLegendOptions:
    """Put a legend below; with calculations it is a table, greatest last value first."""
    made = common.VizLegendOptions().show_legend(show_legend=True)
    made = made.placement(LegendPlacement.BOTTOM).calcs(list(calculations))
    mode = LegendDisplayMode.TABLE if calculations else LegendDisplayMode.LIST
    return made.display_mode(mode)


def series(title: str, description: str, unit: str, *queries: Query) -> timeseries.Panel:
    """Draw lines over time, a third of the page wide."""
    tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
    panel = timeseries.Panel().title(title).description(description).unit(unit)
    panel = panel.datasource(SOURCE).targets(over_time(queries)).span(8).height(8)
    panel = panel.legend(legend()).tooltip(tooltip).color_scheme(by_name())
    panel = panel.line_width(1).fill_opacity(10).show_points(VisibilityMode.AUTO)
    return panel.thresholds(colours(PLAIN))


def stacked(title: str, description: str, unit: str, *queries: Query) -> timeseries.Panel:
    """Draw parts of a whole on each other; the legend has each part's mean, greatest and last."""
    panel = series(title, description, unit, *queries)
    parts = common.StackingConfig().mode(StackingMode.NORMAL).group("A")
    return panel.stacking(parts).fill_opacity(40).legend(legend("mean", "max", *LAST)).height(9)


def figure(title: str, description: str, unit: str, *queries: Query) -> stat.Panel:
    """Show the newest figure, a sixth of the page wide."""
    panel = stat.Panel().title(title).description(description).unit(unit)
    panel = panel.datasource(SOURCE).targets(newest(queries)).span(4).height(4)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(LAST))
    panel = panel.color_mode(BigValueColorMode.VALUE).graph_mode(BigValueGraphMode.NONE)
    names = BigValueTextMode.VALUE_AND_NAME if "{{" in queries[0].legend else BigValueTextMode.VALUE
    return panel.text_mode(names).thresholds(colours(PLAIN))


def by_day(title: str, description: str, unit: str, *queries: Query) -> timeseries.Panel:
    """Draw a stacked bar for each day of UTC, as wide as the page."""
    panel = stacked(title, description, unit, *queries).span(24).interval("1d")
    return panel.draw_style(GraphDrawStyle.BARS).line_width(0).fill_opacity(80)


def bars(title: str, description: str, unit: str, *queries: Query) -> bargauge.Panel:
    """Compare the newest figures as bars, half the page wide."""
    panel = bargauge.Panel().title(title).description(description).unit(unit)
    panel = panel.datasource(SOURCE).targets(newest(queries)).span(12).height(9)
    panel = panel.reduce_options(common.ReduceDataOptions().calcs(LAST)).legend(legend())
    panel = panel.display_mode(BarGaugeDisplayMode.BASIC).orientation(VizOrientation.HORIZONTAL)
    return panel.color_scheme(by_name()).thresholds(colours(PLAIN))


def rows(title: str, description: str, labels: dict[str, str], *queries: Query) -> table.Panel:
    """Make a table of the newest figures: columns are the labels, then each query's legend."""
    asked: list[Builder[AnyQuery]] = [
        target(number, query).instant().format(PromQueryFormat.TABLE)
        for number, query in enumerate(queries)
    ]
    figures = {f"Value #{NUMBERS[number]}": query.legend for number, query in enumerate(queries)}
    names = labels | figures
    columns: dict[str, object] = {
        "excludeByName": {"Time": True},
        "indexByName": {name: place for place, name in enumerate(names)},
        "renameByName": names,
    }
    panel = table.Panel().title(title).description(description).unit("short").datasource(SOURCE)
    panel = panel.targets(asked).span(16).height(12).filterable(filterable=True)
    panel = panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
    panel = panel.with_transformation(DataTransformerConfig(id_val="organize", options=columns))
    first = common.TableSortByFieldState().display_name(queries[0].legend).desc(desc=True)
    return panel.sort_by([first]).thresholds(colours(PLAIN))


def in_currency(panel: Coined) -> Coined:
    """Write each figure whose legend is a currency, or ends with one in brackets, with its sign."""
    panel = panel.decimals(2)
    for code in CURRENCIES:
        sign = DynamicConfigValue(id_val="unit", value=f"currency{code.upper()}")
        panel = panel.override_by_regexp(f"/(^|\\(){code}\\)?$/", [sign])
    return panel


def words(title: str, description: str, markdown: str) -> text.Panel:
    """Say what figures alone do not."""
    panel = text.Panel().title(title).description(description)
    return panel.mode(TextMode.MARKDOWN).content(markdown).span(8).height(12)
