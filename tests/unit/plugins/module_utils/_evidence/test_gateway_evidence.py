# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle for a bug report: what goes into it from hostile homes, and what must not."""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import sqlite3
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._evidence import (
    collectors,
    gateway_evidence,
    redaction_pass,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config, history
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client, discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    accounts,
    command,
    confined,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    RunError,
    SettingError,
)

ME = pwd.getpwuid(os.getuid())
_spec = importlib.util.spec_from_file_location(
    "planted", str(Path(__file__).parents[1] / "_redact/test_redaction.py")
)
planted = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(planted)
EVERY = "\n".join(
    "%d: %s" % (place, text) for place, (text, _secrets) in enumerate(planted.PLANTED.values())
)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def database(home):
    """A database with one message of a minute ago."""
    base = sqlite3.connect(str(home / "state.db"))
    base.execute("CREATE TABLE messages (session_id TEXT, role TEXT, content TEXT, timestamp REAL)")
    base.execute("INSERT INTO messages VALUES ('a', 'user', 'secret', ?)", [time.time()])
    base.commit()
    base.close()


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A gateway whose log, unit, command line, programs and configuration hold every secret;
    ``calls`` is what was run.
    """
    home = tmp_path / "home/.hermes"
    for name in ("config.yaml", ".env", "auth.json"):
        write(home / name, EVERY)
    lines = [
        "2026-11-22 13:54:05,556 INFO gateway.run: Ready to go",
        "2026-11-22 13:54:06,000 INFO gateway.run: [MEMORY] rss=1693.4MB",
    ]
    for text, _secrets in planted.PLANTED.values():
        lines += ["2026-11-22 13:54:07,000 ERROR gateway.run: failed with " + text]
        lines += [
            (
                "2026-11-22 13:54:07,000 INFO gateway.run: inbound message: platform=x "
                "user=Ada Lovelace chat=123456789 msg=%r reply_to_id=None"
            )
            % text
        ]
    write(home / "logs/gateway.log", "\n".join(lines) + "\n")
    database(home)
    secret = list(planted.PLANTED.values())[0][0]
    process = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(60)", "--token", secret, secret]
    )
    unit = (
        "# /etc/systemd/system/hermes-gateway.service\n[Service]\n"
        + "".join(
            'Environment="V%d=%s"\n' % (place, text.replace("\n", "\\n").replace('"', '\\"'))
            for place, (text, _secrets) in enumerate(planted.PLANTED.values())
        )
        + "MemoryMax=2G\n# "
        + secret
        + "\n"
    )
    made = SimpleNamespace(
        home=home,
        process=process,
        calls=[],
        unit=unit,
        doctor=lambda: command.Result(0, EVERY, ""),
        redact=None,
    )
    account = pwd.struct_passwd(ME[:5] + (str(tmp_path / "home"),) + ME[6:])
    made.gateway = SimpleNamespace(
        name="hermes-gateway",
        unit="hermes-gateway.service",
        scope="system",
        user=ME.pw_name,
        uid=ME.pw_uid,
        account=account,
        home=str(home),
        profile="",
        python=sys.executable,
        pid=process.pid,
        invocation_id="1" * 32,
        active_state="active",
        control_group="",
        problem=None,
        # A gateway of this kind becomes a managed one.
        _looked_at=True,
        _problem=None,
        uptime_seconds=60.0,
        start_time=time.time() - 60,
    )
    real = command.run

    def run(argv, user=None, env=None, stdin=None, timeout=30.0):
        made.calls.append((argv, user, timeout))
        if argv[0] == "systemctl":
            return command.Result(
                0,
                unit
                if "cat" in argv
                else "NRestarts=3\nId=hermes-gateway.service\n"
                if "show" in argv
                else "systemd 257 (257.9)\n",
                "",
            )
        if argv[0] == "journalctl":
            return command.Result(1, "", "No journal files were found.\n")
        if "hermes_cli.main" in argv:
            return (
                made.doctor()
                if argv[-1] == "doctor"
                else command.Result(0, EVERY + "\nversion 0.19.0\n", EVERY)
            )
        if redaction_pass.HERMES_REDACT in argv:
            if made.redact is None:
                raise RunError("%s did not end within 20 s" % argv[0])
            return command.Result(0, made.redact(stdin), "")
        return real(argv, user, env, stdin, timeout)

    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr(
        confined,
        "run_within",
        lambda argv, user, env, stdin, limits: run(argv, user, env, stdin, limits.seconds),
    )
    monkeypatch.setattr(config, "FOLDER", str(tmp_path / "etc"))
    monkeypatch.setattr(
        discovery, "refresh", lambda wanted: {one.name: made.gateway for one in wanted}
    )
    monkeypatch.setattr(
        client,
        "probe",
        lambda *asked, **more: {
            "version": "0.19.0",
            "provider": "p",
            "model": secret,
            "channels": ["telegram"],
        },
    )
    for step in range(2000):
        if step % 100 == 0:
            history.append(
                os.path.join(config.STATE, "hermes-gateway"),
                {
                    "timestamp": time.time() - 600000 + step * 300,
                    "invocation_id": "2" * 32,
                    "pid": 1,
                    "rss_bytes": (100 + step) << 20,
                    "provider": "p",
                    "model": secret,
                    "version": "0.19.0",
                },
            )
    yield made
    process.kill()
    process.wait()


def test_no_secret_gets_into_the_bundle(host):
    files, summaries = gateway_evidence.collect([host.gateway])
    whole = json.dumps(summaries) + "".join(name + text for name, text in files.items())
    for kind in planted.PLANTED:
        planted.assert_gone(kind, whole)
    assert "Lovelace" not in whole and "123456789" not in whole


def test_what_the_bundle_holds(host):
    files, summaries = gateway_evidence.collect([host.gateway])
    assert sorted(files) == sorted(
        "hermes-gateway/" + name
        for name in (
            "cgroup.txt",
            "gateway.log",
            "hermes-doctor.txt",
            "hermes-dump.txt",
            "hermes-version.txt",
            "issue.md",
            "memory.csv",
            "memory.svg",
            "oom.json",
            "processes.txt",
            "smaps_rollup.txt",
            "status.txt",
            "summary.json",
            "unit-state.txt",
            "unit.txt",
            "verdict.json",
        )
    )
    log = files["hermes-gateway/gateway.log"]
    assert (
        "Ready to go" in log
        and "rss=1693.4MB" in log
        and log.rstrip("\n").split("\n")[-1] in files["hermes-gateway/issue.md"]
    )
    assert files["hermes-gateway/gateway.log"].count("\n") <= 200
    assert (
        "MemoryMax=2G" in files["hermes-gateway/unit.txt"]
        and '"V0=[' in files["hermes-gateway/unit.txt"]
    )
    assert "version 0.19.0" in files["hermes-gateway/hermes-dump.txt"]
    assert (
        "Rss:" in files["hermes-gateway/smaps_rollup.txt"]
        and "VmRSS:" in files["hermes-gateway/status.txt"]
    )
    assert len(files["hermes-gateway/memory.csv"].splitlines()) == 21
    ElementTree.fromstring(files["hermes-gateway/memory.svg"])
    one = summaries[0]
    assert (
        one["version"] == "0.19.0"
        and one["channels"] == ["telegram"]
        and one["activity"]["messages"] == 1
        and one["restarts"] == "3"
    )
    assert (
        one["verdict"]["verdict"]
        and one["removed"]["message"] > 20
        and json.loads(files["hermes-gateway/summary.json"]) == one
    )
    # The bundle reports what each set of rules removed, and what failed.
    assert any("Hermes's own redaction failed" in note for note in one["notes"]) and any(
        "journal" in note for note in one["notes"]
    )


def test_what_is_run(host):
    gateway_evidence.collect([host.gateway])
    hermes = [
        (argv, user, timeout) for argv, user, timeout in host.calls if "hermes_cli.main" in argv
    ]
    assert [argv[argv.index("hermes_cli.main") + 1 :] for argv, _user, _timeout in hermes] == [
        ["--version"],
        ["dump"],
        ["doctor"],
    ]
    owner = accounts.named(host.gateway.user)
    assert all(user == owner and timeout <= 90 for _argv, user, timeout in hermes)
    assert not any(
        word in ("share", "--show-keys") for argv, _user, _timeout in host.calls for word in argv
    )


def test_faults_cost_their_part_alone(host):
    (host.home / "logs/gateway.log").unlink()
    (host.home / "logs/gateway.log").symlink_to("/etc/shadow")
    (host.home / "state.db").unlink()

    def slow():
        raise RunError("python did not end within 90 s")

    host.doctor = slow
    files, summaries = gateway_evidence.collect([host.gateway])
    assert (
        "hermes-gateway/gateway.log" not in files
        and "hermes-gateway/hermes-doctor.txt" not in files
        and "hermes-gateway/hermes-dump.txt" in files
    )
    notes = "\n".join(summaries[0]["notes"])
    assert (
        "symbolic link" in notes
        and "state.db cannot be opened" in notes
        and "did not end within 90 s" in notes
    )
    assert "symbolic link" in files["hermes-gateway/issue.md"]


def test_a_gateway_that_is_not_running(host):
    host.gateway.pid = host.gateway.uptime_seconds = host.gateway.start_time = (
        host.gateway.invocation_id
    ) = None
    files, summaries = gateway_evidence.collect([host.gateway])
    assert (
        summaries[0]["state"] == "stopped"
        and summaries[0]["memory"] == {}
        and "hermes-gateway/processes.txt" not in files
    )
    assert "is not running" in files["hermes-gateway/issue.md"]


def test_hermes_takes_out_what_only_it_knows(host):
    write(
        host.home / "logs/gateway.log",
        "2026-11-22 13:54:05,556 INFO gateway.run: uses brandnewkey\n"
        "2026-11-22 13:54:05,556 INFO gateway.run: uses cache 7\n",
    )
    # Also of what the collection's own redaction leaves there.
    host.redact = lambda text: text.replace("brandnewkey", "***").replace("cache 7", "***")
    shown = gateway_evidence.collect([host.gateway])[0]["hermes-gateway/gateway.log"]
    assert "uses ***" in shown and "brandnewkey" not in shown


@pytest.mark.parametrize(
    "answer",
    [
        lambda text: "",
        lambda text: text + "more\n",
        lambda text: EVERY,
        lambda text: text.replace(
            "Ready", "Ready to go " + EVERY.replace("\n", "  ") + " Ready", 1
        ),
    ],
)
def test_a_redaction_that_lies_is_not_believed(host, answer):
    host.redact = answer
    files, summaries = gateway_evidence.collect([host.gateway])
    assert "Ready to go" in files["hermes-gateway/gateway.log"]
    for kind in planted.PLANTED:
        planted.assert_gone(kind, "".join(files.values()))


def test_the_bundle_of_a_host(host, tmp_path, monkeypatch):
    monkeypatch.setattr(discovery, "find_named", lambda names: [host.gateway])
    answer = gateway_evidence.bundle(str(tmp_path / "out"), [], False)
    assert answer["changed"] and answer["summary"][0]["name"] == "hermes-gateway"
    with tarfile.open(answer["path"]) as archive:
        assert archive.getnames() == answer["files"]
    assert os.listdir(str(tmp_path / "out")) == [os.path.basename(answer["path"])]


def test_no_bundle_in_check_mode_or_without_a_gateway(tmp_path, monkeypatch):
    for found, check_mode in (([SimpleNamespace()], True), ([], False)):
        monkeypatch.setattr(discovery, "find_named", lambda names, found=found: found)
        answer = gateway_evidence.bundle(str(tmp_path / "out"), [], check_mode)
        assert answer == {"changed": bool(found), "path": None, "files": [], "summary": []}
    assert not (tmp_path / "out").exists()


def test_a_bundle_needs_an_absolute_path():
    with pytest.raises(SettingError, match="dest: invalid path 'here': expected an absolute path"):
        gateway_evidence.bundle("here", [], True)


def test_a_python_that_never_answers_is_asked_once(host, monkeypatch):
    """It cost 30 s for each of two programs, 90 s for the third, and 30 s for each text."""
    asked = []

    def run_python(gateway, arguments, timeout=30.0, **_more):
        asked.append(timeout)
        raise RunError("python did not end within %g s" % timeout)

    monkeypatch.setattr(client, "run_python", run_python)
    monkeypatch.setattr(client, "probe", lambda gateway: run_python(gateway, []))
    files, summaries = gateway_evidence.collect([host.gateway])
    assert asked == [15.0]
    assert "hermes-gateway/gateway.log" in files and summaries[0]["version"] is None
    notes = summaries[0]["notes"]
    assert "hermes --version: python did not end within 15 s" in notes
    assert "hermes doctor: not run, because the first request was not answered" in notes
    for kind in planted.PLANTED:
        planted.assert_gone(kind, "".join(files.values()))


def test_texts_are_redacted_by_hermes_in_one_go(host):
    host.redact = lambda text: text
    gateway_evidence.collect([host.gateway])
    asked = [argv for argv, _user, _timeout in host.calls if redaction_pass.HERMES_REDACT in argv]
    assert len(asked) == 1


def test_an_unexpected_error_costs_only_its_collector(host, monkeypatch):
    def fails(*_args):
        raise OverflowError("a number of a user")

    for module, name in ((collectors.oom_info, "find"), (collectors.database, "activity")):
        monkeypatch.setattr(module, name, fails)
    monkeypatch.setattr(collectors, "verdict", fails)
    files, summaries = gateway_evidence.collect([host.gateway])
    notes = summaries[0]["notes"]
    assert "the OOM kills cannot be read: OverflowError: a number of a user" in notes
    assert "the verdict cannot be read: OverflowError: a number of a user" in notes
    assert "Ready to go" in files["hermes-gateway/gateway.log"]
    assert "OverflowError" in files["hermes-gateway/issue.md"]


def test_an_unexpected_error_costs_only_its_gateway(host, monkeypatch):
    other = SimpleNamespace(**dict(vars(host.gateway), name="other"))
    real = redaction_pass.redactor_for

    def fails(evidence):
        if evidence.gateway is other:
            raise RecursionError
        return real(evidence)

    monkeypatch.setattr(redaction_pass, "redactor_for", fails)
    files, summaries = gateway_evidence.collect([other, host.gateway])
    assert summaries[0] == {
        "name": "other",
        "notes": ["nothing could be collected: RecursionError"],
    }
    assert "hermes-gateway/issue.md" in files


def test_the_journal_is_searched_once_for_all_gateways(host, monkeypatch):
    """And nothing of one gateway is in the bundle of another."""
    other = SimpleNamespace(**dict(vars(host.gateway), name="other@eve"))
    asked = []

    def find(gateways, hours):
        asked.append([gateway.name for gateway in gateways])
        kills = [
            {
                "name": one,
                "time": 1.0,
                "pid": 7,
                "comm": "x",
                "rss_bytes": 1,
                "scope": None,
                "source": "kernel",
            }
            for one in ("other@eve", "other@eve", "hermes-gateway")
        ]
        notes = ["the journal about other@eve cannot be read: too long", "no kernel messages"]
        return {"kills": kills, "counters": {"other@eve": {}}, "lives": [], "notes": notes}

    monkeypatch.setattr(collectors.oom_info, "find", find)
    files, summaries = gateway_evidence.collect([host.gateway, other])
    assert asked == [["hermes-gateway", "other@eve"]]
    assert [one["oom_kills"] for one in summaries] == [1, 2]
    assert "too long" in str(summaries[1]["notes"]) and "too long" not in str(summaries[0]["notes"])
    assert all("no kernel messages" in one["notes"] for one in summaries)
    assert "other@eve" not in files["hermes-gateway/oom.json"]
