"""Alerts and dashboard ask for metrics that there are, and the alerts fire when they should."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import scim_operator.metrics
import scim_operator.status.tenant_metrics  # noqa: F401 (registers the metrics of tenants)
import yaml
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from scim_service.store.database.database import Volume
from scim_service.tenant.metrics import Metrics

from tests.chart.conftest import Object, Render
from tests.cluster.build import Binaries

RUNBOOKS = Path("docs/runbooks")
SECTIONS = ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation"]


def rules(render: Render) -> Object:
    """The rules of the chart as a file of Prometheus'."""
    (rule,) = [body for body in render("metrics.prometheusRule.enabled=true") if is_rule(body)]
    spec: Object = rule["spec"]
    return spec


def is_rule(body: Object) -> bool:
    """Whether an object holds alerts."""
    return bool(body["kind"] == "PrometheusRule")


def alerts(spec: Object) -> list[Object]:
    """All alerts."""
    return [rule for group in spec["groups"] for rule in group["rules"]]


def promtool(tools: Binaries, *arguments: str) -> None:
    """Run promtool, which must be content."""
    done = subprocess.run([tools["promtool"], *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def exported() -> set[str]:
    """The names of all series that the operator and the service can export."""
    service = Metrics("team-a/contoso", "0").render(
        users=0, active_users=0, groups=0, last_backup=0, volume=Volume(1, 1)
    )
    families = [*REGISTRY.collect(), *text_string_to_metric_families(service.decode())]
    names = set()
    for family in families:
        suffixes = {
            "counter": ["_total"],
            "histogram": ["_bucket", "_count", "_sum"],
        }.get(family.type, [""])
        names |= {family.name + suffix for suffix in suffixes}
    return names


def named(expression: str) -> set[str]:
    """The metrics that an expression names."""
    return set(re.findall(r"\b(?:[a-z]+_)+[a-z]+(?=\{)", expression))


def test_rules_are_valid(render: Render, tools: Binaries, tmp_path: Path) -> None:
    """Prometheus reads the rules."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules(render)))
    promtool(tools, "check", "rules", "--lint=all", "--lint-fatal", str(tmp_path / "rules.yaml"))


def test_alerts_fire(render: Render, tools: Binaries, tmp_path: Path) -> None:
    """Each alert fires when it should and not before, and none fires while all is well."""
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rules(render)))
    shutil.copy("tests/chart/alerts.yaml", tmp_path)
    promtool(tools, "test", "rules", str(tmp_path / "alerts.yaml"))


def test_every_alert_is_tested(render: Render) -> None:
    """No alert is without a series that makes it fire."""
    tests: Any = yaml.safe_load(Path("tests/chart/alerts.yaml").read_text())
    text = yaml.safe_dump(
        [
            [
                sample
                for check in test.get("promql_expr_test", ())
                for sample in check["exp_samples"]
            ]
            + [
                check["alertname"]
                for check in test.get("alert_rule_test", ())
                if check["exp_alerts"]
            ]
            for test in tests["tests"]
        ]
    )
    assert [rule["alert"] for rule in alerts(rules(render)) if rule["alert"] not in text] == []


def test_alerts_name_metrics_that_there_are(render: Render) -> None:
    """A renamed metric would silence an alert for ever."""
    spec = rules(render)
    assert all(named(rule["expr"]) for rule in alerts(spec))
    assert {name for rule in alerts(spec) for name in named(rule["expr"])} <= exported()


def test_alerts_say_what_to_do(render: Render) -> None:
    """Each alert has a severity, says what it is about, and leads to a runbook that is there."""
    for rule in alerts(rules(render)):
        assert rule["labels"]["severity"] in ("critical", "warning", "info")
        assert rule["annotations"].keys() == {"summary", "description", "runbook_url"}
        page = RUNBOOKS / rule["annotations"]["runbook_url"].rpartition("/")[2]
        assert re.findall("^## .*", page.read_text(), re.MULTILINE) == SECTIONS


def test_runbooks_have_alerts(render: Render) -> None:
    """No runbook is left from an alert that is gone."""
    pages = {page.stem for page in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == {rule["alert"] for rule in alerts(rules(render))}


def test_labels_of_alerts(render: Render) -> None:
    """Labels for the routing are added to every alert, and leave the severity as it is."""
    bodies = render(
        "metrics.prometheusRule.enabled=true", "metrics.prometheusRule.alertLabels.team=identity"
    )
    (rule,) = filter(is_rule, bodies)
    assert {alert["labels"]["team"] for alert in alerts(rule["spec"])} == {"identity"}
    assert "critical" in {alert["labels"]["severity"] for alert in alerts(rule["spec"])}


def test_alerts_that_are_left_out(render: Render) -> None:
    """An alert that does not fit a cluster is left out by its name, and no other with it."""
    without = "metrics.prometheusRule.without={ScimTenantNoBackup}"
    (rule,) = filter(is_rule, render("metrics.prometheusRule.enabled=true", without))
    left = {alert["alert"] for alert in alerts(rule["spec"])}
    assert {alert["alert"] for alert in alerts(rules(render))} - left == {"ScimTenantNoBackup"}


def queries(render: Render) -> list[str]:
    """What the dashboard asks Prometheus, with Grafana's variables filled in."""
    (configured,) = [
        body
        for body in render("metrics.dashboard.enabled=true")
        if body["metadata"]["name"] == "scim-operator-dashboard"
    ]
    assert configured["metadata"]["labels"]["grafana_dashboard"] == "1"
    dashboard = json.loads(configured["data"]["scim-operator.json"])
    expressions = [
        target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())
    ]
    filled = {"$namespace": "scim-system", "$tenant": ".*", "$__rate_interval": "5m"}
    for variable, value in filled.items():
        expressions = [expression.replace(variable, value) for expression in expressions]
    return expressions


def test_dashboard_asks_valid_queries(render: Render, tools: Binaries, tmp_path: Path) -> None:
    """Prometheus reads every query of the dashboard."""
    recorded = [
        {"record": f"query:{number}", "expr": query} for number, query in enumerate(queries(render))
    ]
    path = tmp_path / "queries.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": recorded}]}))
    promtool(tools, "check", "rules", str(path))


def test_dashboard_names_metrics_that_there_are(render: Render) -> None:
    """A renamed metric would leave a panel empty."""
    asked = queries(render)
    assert len(asked) > 20
    assert all(named(query) for query in asked)
    assert {name for query in asked for name in named(query)} <= exported()


@pytest.mark.parametrize("values", [(), ("metrics.prometheusRule.enabled=false",)])
def test_no_rules_unasked(render: Render, values: tuple[str, ...]) -> None:
    """Without the Prometheus operator's CRDs the chart installs all the same."""
    assert not [body for body in render(*values) if "monitoring.coreos.com" in body["apiVersion"]]
