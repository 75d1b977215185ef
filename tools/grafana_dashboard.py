"""The Grafana dashboard, made from our metrics: `python -m tools.grafana_dashboard` writes it.

It is built with Grafana's own SDK, whose classes are made from the dashboard's schema.
"""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef

from deployments.metrics import METRICS

PATH = Path(__file__).resolve().parent.parent / "cluster" / "grafana" / "emo-hallo.json"
DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
RATE = "$__rate_interval"
ALL = "ray_emo_hallo_"


@dataclass(frozen=True)
class Graph:
    """A panel: lines by their legends."""

    title: str
    unit: str
    lines: dict[str, str]


def _per_minute(name: str, by: str) -> str:
    return f"60 * sum by ({by}) (rate({ALL}{name}[{RATE}]))"


def _quantile(share: float, name: str, by: str) -> str:
    return f"histogram_quantile({share}, sum by (le, {by}) (rate({ALL}{name}_bucket[{RATE}])))"


def _per_video_second(name: str, by: str) -> str:
    return f"sum by ({by}) (rate({ALL}{name}[{RATE}])) / sum by ({by}) (rate({ALL}video_seconds_total[{RATE}]))"


ROWS = {
    "Work": (
        Graph("Tasks now", "short", {"{{engine}} {{status}}": f"sum by (engine, status) ({ALL}tasks_active)"}),
        Graph(
            "Ended, a minute", "short", {"{{engine}} {{status}}": _per_minute("tasks_ended_total", "engine, status")}
        ),
        Graph(
            *("Queue", "short"),
            {"length": f"max({ALL}queue_length)", "accepted a minute": _per_minute("tasks_created_total", "engine")},
        ),
        Graph("Oldest in the queue", "s", {"age": f"max({ALL}queue_oldest_age_seconds)"}),
    ),
    "Speed": (
        Graph(
            *("Real-time factor", "short"),
            {
                "{{engine}}": _per_video_second("processing_seconds_total", "engine"),
                "{{engine}} 95 %": _quantile(0.95, "real_time_factor", "engine"),
            },
        ),
        Graph(
            *("Seconds of compute per second of video", "short"),
            {"{{engine}}": _per_video_second("stage_busy_seconds_total", "engine")},
        ),
        Graph(
            *("Stages, share of all compute", "percentunit"),
            {
                "{{stage}}": f"sum by (stage) (rate({ALL}stage_busy_seconds_total[{RATE}]))"
                f" / on () group_left () sum(rate({ALL}stage_busy_seconds_total[{RATE}]))"
            },
        ),
        Graph("Stages, seconds a task, 95 %", "s", {"{{stage}}": _quantile(0.95, "stage_seconds", "stage")}),
        Graph(
            *("A task, from start to end", "s"),
            {
                "{{engine}} half": _quantile(0.5, "task_seconds", "engine"),
                "{{engine}} 95 %": _quantile(0.95, "task_seconds", "engine"),
                "{{engine}} waited, 95 %": _quantile(0.95, "wait_seconds", "engine"),
            },
        ),
        Graph("Video made, seconds a minute", "s", {"{{engine}}": _per_minute("video_seconds_total", "engine")}),
    ),
    "Trouble": (
        Graph(
            "Attempts that failed, a minute", "short", {"{{engine}}": _per_minute("attempts_failed_total", "engine")}
        ),
        Graph("Webhooks a minute", "short", {"{{result}}": _per_minute("webhook_tries_total", "result")}),
        Graph(
            *("Preprocessing cache, share of hits", "percentunit"),
            {
                "{{stage}}": f'sum by (stage) (rate({ALL}cache_requests_total{{result="hit"}}[{RATE}]))'
                f" / sum by (stage) (rate({ALL}cache_requests_total[{RATE}]))"
            },
        ),
        Graph(
            *("GPU memory in use", "percentunit"),
            {"{{gpu}}": f"max by (gpu) ({ALL}gpu_memory_used_bytes) / max by (gpu) ({ALL}gpu_memory_total_bytes)"},
        ),
    ),
}


def build_dashboard() -> str:
    """The dashboard as Grafana imports it."""
    built = (
        dashboard.Dashboard("Emo Hallo Ray")
        .uid("emo-hallo-ray")
        .tags(["ray", "emo-hallo"])
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    ids = count(1)
    for title, graphs in ROWS.items():
        built = built.with_row(dashboard.Row(title).id(next(ids)))
        for graph in graphs:
            built = built.with_panel(_panel(graph).id(next(ids)))
    return str(JSONEncoder(sort_keys=True, indent=2).encode(built.build())) + "\n"


def _panel(graph: Graph) -> timeseries.Panel:
    legend = common.VizLegendOptions().show_legend(True)
    legend = legend.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel = timeseries.Panel().title(graph.title).unit(graph.unit).datasource(DATASOURCE).legend(legend)
    panel = panel.description(_describe(graph)).fill_opacity(12).line_width(2).min(0).span(12).height(8)
    for number, (legend_format, query) in enumerate(graph.lines.items()):
        target = prometheus.Dataquery().datasource(DATASOURCE).ref_id(chr(ord("A") + number))
        panel = panel.with_target(target.expr(query).legend_format(legend_format))
    return panel


def _describe(graph: Graph) -> str:
    """What the metrics in it mean."""
    text = " ".join(graph.lines.values())
    return "; ".join(metric.description for name, metric in METRICS.items() if f"{ALL}{name}" in text)


if __name__ == "__main__":
    PATH.write_text(build_dashboard(), encoding="utf-8")
