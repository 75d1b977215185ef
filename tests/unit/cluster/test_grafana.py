"""The dashboard: as it is generated, as Grafana's schema has it, with queries that Prometheus understands."""

import json
import re

import promql_parser
import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard

from deployments.metrics import METRICS
from tools.grafana_dashboard import ALL, PATH, ROWS, build_dashboard

DASHBOARD = json.loads(PATH.read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
QUERIES = [target["expr"] for panel in PANELS for target in panel["targets"]]
SUFFIXES = {"histogram": {"_bucket", "_sum", "_count"}, "counter": {""}, "gauge": {""}}


def test_the_file_is_what_the_metrics_make() -> None:
    assert PATH.read_text(encoding="utf-8") == build_dashboard()


def test_grafanas_own_schema_reads_it() -> None:
    read = Dashboard.from_json(DASHBOARD)

    assert read.title == "Emo Hallo Ray"
    assert read.panels is not None
    assert len(PANELS) == sum(len(graphs) for graphs in ROWS.values()) == 14
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


@pytest.mark.parametrize("query", QUERIES)
def test_queries_are_valid_and_ask_for_what_is_exported(query: str) -> None:
    promql_parser.parse(query.replace("$__rate_interval", "1m"))

    exported = {f"{ALL}{name}{suffix}" for name, metric in METRICS.items() for suffix in SUFFIXES[metric.kind]}
    asked = set(re.findall(rf"{ALL}\w+", query))
    assert asked
    assert asked <= exported


def test_every_metric_is_on_the_dashboard() -> None:
    assert [name for name in METRICS if not any(f"{ALL}{name}" in query for query in QUERIES)] == []


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place.get("x", 0), place.get("x", 0) + place["w"])
            for y in range(place.get("y", 0), place.get("y", 0) + place["h"])
        }
        assert not cells & taken
        taken |= cells
