# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A systemd in memory whose gateways are real processes, and a Hermes that is a few lines long."""

from __future__ import annotations

import os
import pwd
import select
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import (
    arbiter,
    config,
    restart,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client, discovery
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import (
    accounts,
    command,
    guard_program,
    reach,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import program

ME = pwd.getpwuid(os.getuid())


@pytest.fixture(autouse=True)
def _nothing_is_known_to_be_silent(monkeypatch):
    monkeypatch.setattr(reach, "_silent", set())
    monkeypatch.setattr(reach, "_waits", {})


# Notes each path that it looks at, and never comes back from one of a pattern. %s: a file, a pattern.
LOOK = """
for path; do
    echo "$path" >> %s
    case $path in %s) exec sleep 60;; esac
    printf .
done
"""


@pytest.fixture
def dead(monkeypatch, tmp_path):
    """Makes the directories of a pattern never answer; returns what reads the paths looked at."""
    seen = tmp_path / "looked-at"
    seen.write_text("", encoding="utf-8")

    def make(pattern):
        monkeypatch.setattr(reach, "SECONDS", 0.5)
        monkeypatch.setattr(reach, "_LOOK", LOOK % (seen, pattern))
        return lambda: seen.read_text(encoding="utf-8").split()

    return make


# Says what it is asked to say of itself, and notes for every signal whether a drain marker lay there at that moment. A test starts
# up to four of them, and json, pathlib and signal, which has enum, take twice as long as all the rest of a start.
GATEWAY = """
import os, time, _signal
home = os.environ["HERMES_HOME"]
def there(name):
    return os.path.exists(home + "/" + name)
def text(path):
    with open(path) as file:
        return file.read()
mode = text(home + "/mode") if there("mode") else "up"
ticks = int(text("/proc/self/stat").rpartition(")")[2].split()[19])
def say(state, agents=0):
    said = '"pid": %d, "start_time": %d, "gateway_state": "%s", "active_agents": %d, "platforms": {}' % (os.getpid(), ticks, state, agents)
    if there("version"):
        import json
        said += ', "code_version": %s' % json.dumps(text(home + "/version"))
    with open(home + "/state.tmp", "w") as file:
        file.write("{%s}" % said)
    os.rename(home + "/state.tmp", home + "/gateway_state.json")
def ended(number, frame):
    name = "SIGUSR1" if number == _signal.SIGUSR1 else "SIGTERM"
    with open(home + "/signals", "a") as out:
        out.write("%s %s\\n" % (name, "marker" if there(".drain_request.json") else "clean"))
    os._exit(75 if number == _signal.SIGUSR1 else 1)
_signal.signal(_signal.SIGTERM, ended)
_signal.signal(_signal.SIGUSR1, _signal.SIG_IGN if mode == "deaf" else ended)
if mode == "family" and os.fork() == 0:
    memory = bytearray(64 << 20)
    while os.getppid() != 1 and not there("gone"):
        time.sleep(0.05)
    os._exit(0)
say("starting" if mode == "hang" else "running", 1 if mode == "busy" else 0)
open(home + "/born", "w").close()
draining = False
while True:
    marker = there(".drain_request.json")
    if mode != "busy" and marker != draining:
        draining = marker
        say("draining" if marker else "running")
    time.sleep(0.02)
"""
DRAIN = """
import json
def write_drain_request(principal, home):
    (home / ".drain_request.json").write_text(json.dumps({"principal": principal}))
"""


class FakeSystemd:
    """What ``systemctl`` says and does, for units in a dict of properties. ``calls`` are the verbs that change something, in order."""

    def __init__(self, python):
        self.python = python
        self.units = {}
        self.processes = {}
        self.homes = {}
        self.calls = []
        # The verbs that were asked for, those too that change nothing.
        self.asked = []
        # How often the unit was started that asks the Hermes of gateways: no gateway is touched.
        self.identity_asked = 0
        self.fails = set()
        # Timers that are active and have no next time.
        self.elapsed = set()
        self.dead = False
        self.during = None
        self.lock = threading.RLock()

    def add_gateway(self, home, unit="hermes-gateway.service", restart="always", start=True):
        """A unit as Hermes writes it; started, it is a real process."""
        Path(home).mkdir(parents=True, exist_ok=True)
        self.homes[unit] = str(home)
        self.units[unit] = {
            "Id": unit,
            "LoadState": "loaded",
            "ActiveState": "inactive",
            "SubState": "dead",
            "MainPID": "0",
            "InvocationID": "",
            "User": ME.pw_name,
            "ExecStart": "{ path=%s ; argv[]=%s -m hermes_cli.main gateway run ; ignore_errors=no ; start_time=[n/a] }"
            % (self.python, self.python),
            "Environment": "HERMES_HOME=%s" % home,
            "ControlGroup": "",
            "Restart": restart,
            "UnitFileState": "enabled",
            "NeedDaemonReload": "no",
        }
        if start:
            self.start(unit)

    def start(self, unit):
        """Start the gateway and wait until it runs."""
        home = Path(self.homes[unit])
        for name in ("born", "gateway_state.json"):
            if (home / name).exists():
                (home / name).unlink()
        process = subprocess.Popen(
            [self.python, "-m", "hermes_cli.main", "gateway", "run"],
            env={"HERMES_HOME": str(home), "PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
        )
        while not (home / "born").exists():
            assert process.poll() is None, "the stub of a gateway does not start"
            # Without a pause, this loop takes more of the processor than the start; a test may have replaced time.sleep.
            select.select([], [], [], 0.002)
        self.processes[unit] = process
        self.units[unit].update(
            ActiveState="active",
            SubState="running",
            MainPID=str(process.pid),
            InvocationID=uuid.uuid4().hex,
        )
        threading.Thread(target=self._reap, args=(unit, process), daemon=True).start()

    def _reap(self, unit, process):
        """As Restart= says, and not after an operator's stop."""
        code = process.wait()
        with self.lock:
            if self.processes.get(unit) is not process or self.dead:
                return
            properties = self.units[unit]
            if properties["Restart"] == "always":
                self.start(unit)
            else:
                properties.update(ActiveState="failed" if code else "inactive", MainPID="0")

    def stop(self, unit, state="inactive"):
        """An operator's stop."""
        with self.lock:
            process = self.processes.pop(unit)
            self.units[unit].update(ActiveState=state, MainPID="0", InvocationID="")
        process.terminate()
        process.wait()

    def pid(self, unit="hermes-gateway.service"):
        return int(self.units[unit]["MainPID"])

    def run(self, argv, user=None, env=None, stdin=None, timeout=30.0):
        """Takes the place of command.run for systemctl, and for nothing else."""
        if argv[0] != "systemctl":
            return REAL_RUN(argv, user, env, stdin, timeout)
        words = [
            word
            for word in argv[1:]
            if word
            not in ("--user", "--no-pager", "--no-block", "--", "--all", "--no-legend", "--now")
        ]
        verb, rest = words[0], words[1:]
        self.asked.append(verb)
        if rest[-1:] == [guard_program.IDENTITY_UNIT] and verb == "start":
            self.identity_asked += 1
            return command.Result(0, "", "")
        if verb not in ("show", "list-unit-files", "list-timers", "--version"):
            self.calls.append(
                " ".join([verb] + [word for word in rest if not word.startswith("--")])
            )
            if self.during:
                self.during(verb)
        if verb in self.fails:
            return command.Result(1, "", "Failed to %s: no luck" % verb)
        with self.lock:
            return command.Result(
                0, getattr(self, "_" + verb.replace("-", "_"), lambda rest: "")(rest) or "", ""
            )

    def _show(self, rest):
        names = rest[0].partition("=")[2].split(",")
        blocks = []
        for unit in [
            one
            for word in rest[1:]
            for one in (sorted(self.units) if word == "*.service" else [word])
        ]:
            properties = self.units.get(
                unit, {"Id": unit, "LoadState": "not-found", "ActiveState": "inactive"}
            )
            blocks.append(
                "".join(
                    "%s=%s\n" % (name, properties.get(name, ""))
                    for name in names
                    if name in properties
                )
            )
        return "\n".join(blocks)

    def _list_timers(self, rest):
        lines = []
        for unit in rest:
            if unit in self.elapsed:
                lines.append("n/a n/a n/a n/a %s %s\n" % (unit, unit.replace(".timer", ".service")))
            elif self.units.get(unit, {}).get("ActiveState") == "active":
                lines.append(
                    "Thu 2099-12-31 04:00:00 UTC 3h left n/a n/a %s %s\n"
                    % (unit, unit.replace(".timer", ".service"))
                )
        return "".join(lines)

    def _kill(self, rest):
        # Never 0, which would be our own process group.
        if self.pid(rest[-1]):
            os.kill(self.pid(rest[-1]), signal.SIGUSR1)

    def _try_restart(self, rest):
        if self.units[rest[-1]]["ActiveState"] in ("active", "activating"):
            self._restart(rest)

    def _restart(self, rest):
        self.elapsed.difference_update(rest)
        for unit in rest:
            if unit in self.homes:
                process = self.processes.pop(unit, None)
                if process:
                    process.terminate()
                    process.wait(20)
                self.start(unit)

    def _enable(self, rest):
        for unit in rest:
            self.units[unit] = {
                "Id": unit,
                "LoadState": "loaded",
                "ActiveState": "active",
                "UnitFileState": "enabled",
                "NeedDaemonReload": "no",
            }

    def _disable(self, rest):
        for unit in rest:
            self.units.pop(unit, None)

    def close(self):
        """End every process that was started."""
        with self.lock:
            self.dead = True
            for home in self.homes.values():
                Path(home, "gone").touch()
            for process in self.processes.values():
                process.kill()
                process.wait()


REAL_RUN = command.run


@pytest.fixture(autouse=True)
def _own_state(monkeypatch, tmp_path):
    """A state directory for each test, not the machine's, which the Pythons that run side by side would share."""
    for module in (config, guard_program):
        monkeypatch.setattr(module, "STATE", str(tmp_path / "state"))


@pytest.fixture(autouse=True)
def nobody_is_root(monkeypatch):
    """The tests may run as root, with Pythons in a directory that everyone may write."""
    monkeypatch.setattr(client, "ROOT", -1)


@pytest.fixture(scope="session")
def python(tmp_path_factory):
    """A virtual environment with the stub of a Hermes, written directly: that is faster than venv."""
    root = tmp_path_factory.mktemp("venv")
    base = os.path.realpath(sys.executable)
    packages = root / "lib" / ("python%d.%d" % sys.version_info[:2]) / "site-packages"
    for package, files in {
        "hermes_cli": {
            "__init__.py": "__version__ = '0.19.0'\n",
            "config.py": "DEFAULT_CONFIG = {}\n",
            "main.py": GATEWAY,
        },
        "gateway": {"__init__.py": "", "drain_control.py": DRAIN},
    }.items():
        (packages / package).mkdir(parents=True)
        for name, text in files.items():
            (packages / package / name).write_text(text)
    (root / "pyvenv.cfg").write_text(
        "home = %s\ninclude-system-site-packages = false\n" % os.path.dirname(base)
    )
    (root / "bin").mkdir()
    (root / "bin/python").symlink_to(base)
    return str(root / "bin/python")


@pytest.fixture(autouse=True)
def _accounts_anew():
    """What a test made of the host's accounts ends with it."""
    yield
    accounts.named.cache_clear()


@pytest.fixture(scope="session")
def built():
    """The program as it is installed. To compile it takes longer than any of the tests."""
    return program.installed(None)


@pytest.fixture
def systemd(tmp_path, monkeypatch, python):
    """FakeSystemd in place of systemctl, no users but us, folders of the guard under tmp_path, and an arbiter with little patience."""
    fake = FakeSystemd(python)
    monkeypatch.setattr(command, "run", fake.run)
    monkeypatch.setattr(accounts, "USER_RUNTIME", str(tmp_path / "none"))
    monkeypatch.setattr(discovery.pwd, "getpwall", lambda: [])
    # The machine that the tests run on may have some.
    monkeypatch.setattr(discovery, "in_containers", lambda candidates: [])
    monkeypatch.setattr(config, "FOLDER", str(tmp_path / "etc"))
    impatient = {
        "DELIVERY_SECONDS": 0.1,
        "LOOK_SECONDS": 0.1,
        "SETTLE_SECONDS": 1,
        "SETTLED_SHARE": 9,
        # As patient as on a host: a machine that is busy is slow. A test of what never comes has less.
        "DRAIN_SECONDS": 60,
        "EXIT_SECONDS": 60,
        "UP_SECONDS": 60,
    }
    for name, value in impatient.items():
        monkeypatch.setattr(restart, name, value)
    monkeypatch.setattr(arbiter, "LOCK_SECONDS", 0.1)
    yield fake
    fake.close()


@pytest.fixture
def settings(tmp_path):
    """The settings of one gateway; call it with what differs from the defaults."""

    def make(unit="hermes-gateway.service", home=None, **changed):
        section = {
            "unit": unit,
            "scope": "system",
            "user": ME.pw_name,
            "home": str(home or tmp_path / "home"),
            "wait_idle": "0s",
            "startup_grace": "0s",
        }
        section.update(changed)
        made = config.Settings(unit[: -len(".service")], section)
        os.makedirs(made.folder, exist_ok=True)
        return made

    return make
