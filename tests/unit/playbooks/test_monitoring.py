# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook monitoring, run by Ansible on this machine, in a directory of the test."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("ansible")

MONITORING = Path(__file__).resolve().parents[3] / "monitoring"

# A systemd with one running and one stopped unit.
SYSTEMCTL = """#!/bin/sh
echo "$@" >>%(here)s/asked
case "$*" in
  "show missing") printf "LoadState=not-found\\nActiveState=inactive\\n" ;;
  "show "*) printf "LoadState=loaded\\nActiveState=%%s\\n" "$2" ;;
esac
"""


@pytest.fixture
def play(tmp_path, ansible_playbook):
    """Runs the playbook on hosts with different variables: the output, and each host's counts."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "etc").mkdir()

    def run(*words, **hosts):
        every = {
            "hermes_monitoring_rules_directory": "%s/etc/rules" % tmp_path,
            "hermes_monitoring_dashboard_directory": "%s/dashboards" % tmp_path,
            "hermes_monitoring_prometheus_config": "%s/etc/prometheus.yml" % tmp_path,
            "hermes_monitoring_prometheus_service": "",
            "ansible_connection": "local",
            "ansible_become": False,
            "ansible_python_interpreter": sys.executable,
        }
        group = {"hosts": hosts or {"one": {}}, "vars": every}
        inventory = {"all": {"children": {"monitoring": group}}}
        (tmp_path / "inventory.json").write_text(json.dumps(inventory))
        done = ansible_playbook(
            ["-i", "inventory.json", "hermes_ops.gateway.monitoring", *words],
            tmp_path,
            PATH="%s/bin:%s" % (tmp_path, os.environ["PATH"]),
            ANSIBLE_PIPELINING="1",
        )
        counts = {}
        for host in group["hosts"]:
            found = re.findall(r"^%s +: (.+)$" % host, done.stdout, re.MULTILINE)
            assert len(found) == 1, done.stdout
            counts[host] = {
                name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", found[0])
            }
        return done.stdout, counts

    run.here = tmp_path
    return run


def promtool(play, code):
    """A promtool that exits with ``code`` and records its arguments."""
    path = play.here / "bin/promtool"
    path.write_text('#!/bin/sh\necho "$@" >>%s/called\nexit %d\n' % (play.here, code))
    path.chmod(0o755)


def test_installs_both_files_once_and_nothing_in_check_mode(play):
    promtool(play, 0)
    (play.here / "etc/prometheus.yml").write_text("rule_files: [rules/*.yml]\n")
    said, counts = play("--check", "--diff")
    assert (counts["one"]["changed"], counts["one"]["failed"]) == (3, 0), said
    assert "+      - alert: HermesGatewayDown" in said
    assert not (play.here / "etc/rules").exists() and not (play.here / "dashboards").exists()
    assert not (play.here / "called").exists()

    said, counts = play()
    assert (counts["one"]["changed"], counts["one"]["failed"]) == (3, 0), said
    rules = play.here / "etc/rules/hermes.rules.yml"
    board = play.here / "dashboards/hermes-gateways.json"
    assert rules.read_text() == (MONITORING / "prometheus/hermes.rules.yml").read_text()
    assert board.read_text() == (MONITORING / "grafana/dashboard.json").read_text()
    assert "loads %s" % rules in said
    assert (play.here / "called").read_text().startswith("check rules ")

    rules.parent.chmod(0o750)
    said, counts = play()
    assert (counts["one"]["changed"], counts["one"]["failed"]) == (0, 0), said
    assert rules.parent.stat().st_mode & 0o777 == 0o750


def test_reloads_prometheus_only_if_it_runs(play):
    path = play.here / "bin/systemctl"
    path.write_text(SYSTEMCTL % {"here": play.here})
    path.chmod(0o755)
    hosts = {}
    for name in ("active", "inactive", "missing"):
        hosts[name] = {
            "hermes_monitoring_prometheus_service": name,
            "hermes_monitoring_rules_directory": "%s/%s" % (play.here, name),
            "hermes_monitoring_dashboard_directory": "",
        }
        (play.here / name).mkdir()
    # The tasks before it change nothing that affects a service.
    said, counts = play("--start-at-task", "Install the rules", **hosts)
    assert [one["failed"] for one in counts.values()] == [0, 0, 0], said
    asked = [line.split() for line in (play.here / "asked").read_text().splitlines()]
    acted = [words for words in asked if words[0] not in ("show", "is-enabled", "is-active")]
    assert acted == [["reload", "active"]]


def test_rules_that_promtool_refuses_are_not_installed(play):
    promtool(play, 1)
    said, counts = play()
    assert counts["one"]["failed"] == 1 and "failed to validate" in said
    assert not list((play.here / "etc/rules").iterdir())


def test_reports_whether_prometheus_loads_the_rules(play):
    does, does_not = "loads", "does not load"
    cases = {
        "elsewhere": ("rule_files: [/else/*.yml, rules/deeper/*.yml, 'rules/*.rule']\n", does_not),
        "without": ("global: {}\n", does_not),
        "empty": ("rule_files:\n", does_not),
        "nothing": ("", does_not),
        "named": ("rule_files: [rules/hermes.rules.yml]\n", does),
        "glob": ("rule_files: [other.yml, '*/hermes.*']\n", does),
        "absolute": ("rule_files: ['%s/etc/rules/*']\n" % play.here, does),
        "missing": (None, "cannot be read"),
    }
    hosts = {}
    for name, (text, _expected) in cases.items():
        path = play.here / ("etc/%s.yml" % name)
        if text is not None:
            path.write_text(text)
        hosts[name] = {
            "hermes_monitoring_prometheus_config": str(path),
            "hermes_monitoring_dashboard_directory": "",
        }
    # The tasks before it do not read the configuration, and cost several modules on each host.
    from_here = "Read the configuration of Prometheus"
    said, counts = play("--check", "--start-at-task", from_here, **hosts)
    for name, (text, expected) in cases.items():
        assert counts[name]["failed"] == 0, said
        path = play.here / ("etc/%s.yml" % name)
        assert "%s %s" % (path, expected) in said
        assert text is None or path.read_text() == text


def test_a_value_that_is_no_absolute_path_is_refused(play):
    cases = {
        "relative": ("hermes_monitoring_rules_directory", "etc/rules"),
        "home": ("hermes_monitoring_dashboard_directory", "~/dashboards"),
        "config": ("hermes_monitoring_prometheus_config", ""),
        "list": ("hermes_monitoring_dashboard_directory", ["/a", "/b"]),
        "number": ("hermes_monitoring_rules_directory", 5),
    }
    said, counts = play(**{host: {name: value} for host, (name, value) in cases.items()})
    for host, (name, value) in cases.items():
        assert (counts[host]["ok"], counts[host]["failed"]) == (0, 1), said
        assert "%s: invalid value '%s': expected an absolute path" % (name, value) in said
    assert not (play.here / "etc/rules").exists()
