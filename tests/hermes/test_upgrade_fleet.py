# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""upgrade.yml takes three hosts to a new Hermes: it is killed on the first host, and the gateway of the second does not come up.

The operator's own command unpacks the new release into a new environment and has the unit start that one.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import engine
import hosts
import images
import paths
import pytest
from fleet import Fleet, no_scheduled_restart
from gateway import PLACE, Host

HERE = Path(__file__).resolve().parent
LOAD = HERE.parents[1] / "tests/lab/load"
FIRST, SECOND, THIRD = NAMES = ("alpha", "delta", "epsilon")
BEFORE, AFTER = "0.19.0", "0.22.2"
# A host whose image has the new release.
BUILT = "zeta"
ARCHIVE = "/opt/lab/hermes-%s.tar" % AFTER
COMMAND = "/opt/lab/upgrade-hermes"
# What the command leaves when it has come to its end.
RAN = "/opt/lab/upgrade-ran"
OLD_PYTHON, NEW_PYTHON = "/opt/hermes/venv/bin/python", "/opt/hermes/venv-%s/bin/python" % AFTER
# It can run twice: what is installed already stays as it is.
UPGRADE = r"""#!/bin/sh
set -e
new=/opt/hermes/venv-%(after)s
size=$(stat -c %%s %(archive)s)
if [ "$(cat $new/.size 2>/dev/null)" != "$size" ]; then
    rm -rf $new
    mkdir -p $new
    tar -xf %(archive)s -C $new --strip-components=1
    echo "$size" > $new/.size
fi
ln -sfn $new/bin/hermes /usr/local/bin/hermes
sed -i 's,/opt/hermes/venv\([/":]\),'$new'\1,g' /etc/systemd/system/hermes-gateway.service
systemctl daemon-reload
touch %(ran)s
""" % {"after": AFTER, "archive": ARCHIVE, "ran": RAN}
# A package that Hermes needs to start. The archive of the second host lacks it.
MISSING = "venv/lib/python3.11/site-packages/httpx"
VARIABLES = {
    "hermes_upgrade_user": "root",
    "hermes_upgrade_command": COMMAND,
    "hermes_upgrade_pause": "1",
    "hermes_watchdog_interval": "6h",
}
ARGUMENTS = [word for item in VARIABLES.items() for word in ("-e", "%s=%s" % item)]
# Without a network the first turn of a gateway would wait for pip to give up.
SEALED = "printf 'security:\\n  allow_lazy_installs: false\\n' >> /home/hermes/.hermes/config.yaml"
ASK = """python3 - <<'END'
import json, urllib.request
asked = {"model": "hermes-agent", "messages": [{"role": "user", "content": "%s"}]}
request = urllib.request.Request("http://127.0.0.1:8642/v1/chat/completions", json.dumps(asked).encode())
request.add_header("Authorization", "Bearer 0123456789abcdef0123456789abcdef0123456789abcdef")
request.add_header("Content-Type", "application/json")
print(urllib.request.urlopen(request, timeout=120).read().decode())
END"""


@pytest.fixture(scope="module")
def fleet(options):
    """A lab of its own: the other tests upgrade one of these hosts too."""
    if not {BEFORE, AFTER} <= set(options.versions.split()):
        pytest.skip("needs %s and %s" % (BEFORE, AFTER))
    engine.install(["ssh", "ssh-keygen"])
    prefix = options.prefix + "-upgrade"
    found = Fleet(engine.find(), prefix, None, variables=no_scheduled_restart())
    with paths.locked("prefix-" + found.prefix):
        found.up(list(NAMES))
        yield found
        if not options.keep:
            found.down(found.members())


@pytest.fixture(scope="module")
def whole(fleet, tmp_path_factory):
    """The environment of the new release, as an operator builds it once for all hosts."""
    images.ensure(fleet.engine, [hosts.HOSTS[BUILT]])
    return archive(fleet, tmp_path_factory.mktemp("release") / "whole.tar")


@pytest.fixture(scope="module")
def gateways(fleet, whole):
    """The protected gateways of the three hosts by the host's name, all that the operator's command needs, and a model for the first."""
    found = {name: Host(fleet, hosts.HOSTS[name]) for name in NAMES}
    part = archive(fleet, whole.with_name("part.tar"), "--exclude=" + MISSING)
    assert part.stat().st_size < whole.stat().st_size
    for name, host in found.items():
        put_archive(host, part if name == SECOND else whole)
        host.put(COMMAND, UPGRADE, "755")
    done = play(fleet, "site", "-e", "hermes_watchdog_interval=6h")
    assert done.returncode == 0, done.stdout
    first = found[FIRST]
    first.ssh(SEALED)
    for source in (LOAD / "accounting.py", LOAD / "stubs.py", HERE / "host/chat.py"):
        first.put(PLACE + source.name, source.read_text(encoding="utf-8"))
    with subprocess.Popen(
        [
            *fleet.engine.argv,
            *("exec", "-i", fleet.container(FIRST), OLD_PYTHON, "-B", PLACE + "chat.py", "18080"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    ) as model:
        assert model.stdout.readline() == "{}\n"
        yield {name: host.gateways[0] for name, host in found.items()}
        model.kill()


def test_upgrade_of_a_fleet(fleet, gateways, whole):
    """It goes on where it was killed, stops where a gateway does not come up, and comes to its end once that is mended."""
    first, second, third = gateways.values()
    lives = {
        name: one.ctl("show -p InvocationID --value " + one.unit) for name, one in gateways.items()
    }

    def life(one):
        return one.ctl("show -p InvocationID --value " + one.unit)

    def restarts(one):
        return [entry["event"] for entry in one.ledger("restart", "failed")]

    # A machine with the controller on it that loses its power: the command of the first host has run, nothing behind it.
    killed(fleet, first)
    assert first.host.ssh("test -x %s" % NEW_PYTHON).returncode == 0
    untouched = [(life(one), restarts(one)) for one in (second, third)]
    assert untouched == [(lives[SECOND], []), (lives[THIRD], [])]

    done = play(fleet, "upgrade", *ARGUMENTS)
    assert done.returncode != 0, done.stdout
    assert sorted(recap(done.stdout)) == [FIRST, SECOND], done.stdout
    # The first: the new release, restarted once, and it answers.
    assert "%s: hermes-gateway of hermes: Hermes %s to %s" % (FIRST, BEFORE, AFTER) in done.stdout
    assert restarts(first) == ["restart"] and runs(first) == NEW_PYTHON
    answer = first.sh(ASK % "msg-1: are you there?")
    assert '"choices"' in answer and "error" not in answer, answer
    # The second: what fails, and how to go back.
    # ansible-core prints the message of a failed task twice, as an error and as its result.
    stop = [line for line in done.stdout.splitlines() if "the upgrade stops here" in line][-1]
    for words in (
        "hermes-gateway",
        "is down",
        BEFORE,
        "install that version again",
        "docs/upgrade.md",
    ):
        assert words in stop, stop
    assert "ModuleNotFoundError" in second.sh("journalctl -u %s -n 200" % second.unit)
    # The third: not touched at all, and no site.yml has run.
    assert (life(third), restarts(third), runs(third)) == (lives[THIRD], [], OLD_PYTHON)
    assert third.host.ssh("test -e %s" % NEW_PYTHON, check=False).returncode != 0
    assert python_of_guard(first) == OLD_PYTHON

    # A run before it is mended says so, and changes nothing.
    kept = life(first)
    done = play(fleet, "upgrade", *ARGUMENTS)
    assert done.returncode != 0 and "is down" in done.stdout, done.stdout
    assert (life(first), life(third)) == (kept, lives[THIRD])

    # The operator's repair.
    put_archive(second.host, whole)
    second.sh(
        "%s; systemctl reset-failed %s; systemctl restart %s" % ((COMMAND,) + (second.unit,) * 2)
    )
    wait_up(second)
    mended = life(second)

    done = play(fleet, "upgrade", *ARGUMENTS)
    assert done.returncode == 0, done.stdout
    assert (life(first), life(second)) == (kept, mended), "restarted once more"
    assert restarts(first) == restarts(third) == ["restart"]
    assert {runs(one) for one in gateways.values()} == {NEW_PYTHON}
    # site.yml has run at the end.
    assert {python_of_guard(one) for one in gateways.values()} == {NEW_PYTHON}
    assert "verify_fix" in done.stdout

    last = [life(one) for one in gateways.values()]
    done = play(fleet, "upgrade", *ARGUMENTS)
    assert done.returncode == 0, done.stdout
    assert last == [life(one) for one in gateways.values()]
    assert all("changed=0" in counts for counts in recap(done.stdout).values()), done.stdout
    for one in gateways.values():
        assert one.host.ssh("hermes-guard doctor", check=False).returncode == 0


def archive(fleet, path, *options):
    """An archive of the environment in the image of a host that has the new release; its path."""
    argv = ["tar", "-C", "/opt/hermes", *options, "-cf", "-", "venv"]
    image = images.tag(hosts.HOSTS[BUILT])
    with open(path, "wb") as out:
        words = [*fleet.engine.argv, "run", "--rm", *fleet.engine.run_flags, image, *argv]
        subprocess.run(words, stdin=subprocess.DEVNULL, stdout=out, check=True)
    return path


def put_archive(host, path):
    """Copy an archive to a host."""
    host.fleet.engine("cp", str(path), "%s:%s" % (host.fleet.container(host.name), ARCHIVE))


def play(fleet, name, *arguments):
    """Run a playbook of the collection on the three hosts; subprocess.CompletedProcess."""
    return fleet.playbook(name, "--limit", ",".join(NAMES), *arguments)


def killed(fleet, gateway):
    """Run the upgrade, and kill it, with all its processes, once the command has run on the host of ``gateway``."""
    argv = ["ansible-playbook", "hermes_ops.gateway.upgrade", "-i", fleet.file("inventory.yml")]
    with subprocess.Popen(
        [*argv, "--limit", ",".join(NAMES), *ARGUMENTS],
        cwd=paths.CHECKOUT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        gateway.sh("timeout 600 sh -c 'until test -e %s; do sleep 0.2; done'" % RAN, timeout=630)
        assert process.poll() is None, "it ended by itself"
        os.killpg(process.pid, signal.SIGKILL)


def recap(output):
    """What the recap of a run says of each host (dict of str)."""
    lines = output.rpartition("PLAY RECAP")[2].splitlines()
    found = [line.split(":", 1) for line in lines if " : " in line]
    return {name.strip(): counts for name, counts in found}


def runs(gateway):
    """The Python that a gateway's process runs."""
    pid = gateway.ctl("show -p MainPID --value " + gateway.unit)
    return gateway.sh("tr '\\0' '\\n' < /proc/%s/cmdline | head -n 1" % pid)


def python_of_guard(gateway):
    """The Python that the guard knows of a gateway."""
    return gateway.sh("sed -n 's/^python = //p' /etc/hermes-guard/guard.conf")


def wait_up(gateway, seconds=150):
    """Wait until a gateway runs and says so."""
    gateway.sh(
        'for _ in $(seq %d); do hermes-guard status --json | grep -q \'"state": "running"\' && exit 0; sleep 1; done; exit 1'
        % seconds
    )
