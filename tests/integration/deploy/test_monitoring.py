"""What Prometheus and Grafana are told to look at is what /metrics tells; what nginx lets through is what the API has."""

import json
import re
from pathlib import Path

import yaml

from services.api.app import create_app
from services.api.operations.use_cases.metrics import metrics
from services.cli.deployment import open_deployment
from tests.support.composition import DEPLOY
from tests.support.databases import deployment_settings


def _exported(folder: Path) -> set[str]:
    context = open_deployment(deployment_settings(folder))
    try:
        return set(re.findall(r"^# TYPE (\w+) gauge$", metrics(context, is_broker_well=True), re.MULTILINE))
    finally:
        context.database.close()


def test_every_metric_of_the_rules_and_the_dashboard_is_exported_and_each_is_shown(tmp_path: Path) -> None:
    exported = _exported(tmp_path)
    rules = (DEPLOY / "prometheus/rules.yml").read_text(encoding="utf-8")
    expressions = [rule["expr"] for group in yaml.safe_load(rules)["groups"] for rule in group["rules"]]
    board = json.loads((DEPLOY / "grafana/rollcall.json").read_text(encoding="utf-8"))
    shown = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    for expression in [*expressions, *shown]:
        assert set(re.findall(r"rollcall_\w+", expression)) <= exported, expression
    assert exported == set(re.findall(r"rollcall_\w+", " ".join(shown)))
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_proxy_knows_the_paths_that_stay_open(tmp_path: Path) -> None:
    context = open_deployment(deployment_settings(tmp_path))
    try:
        paths = create_app(context).openapi()["paths"]
    finally:
        context.database.close()
    streams = {
        re.sub(r"\{\w+\}", "7", path)
        for path, item in paths.items()
        if "text/event-stream" in json.dumps(item.get("get", {}).get("responses", {}))
    }
    nginx = (DEPLOY / "proxy/nginx.conf").read_text(encoding="utf-8")
    (pattern,) = re.findall(r"location ~ (\S+) \{", nginx)
    assert streams
    assert [path for path in streams if not re.match(pattern, path)] == []
    assert f"location /{context.settings.flower_path}/ " in nginx
