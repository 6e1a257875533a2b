"""`deploy/prometheus/`: the alerts and the dashboard use metrics that exist, and promtool accepts them."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from api.cli.sweep_metrics import SweepMetrics, exposition
from tests.support.clients import Client
from tests.support.paths import PROJECT_ROOT

PROMETHEUS = PROJECT_ROOT / "deploy" / "prometheus"
RULES = yaml.safe_load((PROMETHEUS / "pressroom.rules.yml").read_text())["groups"]
ALERTS = {rule["alert"]: rule["expr"] for group in RULES for rule in group["rules"]}
PANELS = json.loads((PROMETHEUS / "grafana.json").read_text())["panels"]
QUERIES = [target["expr"].replace("$__rate_interval", "1m") for panel in PANELS for target in panel["targets"]]

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool checks the rules: apt-get install prometheus"
)

DURATIONS = "pressroom_http_request_duration_seconds"
NORMAL = {
    'up{job="pressroom"}': "1x180",
    f'{DURATIONS}_count{{status="200"}}': "0+600x180",
    f'{DURATIONS}_count{{status="503"}}': "0x180",
    f'{DURATIONS}_count{{status="507"}}': "0x180",
    f'{DURATIONS}_bucket{{le="0.1"}}': "0+600x180",
    f'{DURATIONS}_bucket{{le="2.5"}}': "0+600x180",
    f'{DURATIONS}_bucket{{le="+Inf"}}': "0+600x180",
    "pressroom_database_connection_wait_seconds_sum": "0+1x180",
    "pressroom_database_write_wait_seconds_sum": "0+6x180",
    "pressroom_database_errors_total": "0x180",
    'pressroom_replica_reads_total{server="replica", reason=""}': "0+600x180",
    'pressroom_replica_reads_total{server="primary", reason="lag"}': "0+60x180",
    'pressroom_replica_reads_total{server="primary", reason="not_found"}': "0+900x180",
    "pressroom_change_feed_horizon_age_seconds": "5x180",
    'pressroom_rate_limited_requests_total{limit="writes"}': "0+900x180",
    'pressroom_rate_limited_requests_total{limit="posts-per-day"}': "0+1x180",
    'pressroom_rate_limited_requests_total{limit="sign-in-address"}': "0+10x180",
    "pressroom_sweep_last_success_timestamp_seconds": "0x180",
    "pressroom_search_outdated_posts": "0x180",
    'node_systemd_unit_state{name="pressroom-backup.service", state="failed"}': "0x180",
    'node_systemd_timer_last_trigger_seconds{name="pressroom-sweep.timer"}': "0x180",
    'up{job="node"}': "1x180",
    'node_systemd_service_restart_total{name="pressroom-notify.service"}': "0x172 1x7",
    "node_timex_sync_status": "1x180",
}
"""Series of a server without faults, a value per minute."""
FAULTS: dict[str, dict[str, str]] = {
    "PressroomDown": {'up{job="pressroom"}': "0x180"},
    "PressroomErrors": {f'{DURATIONS}_count{{status="503"}}': "0+30x180"},
    "PressroomDiskFull": {f'{DURATIONS}_count{{status="507"}}': "0+1x180"},
    "PressroomSlow": {f'{DURATIONS}_bucket{{le="0.1"}}': "0+500x180"},
    "PressroomConnectionsExhausted": {"pressroom_database_connection_wait_seconds_sum": "0+60x180"},
    "PressroomWritersWait": {"pressroom_database_write_wait_seconds_sum": "0+90x180"},
    "PressroomDatabaseErrors": {"pressroom_database_errors_total": "0+60x180"},
    "PressroomReplicaUnused": {'pressroom_replica_reads_total{server="primary", reason="lag"}': "0+700x180"},
    "PressroomChangeFeedsHeldBack": {"pressroom_change_feed_horizon_age_seconds": "61x180"},
    "PressroomQuotasReached": {'pressroom_rate_limited_requests_total{limit="posts-per-day"}': "0+9x180"},
    "PressroomPasswordsGuessed": {'pressroom_rate_limited_requests_total{limit="sign-in-address"}': "0+90x180"},
    "PressroomSweepLate": {"pressroom_sweep_last_success_timestamp_seconds": "-129600x180"},
    "PressroomPostsNotFound": {"pressroom_search_outdated_posts": "1x180"},
    "PressroomNodeExporterDown": {'up{job="node"}': "0x180"},
    "PressroomServiceFailed": {'node_systemd_unit_state{name="pressroom-backup.service", state="failed"}': "1x180"},
    "PressroomServiceRestarts": {'node_systemd_service_restart_total{name="pressroom-notify.service"}': "0+1x180"},
    "PressroomNightlyServiceLate": {
        'node_systemd_timer_last_trigger_seconds{name="pressroom-sweep.timer"}': "-129600x180"
    },
    "PressroomClockNotSynchronised": {"node_timex_sync_status": "0x180"},
}


SWEEP = SweepMetrics({"tokens": 1}, seconds=1, outdated_posts=0)
FAMILIES = [family for family in (*REGISTRY.collect(), *SWEEP.collect()) if family.name.startswith("pressroom_")]


def metric_names() -> set[str]:
    """Return the names of the samples of our metrics."""
    suffixes = {"counter": ["_total"], "gauge": [""], "histogram": ["_bucket", "_count", "_sum"]}
    return {family.name + suffix for family in FAMILIES for suffix in suffixes[family.type]}


def used_names(text: str) -> set[str]:
    return set(re.findall(r"\bpressroom_\w+", text))


def promtool(*arguments: str, text: str | None = None) -> None:
    result = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_alerts_and_panels_use_metrics_that_exist() -> None:
    used = used_names(" ".join([*ALERTS.values(), *QUERIES]))
    assert used - metric_names() == set()


def test_every_metric_has_a_panel_and_a_description() -> None:
    shown = used_names(" ".join(QUERIES))
    documented = used_names((PROJECT_ROOT / "deploy" / "monitoring.md").read_text())
    for family in FAMILIES:
        names = {name for name in metric_names() if name.startswith(family.name)}
        assert names & shown, family.name
        assert (names | {family.name}) & documented, family.name


def test_every_alert_has_advice() -> None:
    advice = re.findall(r"^\| `(Pressroom\w+)` \|", (PROJECT_ROOT / "deploy" / "monitoring.md").read_text(), re.M)
    assert advice == list(ALERTS)


def test_panels_say_which_question_they_answer_and_do_not_overlap() -> None:
    assert all("?" in panel["description"] for panel in PANELS)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in PANELS}
    assert len(places) == len({panel["id"] for panel in PANELS}) == len(PANELS)


@needs_promtool
def test_promtool_accepts_the_configuration_the_rules_and_the_metrics(anyone: Client) -> None:
    promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))
    anyone.get("/posts")
    ours = re.findall(r"^(?:# \w+ )?pressroom_.*\n", anyone.get("/metrics").text, re.M)
    sweep = exposition({"tokens": 1}, seconds=1, outdated_posts=0).decode()
    promtool("check", "metrics", text="".join(line for line in ours if "_created" not in line) + sweep)


@needs_promtool
def test_promtool_accepts_the_queries_of_the_dashboard(tmp_path: Path) -> None:
    rules = [{"record": f"panel:query:{number}", "expr": query} for number, query in enumerate(QUERIES)]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", str(tmp_path / "rules.yml"))


@needs_promtool
def test_each_fault_fires_its_alert_and_no_other(tmp_path: Path) -> None:
    assert FAULTS.keys() == ALERTS.keys()

    def case(name: str, changes: dict[str, str], *alerts: str) -> dict[str, Any]:
        firing = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in alerts]
        query = 'count by (alertname) (ALERTS{alertstate="firing"})'
        return {
            "name": name,
            "interval": "1m",
            "input_series": [{"series": series, "values": text} for series, text in {**NORMAL, **changes}.items()],
            "promql_expr_test": [{"expr": query, "eval_time": "3h", "exp_samples": firing}],
        }

    never_triggered = {
        "name": "a timer that has never run",
        "interval": "1h",
        "input_series": [
            {"series": 'node_systemd_timer_last_trigger_seconds{name="pressroom-sweep.timer"}', "values": "0x48"}
        ],
        "alert_rule_test": [{"alertname": "PressroomNightlyServiceLate", "eval_time": "48h", "exp_alerts": []}],
    }
    faults = (case(alert, changes, alert) for alert, changes in FAULTS.items())
    cases = [case("no fault", {}), never_triggered, *faults]
    content = {"rule_files": [str(PROMETHEUS / "pressroom.rules.yml")], "evaluation_interval": "1m", "tests": cases}
    (tmp_path / "tests.yml").write_text(json.dumps(content))
    promtool("test", "rules", str(tmp_path / "tests.yml"))
