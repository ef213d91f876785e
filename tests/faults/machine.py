# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lab host, as the fault tests use it."""

from __future__ import annotations

import json
import subprocess
import time

UNIT = "hermes-gateway.service"
NAME = "hermes-gateway"
RESTART = "hermes-gateway-restart.service"
WATCHDOG = "hermes-mem-watchdog.service"
HOME = "/home/hermes/.hermes"
STATE = "/var/lib/hermes-guard/" + NAME
PROGRAM = "/usr/local/bin/hermes-guard"
PLACE = "/opt/lab/faults/"
LOCAL = "/etc/hermes-guard/guard.conf.d/zz-local.conf"
FAULT = "/var/lib/hermes-guard/fault"
# A gateway that an operator has stopped. Nothing may ever start it.
RESTING = "resting"
# The default settings would make the tests wait. Here the gateway is never idle for a minute.
IMPATIENT = {"min_uptime": "1s", "startup_grace": "1s", "wait_idle": "1s"}
PATIENCE_SECONDS = 180

# The gateway of a profile, copied from the unit of the default one: installing each takes ten seconds.
PROFILE = """
set -e
home=%(home)s/profiles/%(profile)s
runuser -u hermes -- mkdir -p "$home"
runuser -u hermes -- cp %(home)s/config.yaml "$home/"
sed "s/API_SERVER_PORT=.*/API_SERVER_PORT=%(port)d/" %(home)s/.env | grep -v SIGNAL | runuser -u hermes -- tee "$home/.env" > /dev/null
sed -e 's/-m hermes_cli.main/& --profile %(profile)s/' -e "s|HERMES_HOME=%(home)s|&/profiles/%(profile)s|" \\
    -e "s|^WorkingDirectory=.*|WorkingDirectory=$home|" \\
    /etc/systemd/system/hermes-gateway.service > /etc/systemd/system/hermes-gateway-%(profile)s.service
"""


class Host:
    """A lab host; ``allowed`` is how many times its gateway may start in the test at hand."""

    def __init__(self, fleet, name):
        self.fleet = fleet
        self.name = name
        self.allowed = 1

    def run(self, *argv, **more):
        """Run a program as root; subprocess.CompletedProcess, and an error where it fails, unless ``check`` is False."""
        return self.fleet.inside(self.name, *argv, **more)

    def sh(self, script, **more):
        """The standard output of a script."""
        return self.run("sh", "-c", script, **more).stdout.strip()

    def start(self, *argv):
        """Start a program and do not wait for it."""
        argv = self.fleet.engine.argv + ["exec", self.fleet.container(self.name), *argv]
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )

    def put(self, path, text, mode="644"):
        """A file."""
        self.run("install", "-D", "-m", mode, "/dev/stdin", path, input=text)

    def configure(self, **changed):
        """The local settings of the guard: IMPATIENT and ``changed``."""
        lines = ["%s = %s" % item for item in dict(IMPATIENT, **changed).items()]
        self.put(
            LOCAL,
            "\n".join(
                ["[DEFAULT]"]
                + lines
                + ["[%s-%s]" % (NAME, RESTING), "threshold = 1M", "breaches = 1 of 1", ""]
            ),
        )

    def profile(self, name, port):
        """Create the unit and the home of a gateway with its own profile, without starting it."""
        self.sh(PROFILE % {"home": HOME, "profile": name, "port": port})

    def wait(self, what, true, seconds=PATIENCE_SECONDS):
        """Until ``true()`` is, whose value is returned; a failure of the test that says ``what`` was waited for."""
        deadline = time.monotonic() + seconds
        while True:
            value = true()
            if value:
                return value
            assert time.monotonic() < deadline, "%s: waited %d s in vain for %s" % (
                self.name,
                seconds,
                what,
            )
            time.sleep(0.3)

    def show(self, unit=UNIT):
        """The properties of a unit (dict)."""
        out = self.sh(
            "systemctl show -p ActiveState,SubState,Result,MainPID,InvocationID %s" % unit
        )
        return dict(line.split("=", 1) for line in out.splitlines())

    def life(self, unit=UNIT):
        """The InvocationID of a unit."""
        return self.show(unit)["InvocationID"]

    def up(self, home=HOME, unit=UNIT):
        """Whether the gateway runs and reports it, in the state file of its own process."""
        state = json.loads(
            self.run("cat", home + "/gateway_state.json", check=False).stdout or "{}"
        )
        shown = self.show(unit)
        return (
            shown["ActiveState"] == "active"
            and state.get("gateway_state") == "running"
            and str(state.get("pid")) == shown["MainPID"]
        )

    def starts(self, home=HOME):
        """How many times the gateway has started since the test began, by Hermes's own log."""
        return len(self.run("cat", home + "/gateway-starts.log", check=False).stdout.split())

    def ledger(self, *events, name=NAME):
        """The entries of the ledger since the test began (list of dict), only those of ``events`` where there are any."""
        lines = self.run(
            "cat", "/var/lib/hermes-guard/%s/ledger.jsonl" % name, check=False
        ).stdout.splitlines()
        entries = []
        for line in lines:
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue
        # Garbage is the fault of one of the tests.
        entries = [one for one in entries if isinstance(one, dict) and "reason" in one]
        return [one for one in entries if not events or one["event"] in events]

    def marker(self, home=HOME):
        """Whether the home has a drain marker."""
        return self.run("test", "-e", home + "/.drain_request.json", check=False).returncode == 0

    def fault(self, text):
        """Have the guard killed or held at a step: see host/hermes-guard.py."""
        self.put(FAULT, text)

    def held(self):
        """Wait until the guard is held."""
        self.wait(
            "the guard to come to its step",
            lambda: self.run("test", "-e", FAULT + ".held", check=False).returncode == 0,
        )

    def release(self):
        """Let the guard go on."""
        self.run("rm", FAULT + ".held")

    def finished(self, unit=RESTART):
        """Wait until a oneshot unit has ended, with its ExecStopPost; returns its properties."""
        return self.wait(
            "the end of " + unit,
            lambda: (
                self.show(unit)
                if self.show(unit)["ActiveState"] in ("inactive", "failed")
                else None
            ),
            600,
        )

    def operator(self, *more):
        """An operator's restart; its entry in the ledger."""
        done = self.run(
            "hermes-guard",
            "restart",
            "--gateway",
            NAME,
            "--reason",
            "operator",
            "--json",
            *more,
            check=False,
        )
        return json.loads(done.stdout)
