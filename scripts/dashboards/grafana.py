"""Makes Grafana's JSON of a dashboard, by Grafana's own library for the version 11.6."""

from typing import Any

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from scripts.dashboards.panels import Dashboard, Kind, Panel, Query

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
FOLDER_TAG = "inference"
_HEIGHT = {Kind.GRAPH: 8, Kind.NUMBER: 4, Kind.TABLE: 8}
_WIDTH = {Kind.GRAPH: 8, Kind.NUMBER: 4, Kind.TABLE: 8}
_KNOWS = "prediction_model_served"
"""Each gateway has this one for each pool, from its start."""


def written(page: Dashboard) -> str:
    """Returns a dashboard as JSON that a person can compare."""
    return JSONEncoder(sort_keys=True, indent=1).encode(_built(page)) + "\n"


def _built(page: Dashboard) -> models.Dashboard:
    made = (
        dashboard.Dashboard(page.title)
        .uid(f"inference-{page.name}")
        .description(page.description)
        .tags([FOLDER_TAG])
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("The other dashboards")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([FOLDER_TAG])
            .keep_time(True)
            .include_vars(True)
        )
    )
    for variable in _variables():
        made = made.with_variable(variable)
    number = 0
    for row in page.rows:
        number += 1
        made = made.with_row(dashboard.Row(row.title).id(number))
        for panel in row.panels:
            number += 1
            made = made.with_panel(_panel(panel).id(number))
    return made.build()


def _variables() -> list[Any]:
    namespace = (
        dashboard.QueryVariable("namespace")
        .label("Namespace")
        .datasource(SOURCE)
        .query(f"label_values({_KNOWS}, namespace)")
    )
    pool = (
        dashboard.QueryVariable("model")
        .label("Pool")
        .datasource(SOURCE)
        .query(f'label_values({_KNOWS}{{namespace="$namespace"}}, model)')
        .multi(True)
        .include_all(True)
        .current(models.VariableOption(selected=True, text="All", value="$__all"))
    )
    queried = [
        each.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
            models.VariableSort.ALPHABETICAL_ASC
        )
        for each in (namespace, pool)
    ]
    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        *queried,
    ]


def _panel(panel: Panel) -> Any:
    kinds = {Kind.GRAPH: _graph, Kind.NUMBER: _number, Kind.TABLE: _table}
    made = (
        kinds[panel.kind](panel)
        .title(panel.title)
        .description(panel.description)
        .unit(panel.unit)
        .datasource(SOURCE)
        .span(_WIDTH[panel.kind])
        .height(_HEIGHT[panel.kind])
        .min(0)
    )
    if panel.top is not None:
        made = made.max(panel.top)
    if (steps := _steps(panel)) is not None:
        made = made.thresholds(steps)
    for name, query in zip("ABCDEFGH", panel.queries, strict=False):
        made = made.with_target(_target(query, panel.kind).ref_id(name))
    return made


def _graph(panel: Panel) -> Any:
    made = (
        timeseries.Panel()
        .line_width(1)
        .fill_opacity(25 if panel.stacked else 5)
        .show_points(common_models.VisibilityMode.NEVER)
        .tooltip(
            common.VizTooltipOptions()
            .mode(common_models.TooltipDisplayMode.MULTI)
            .sort(common_models.SortOrder.DESCENDING)
        )
        .legend(
            common.VizLegendOptions()
            .display_mode(common_models.LegendDisplayMode.LIST)
            .placement(common_models.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )
    if panel.red_above is not None or panel.red_below is not None:
        made = made.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(common_models.GraphThresholdsStyleMode.DASHED)
        )
    if panel.stacked:
        made = made.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    return made


def _number(_: Panel) -> Any:
    return (
        stat.Panel()
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .color_mode(common_models.BigValueColorMode.VALUE)
        .text_mode(common_models.BigValueTextMode.AUTO)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    )


def _table(_: Panel) -> Any:
    return table.Panel().show_header(True)


def _steps(panel: Panel) -> Any:
    if panel.red_above is not None:
        steps = [(None, "green"), (panel.red_above, "red")]
    elif panel.red_below is not None:
        steps = [(None, "red"), (panel.red_below, "green")]
    else:
        return None
    return (
        dashboard.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(value=value, color=color) for value, color in steps])
    )


def _target(query: Query, kind: Kind) -> Any:
    made = prometheus.Dataquery().expr(query.expr).legend_format(query.legend).datasource(SOURCE)
    if kind is Kind.GRAPH:
        return made.range().exemplar(query.exemplars)
    made = made.instant()
    return made.format(PromQueryFormat.TABLE) if kind is Kind.TABLE else made
