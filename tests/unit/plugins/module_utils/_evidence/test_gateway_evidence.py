# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The bundle for a bug report: what goes into it, from homes that are hostile, and what must not."""

from __future__ import annotations

import importlib.util
import json
import os
import pwd
import sqlite3
import stat
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._evidence import (
    archive as archive_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._evidence import (
    chart,
    gateway_evidence,
    issue,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import config, history
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client, discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    RunError,
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


# --------------------------------------------------------------------------------- reading the log


def test_tail_of_a_file(tmp_path):
    path = write(tmp_path / "log", "".join("line %d\n" % number for number in range(1000)))
    text, why = archive_module.tail(str(path), ME.pw_uid, 200)
    assert (
        why is None
        and text.startswith("line 800\n")
        and text.endswith("line 999\n")
        and text.count("\n") == 200
    )


def test_tail_without_an_end_and_of_nothing(tmp_path):
    assert archive_module.tail(str(write(tmp_path / "a", "one\ntwo")), ME.pw_uid, 200) == (
        "one\ntwo\n",
        None,
    )
    assert archive_module.tail(str(write(tmp_path / "b", "")), ME.pw_uid, 200) == ("", None)


def test_tail_of_five_gigabytes_reads_the_end(tmp_path, monkeypatch):
    path = tmp_path / "log"
    with open(str(path), "wb") as out:
        out.truncate(5 << 30)
        out.seek(0, os.SEEK_END)
        out.write(b"\nlast line\n")
    asked, pread = [], os.pread
    monkeypatch.setattr(
        os, "pread", lambda fd, size, offset: asked.append(size) or pread(fd, size, offset)
    )
    assert archive_module.tail(str(path), ME.pw_uid, 1) == ("last line\n", None)
    assert asked == [archive_module.TAIL_BYTES]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda path: path.symlink_to("/etc/shadow"), "symbolic link"),
        (lambda path: os.mkfifo(str(path)), "not a regular file"),
        (lambda path: path.mkdir(), "not a regular file"),
        (lambda path: None, "No such file"),
    ],
)
def test_tail_refuses(tmp_path, make, why):
    make(tmp_path / "log")
    text, said = archive_module.tail(str(tmp_path / "log"), ME.pw_uid, 200)
    assert text is None and why in said and str(tmp_path / "log") in said


def test_tail_refuses_what_another_owns(tmp_path):
    path = write(tmp_path / "log", "x\n")
    assert archive_module.tail(str(path), ME.pw_uid + 1, 200)[0] is None


# --------------------------------------------------------------------------------------- the file


def test_bundle_is_for_its_owner_alone(tmp_path):
    folder = str(tmp_path / "new" / "folder")
    archive_module.prepare(folder)
    path = os.path.join(folder, "x.tar.gz")
    archive_module.write(path, {"b/ü.txt": "ü\n", "a.txt": ""})
    assert (
        stat.S_IMODE(os.stat(folder).st_mode) == 0o700
        and stat.S_IMODE(os.stat(path).st_mode) == 0o600
    )
    with tarfile.open(path) as archive:
        assert (
            archive.getnames() == ["a.txt", "b/ü.txt"]
            and archive.extractfile("b/ü.txt").read() == "ü\n".encode()
        )
    assert os.listdir(folder) == ["x.tar.gz"]


def test_a_folder_that_others_can_write_to_is_refused(tmp_path):
    tmp_path.chmod(0o777)
    with pytest.raises(GuardError, match="dest: .* mode 0777; allowed"):
        archive_module.prepare(str(tmp_path))
    (tmp_path / "link").symlink_to("/etc")
    with pytest.raises(GuardError, match="not a folder"):
        archive_module.prepare(str(tmp_path / "link"))
    with pytest.raises(GuardError, match="cannot be made"):
        archive_module.prepare(str(write(tmp_path / "file", "")))


# ------------------------------------------------------------------------------------- the whole


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A gateway whose log, unit, command line, programs and configuration hold every secret; ``calls`` is what was run."""
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
            "2026-11-22 13:54:07,000 INFO gateway.run: inbound message: platform=x user=Ada Lovelace chat=123456789 msg=%r reply_to_id=None"
            % text
        ]
    write(home / "logs/gateway.log", "\n".join(lines) + "\n")
    base = sqlite3.connect(str(home / "state.db"))
    base.execute("CREATE TABLE messages (session_id TEXT, role TEXT, content TEXT, timestamp REAL)")
    base.execute("INSERT INTO messages VALUES ('a', 'user', 'secret', ?)", (time.time(),))
    base.commit()
    base.close()
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
        if gateway_evidence._HERMES_REDACT in argv:
            if made.redact is None:
                raise RunError("%s did not end within 20 s" % " ".join(argv))
            return command.Result(0, made.redact(stdin), "")
        return real(argv, user, env, stdin, timeout)

    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr(config, "STATE", str(tmp_path / "state"))
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
    # Where the rule sets did their work and where something was not to be had, it is said.
    assert any("Hermes's own redaction was not to be had" in note for note in one["notes"]) and any(
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
    assert all(user is host.gateway.account and timeout <= 90 for _argv, user, timeout in hermes)
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


def test_a_gateway_that_does_not_run(host):
    host.gateway.pid = host.gateway.uptime_seconds = host.gateway.start_time = (
        host.gateway.invocation_id
    ) = None
    files, summaries = gateway_evidence.collect([host.gateway])
    assert (
        summaries[0]["state"] == "stopped"
        and summaries[0]["memory"] == {}
        and "hermes-gateway/processes.txt" not in files
    )
    assert "does not run" in files["hermes-gateway/issue.md"]


def test_hermes_takes_out_what_only_it_knows(host):
    write(
        host.home / "logs/gateway.log",
        "2026-11-22 13:54:05,556 INFO gateway.run: uses brandnewkey\n",
    )
    host.redact = lambda text: text.replace("brandnewkey", "***")
    assert "uses ***" in gateway_evidence.collect([host.gateway])[0]["hermes-gateway/gateway.log"]


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


# ------------------------------------------------------------------------------- graph and text


def rows(count, invocation="a"):
    return [
        {
            "timestamp": 1000.0 + 300 * place,
            "rss_bytes": (100 + place % 7) << 20,
            "invocation_id": invocation,
        }
        for place in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 2, 299, 300, 301, 5000, 8641])
def test_thinning_keeps_the_ends_and_the_peaks(count):
    series = rows(count)
    if count > 2:
        series[count // 2]["rss_bytes"] = 9000 << 20
    kept = chart.thin(series)
    assert len(kept) <= 300 and [row["timestamp"] for row in kept] == sorted(
        row["timestamp"] for row in kept
    )
    if count:
        assert (
            kept[0] is series[0]
            and kept[-1] is series[-1]
            and max(row["rss_bytes"] for row in kept) == max(row["rss_bytes"] for row in series)
        )


@pytest.mark.parametrize(
    "series",
    [
        [],
        rows(1),
        rows(2),
        rows(4000),
        rows(5) + rows(5, "b"),
        [dict(rows(1)[0], rss_bytes=None)],
        [dict(rows(1)[0], rss_bytes=0)],
    ],
)
def test_graph_is_well_formed(series):
    drawn = chart.svg('<a & "b">', series, limit_bytes=200 << 20, kills=[1100.0, 5.0])
    root = ElementTree.fromstring(drawn)
    assert '<a & "b">' in root.get("aria-label") and root.get("role") == "img"
    for line in root.iter("{http://www.w3.org/2000/svg}polyline"):
        for point in line.get("points").split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= chart.WIDTH and 0 <= y <= chart.HEIGHT
    # Not a line in the script of another: no network, no script.
    assert "script" not in drawn and drawn.count("http") == 1


def test_a_line_for_each_life_and_kills_and_limit():
    drawn = chart.svg(
        "x",
        rows(50) + [dict(row, timestamp=row["timestamp"] + 20000) for row in rows(50, "b")],
        limit_bytes=150 << 20,
        kills=[2000.0],
    )
    assert (
        drawn.count("<polyline") == 2
        and drawn.count("OOM kill</title>") == 1
        and ">limit</text>" in drawn
    )
    assert ">limit</text>" not in chart.svg("x", rows(50), limit_bytes=64 << 30)


def test_a_log_cannot_end_its_block():
    assert "```" not in issue._fenced("a\n```\n## other") and issue._cell("a|b\nc") == "a\\|b c"
