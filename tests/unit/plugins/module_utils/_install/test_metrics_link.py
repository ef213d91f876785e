# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The component metrics: a link that is made, moved and removed, and nothing else is touched."""

from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    config,
    doctor,
    page_link,
    page_now,
    supervised,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import command, proc
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    guard as guard_module,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import (
    guard_component,
    manifest,
    metrics_link,
    transaction,
)

from .conftest import component

OPTION = "hermes_metrics_directory"


@pytest.fixture
def folder(host, guard, monkeypatch):
    """The directory of an exporter on a host that has the guard."""
    # The directory of the tests is below one that everyone may write.
    monkeypatch.setattr(metrics_link, "_other_owner", lambda path: None)
    guard_module.apply(guard())
    monkeypatch.setattr(command, "run", _in_process(command.run))
    path = host / "exporter"
    path.mkdir()
    return path


def _in_process(run):
    """``run`` but for `hermes-guard metrics`, which would read the files of this machine."""

    def one(argv, *more, **named):
        if list(argv) != [config.PROGRAM, "metrics"]:
            return run(argv, *more, **named)
        every = config.load_tolerantly(config.FOLDER)[0]
        return command.Result(0, page_now.text(list(every.values()))[0], "")

    return one


def metrics(folder, **changed):
    return component("metrics", [], options={OPTION: str(folder)}, **changed)


def apply(folder, check_mode=False, **changed):
    return guard_component.apply(metrics(folder, **changed), check_mode)


def link(folder):
    return str(folder / "hermes-guard.prom")


def test_link_is_made_once_and_leads_to_a_page(folder):
    preview = apply(folder, check_mode=True)
    assert os.listdir(folder) == []
    result = apply(folder)
    assert result["changed"] and preview["changed"]
    assert (
        preview["diff"]
        == result["diff"]
        == [
            {
                "before_header": link(folder),
                "after_header": link(folder) + " (symbolic link)",
                "before": "",
                "after": "-> %s\n" % page_link.page(),
            }
        ]
    )
    assert os.readlink(link(folder)) == page_link.page()
    with open(link(folder), encoding="utf-8") as handle:
        assert 'hermes_gateway_up{gateway="hermes-gateway"} 1\n' in handle.read()
    assert os.listdir(folder) == ["hermes-guard.prom"]
    again = apply(folder)
    assert (again["changed"], again["diff"]) == (False, [])


def test_program_that_prints_no_page(folder, monkeypatch):
    """The run fails and says why: a dangling link would be node_exporter's error."""
    run = command.run

    def none(argv, *more, **named):
        if list(argv) == [config.PROGRAM, "metrics"]:
            return command.Result(1, "", "hermes-guard: systemctl show failed")
        return run(argv, *more, **named)

    monkeypatch.setattr(command, "run", none)
    with pytest.raises(GuardError, match="page cannot be written: hermes-guard: systemctl show"):
        apply(folder)
    assert not os.path.exists(page_link.page())


def test_page_of_a_check_is_kept(folder, settings):
    supervised.check([settings()])
    before = os.stat(page_link.page()).st_mtime_ns
    apply(folder)
    assert os.stat(page_link.page()).st_mtime_ns == before


def test_absent_removes_the_link_and_leaves_the_page(folder):
    apply(folder)
    preview = apply(folder, check_mode=True, state="absent")
    assert preview["changed"] and os.path.islink(link(folder))
    assert preview["diff"][0]["before"] == "-> %s\n" % page_link.page()
    assert apply(folder, state="absent")["changed"]
    assert os.listdir(folder) == [] and os.path.exists(page_link.page())
    assert not apply(folder, state="absent")["changed"]


@pytest.fixture
def turned(folder, host):
    """Has the account of the exporter put a link to another directory in the place of its own; returns that."""
    elsewhere = host / "elsewhere"
    elsewhere.mkdir()
    # As /var/lib/prometheus on Debian, for which the tests need another account.
    host.chmod(0o775)

    def turn():
        folder.rename(host / "before")
        folder.symlink_to(elsewhere)
        return elsewhere

    return turn


def test_nothing_is_removed_by_the_way_of_a_users_link(folder, turned):
    apply(folder)
    elsewhere = turned()
    os.symlink(page_link.page(), elsewhere / "hermes-guard.prom")
    apply(folder, state="absent")
    assert os.path.islink(elsewhere / "hermes-guard.prom")


def test_nothing_is_removed_if_the_way_is_turned_meanwhile(folder, turned, monkeypatch):
    apply(folder)
    real = manifest.save

    def save(*given):
        if not os.path.islink(folder):
            (turned() / "hermes-guard.prom").write_text("of someone else")
        real(*given)

    monkeypatch.setattr(manifest, "save", save)
    with pytest.raises(GuardError, match="symbolic link"):
        apply(folder, state="absent")
    assert (folder.resolve() / "hermes-guard.prom").read_text() == "of someone else"


def test_what_the_account_of_the_exporter_calls_like_a_file_of_ours_stays(folder):
    apply(folder)
    (folder / ".hermes-guard.prom.7.tmp").mkdir()
    os.symlink(page_link.page(), folder / ".hermes-guard.prom.8.tmp")
    assert apply(folder, state="absent")["changed"]
    assert os.listdir(folder) == [".hermes-guard.prom.7.tmp"]


def test_doctor_follows_no_link_of_a_user(folder, turned):
    elsewhere = turned()
    os.symlink(page_link.page(), elsewhere / "hermes-guard.prom")
    assert not page_link.is_ours(link(folder))


def test_another_directory(folder, host):
    apply(folder)
    other = host / "other"
    other.mkdir()
    apply(other)
    assert (os.listdir(folder), os.listdir(other)) == ([], ["hermes-guard.prom"])


def test_removal_of_the_guard_removes_the_link(folder, guard):
    apply(folder)
    guard_module.apply(guard(state="absent", files=[]))
    assert os.listdir(folder) == [] and not os.path.exists(page_link.page())


def test_removal_after_the_manifest_was_lost(folder, guard, monkeypatch):
    apply(folder)
    monkeypatch.setattr(page_link, "USUAL", (str(folder),))
    os.unlink(manifest.path("metrics"))
    guard_module.apply(guard(state="absent", files=[]))
    assert os.listdir(folder) == []


def test_gateway_that_is_gone_takes_the_link_with_it(folder, systemd, monkeypatch):
    apply(folder)
    systemd.stop("hermes-gateway.service")
    del systemd.units["hermes-gateway.service"]
    assert "skipped_because" in apply(folder)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("what", ["file", "link", "dangling", "directory"])
def test_what_someone_else_has_there_is_refused_and_stays(folder, what):
    path = link(folder)
    if what == "file":
        (folder / "hermes-guard.prom").write_text("hermes_guard_info 1\n")
    elif what == "directory":
        os.mkdir(path)
    else:
        os.symlink("/etc/hostname" if what == "link" else "/nonexistent", path)
    before = os.lstat(path)
    with pytest.raises(GuardError, match="exists and is not a symbolic link to"):
        apply(folder)
    assert os.path.samestat(before, os.lstat(path))
    # Also if ours was there before.
    manifest.save("metrics", manifest.Manifest([path], [], []))
    if what != "directory":
        notes = apply(folder, state="absent")["notes"]
        assert len(notes) == 1 and notes[0].endswith("is kept")
        assert os.path.lexists(path)


def test_link_that_an_operator_made_is_taken_over(folder):
    os.symlink(page_link.page(), link(folder))
    assert apply(folder)["changed"] and not apply(folder)["changed"]
    apply(folder, state="absent")
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("node-exporter", "is not an absolute path"),
        ("", "required by"),
        (None, "required by"),
        (["/a"], "is not an absolute path"),
        ("/a\n/b", "is not an absolute path"),
        ("/var/lib/../x", "invalid directory"),
        ("/nonexistent/exporter", "does not exist"),
        ("/etc/hostname", "is not a directory"),
        ("/tmp", "/tmp is world-writable"),
    ],
)
def test_directory_that_cannot_be(host, guard, value, why):
    guard_module.apply(guard())
    parameters = dict(component("metrics", []), options={OPTION: value})
    with pytest.raises(GuardError) as caught:
        guard_component.apply(parameters)
    text = str(caught.value)
    assert text.startswith(OPTION + ": ") and why in text
    assert "expected the absolute path of node_exporter's --collector.textfile.directory" in text
    if value:
        assert repr(value) in text


def test_directory_below_one_that_a_user_can_write(host, guard, tmp_path):
    guard_module.apply(guard())
    folder = host / "exporter"
    folder.mkdir()
    with pytest.raises(GuardError, match=OPTION):
        apply(folder)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    ("uid", "mode", "why"),
    [
        (0, 0o755, None),
        # As Debian's /var/lib/prometheus.
        (105, 0o755, None),
        (105, 0o775, None),
        (1000, 0o755, "/srv belongs to uid 1000"),
        (0, 0o757, "/srv is world-writable"),
        (0, 0o1777, "/srv is world-writable"),
    ],
)
def test_who_may_own_a_directory_above_it(monkeypatch, uid, mode, why):
    def lstat(path):
        found = (stat.S_IFDIR | 0o755, 0) if path != "/srv" else (stat.S_IFDIR | mode, uid)
        return os.stat_result((found[0], 0, 0, 1, found[1], 0, 0, 0, 0, 0))

    monkeypatch.setattr(metrics_link.os, "lstat", lstat)
    problem = metrics_link._other_owner("/srv/exporter")
    assert problem == (why and "cannot be used: " + why)


def test_directory_behind_a_symbolic_link(folder, host):
    (host / "way").symlink_to(folder)
    with pytest.raises(GuardError, match="path contains a symbolic link"):
        apply(host / "way")


def test_guard_refuses_a_wrong_directory_before_anything_is_changed(host, guard):
    with pytest.raises(GuardError, match="is not an absolute path"):
        guard_module.apply(guard(options={OPTION: "here"}))
    assert not (host / "etc/guard.conf").exists()


def test_check_mode_on_a_bare_host(host):
    """The exporter and the guard may be installed by the same play."""
    missing = host / "later/exporter"
    result = guard_component.apply(metrics(missing), True)
    assert result["changed"] and result["diff"][0]["after"] == "-> %s\n" % page_link.page()
    assert len(result["notes"]) == 1 and "does not exist" in result["notes"][0]
    assert not missing.exists()


def test_what_is_missing_is_said(folder, systemd, host, monkeypatch):
    monkeypatch.setattr(proc, "pids", lambda: [])
    notes = apply(folder)["notes"]
    assert [one.partition(" ")[0] for one in notes] == ["no", "nothing"]
    assert str(folder) in notes[0] and "hermes_watchdog" in notes[1]
    (host / "units/system").mkdir()
    (host / "units/system/hermes-mem-watchdog.timer").write_text("# hermes_ops.gateway\n")
    assert len(apply(folder)["notes"]) == 1


@pytest.mark.parametrize(
    ("comm", "argv", "reads"),
    [
        ("node_exporter", ["/usr/bin/node_exporter", "--collector.textfile.directory=@"], True),
        ("node_exporter", ["/usr/bin/node_exporter", "--collector.textfile.directory", "@"], True),
        ("prometheus-node", ["/x/node_exporter", "--collector.textfile.directory=@/"], True),
        ("node_exporter", ["/usr/bin/node_exporter", "--collector.textfile.directory=/a"], False),
        ("node_exporter", ["/usr/bin/node_exporter"], False),
        ("prometheus-node", ["/usr/bin/prometheus-node-exporter"], None),
        ("sleep", ["sleep", "--collector.textfile.directory=@"], False),
        ("node_exporter", [], False),
    ],
)
def test_which_exporter_reads_the_directory(folder, monkeypatch, comm, argv, reads):
    real = proc.read
    monkeypatch.setattr(proc, "pids", lambda: [4711])
    monkeypatch.setattr(
        proc,
        "read",
        lambda path, limit=1 << 20: comm + "\n" if path == "/proc/4711/comm" else real(path, limit),
    )
    words = [word.replace("@", str(folder)) for word in argv]
    monkeypatch.setattr(proc, "argv", lambda pid: words)
    assert bool(metrics_link._without_reader(str(folder))) is not bool(reads)
    if reads is None:
        # Debian's own has a directory of its own if it is told none.
        assert not metrics_link._without_reader("/var/lib/prometheus/node-exporter")


def test_step_that_fails_leaves_no_link(folder, monkeypatch):
    def fail(_managers):
        raise GuardError("no luck")

    monkeypatch.setattr(transaction.unit_files, "reload", fail)
    with pytest.raises(GuardError, match="all changes were rolled back"):
        apply(folder)
    assert os.listdir(folder) == []


def test_doctor_sees_a_link_to_nothing(folder, settings, systemd):
    apply(folder)
    one = settings()
    assert not [line for line in doctor.problems([one]) if "hermes-guard.prom" in line]
    os.unlink(page_link.page())
    found = [line for line in doctor.problems([one]) if "hermes-guard.prom" in line]
    assert found == [
        "%s points to %s, which does not exist: run hermes-guard check, or remove the symlink"
        % (link(folder), page_link.page())
    ]


@pytest.mark.parametrize(("seconds", "late"), [(0, False), (950, False), (970, True)])
def test_doctor_sees_an_old_page(folder, settings, systemd, seconds, late):
    systemd._enable(["hermes-mem-watchdog.timer"])
    one = settings(threshold="100%")
    apply(folder)
    old = os.stat(page_link.page()).st_mtime - seconds
    os.utime(page_link.page(), (old, old))
    found = [line for line in doctor.problems([one]) if "the metrics page" in line]
    assert bool(found) is late
    if late:
        assert "is 16 min old, more than three intervals" in found[0]


def test_page_is_readable_by_the_exporter(folder):
    apply(folder)
    assert stat.S_IMODE(os.stat(page_link.page()).st_mode) == 0o644
