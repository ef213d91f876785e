# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a real gateway that grows on request, a client that writes to it, and a real exporter."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import servers
from fleet import Fleet
from machine import HOME, IMPATIENT, LOCAL, NAME, PLACE, Host

HOST = "alpha"
EXPORTER = "prometheus-node-exporter"
TEXTFILES = "/var/lib/prometheus/node-exporter"
PAGE = "/var/lib/hermes-guard/hermes-guard.prom"
# The gateway of the lab needs 100 to 200 MB.
GROWTH_MB_PER_SECOND = 5
CHECK_SECONDS = 2
# systemd may start a timer late; here every second counts.
TIMER = "[Timer]\nAccuracySec=100ms\nOnActiveSec=\nOnUnitActiveSec=\nOnActiveSec=%(s)ds\nOnUnitActiveSec=%(s)ds\n"
MEMINFO = "/etc/systemd/system/hermes-mem-watchdog.service.d/lab-meminfo.conf"
LOAD = servers.TOP / "tests/lab/load"


class Growing(Host):
    """The host."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(fleet, HOST)
        self.limit_bytes = 0

    def prepare(self) -> None:
        """Everything except the collection: the hook that makes the gateway grow, and the exporter of Debian's package."""
        self.plenty()
        hook = HOME + "/hooks/leak/"
        self.run("runuser", "-u", "hermes", "--", "mkdir", "-p", hook)
        for file in (servers.TOP / "tests/vm/leak").iterdir():
            self.put(hook + file.name, file.read_text(encoding="utf-8"))
        self.sh(
            "id prometheus > /dev/null 2>&1 || useradd --system --no-create-home prometheus;"
            " mkdir -p %s; chown -R hermes: %s" % (TEXTFILES, hook)
        )
        binary = shutil.which(EXPORTER)
        assert binary, "%s is not installed" % EXPORTER
        self.fleet.engine("cp", binary, "%s:/usr/bin/%s" % (self.fleet.container(HOST), EXPORTER))
        self.sh(
            "systemctl is-active --quiet lab-exporter || systemd-run --quiet --unit=lab-exporter"
            " --uid=prometheus %s --collector.disable-defaults --collector.textfile"
            " --collector.textfile.directory=%s --web.listen-address=127.0.0.1:9100"
            % (EXPORTER, TEXTFILES)
        )

    def often(self) -> None:
        """Have the watchdog check every few seconds."""
        folder = "/etc/systemd/system/hermes-mem-watchdog.timer.d"
        self.put(folder + "/lab.conf", TIMER % {"s": CHECK_SECONDS})
        self.run("systemctl", "daemon-reload")
        self.run("systemctl", "restart", "hermes-mem-watchdog.timer")

    def page(self) -> dict[str, float]:
        """The current metrics page: the values of its series, by name and labels."""
        found = {}
        for line in self.run("cat", PAGE, check=False).stdout.splitlines():
            if line and line[0] != "#":
                name, _blank, value = line.rpartition(" ")
                found[name] = float(value)
        return found

    def metric(self, name: str) -> float | None:
        """A metric of the gateway without other labels."""
        return self.page().get('hermes_gateway_%s{gateway="%s"}' % (name, NAME))

    def grow(self) -> None:
        """Make the gateway leak memory from now on."""
        self.put(HOME + "/hooks/leak/ask.new", "self %d" % GROWTH_MB_PER_SECOND)
        self.sh("cd %s/hooks/leak && chown hermes: ask.new && mv ask.new ask" % HOME)

    def configure(self, **changed: str) -> None:
        """The local settings of the guard: IMPATIENT and ``changed``."""
        lines = ["%s = %s\n" % item for item in dict(IMPATIENT, **changed).items()]
        self.put(LOCAL, "[DEFAULT]\n" + "".join(lines))

    def limit(self) -> int:
        """Make the host report so little RAM that the gateway soon exceeds 90 % of it; returns the RAM in bytes.

        Only the watchdog reads the value, so that nothing is killed.
        """
        used = self.metric("memory_footprint_bytes")
        assert used, "no footprint on the page"
        kilobytes = int(used * 1.5) >> 10
        words = {"MemTotal": kilobytes, "MemFree": kilobytes // 2, "MemAvailable": kilobytes // 2}
        self.put(
            PLACE + "meminfo",
            "".join("%s: %d kB\n" % item for item in {**words, "SwapTotal": 0}.items()),
        )
        self.put(MEMINFO, "[Service]\nBindReadOnlyPaths=%s:/proc/meminfo\n" % (PLACE + "meminfo"))
        self.run("systemctl", "daemon-reload")
        self.limit_bytes = kilobytes << 10
        return self.limit_bytes

    def plenty(self) -> None:
        """Undo that, also after an earlier run."""
        self.sh("rm -f %s; systemctl daemon-reload" % MEMINFO)

    @contextlib.contextmanager
    def tunnel(self) -> Iterator[int]:
        """A port of this machine that leads to the exporter of the host."""
        port = servers.free_port()
        argv = self.fleet.ssh(HOST)
        argv[1:1] = ["-N", "-o", "ExitOnForwardFailure=yes"]
        argv[1:1] = ["-L", "127.0.0.1:%d:127.0.0.1:9100" % port]
        with servers.running("tunnel", argv, servers.TOP / ".build", port):
            yield port


class Conversation:
    """A client that writes to the gateway continuously, and accounts for every message: tests/faults/host/talk.py."""

    def __init__(self, host: Host) -> None:
        files = [LOAD / name for name in ("accounting.py", "stubs.py", "drive.py")]
        for source in (*files, servers.TOP / "tests/faults/host/talk.py"):
            host.put(PLACE + source.name, source.read_text(encoding="utf-8"))
        engine = host.fleet.engine
        argv = [*engine.argv, "exec", "-i", host.fleet.container(HOST)]
        argv += ["/opt/hermes/venv/bin/python", "-B", PLACE + "talk.py"]
        self.process = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def _answer(self) -> dict[str, Any]:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def _say(self, word: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()

    def listens(self) -> dict[str, Any]:
        """Wait for the answer to the first message, which takes long; returns its outcome."""
        return self._answer()

    def begin(self) -> None:
        """Write from now on."""
        self._say("go")

    def finish(self) -> dict[str, Any]:
        """Stop writing; returns the outcome of the messages."""
        self._say("stop")
        return self._answer()

    def close(self) -> None:
        """End it, and the stubs of the model and the messenger with it."""
        assert self.process.stdin
        self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(20)
        self.process.kill()
