# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All releases and ways at once: the hosts, the playbooks, and the result of each check."""

from __future__ import annotations

import json
import subprocess
import tarfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from capabilities import LIMIT, SIDE_BY_SIDE
from fleet import unpack
from gateway import PLACE, PROGRAM, PYTHON, WATCHDOG, Host

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
LOAD = TOP / "tests/lab/load"
# The default limit, in seconds.
PATIENCE = 300
# The directories in which the collection may leave files.
PLACES = "/etc /usr/local /var/lib /run/systemd/system /opt/lab/apt"
SNAPSHOT = (
    "find %s /home /root -xdev -path '*/.hermes*' -prune -o -path '*/.cache*' -prune -o -path /var/lib/apt -prune"
    " -o -path /var/lib/dpkg -prune -o -path /var/lib/systemd -prune -o -path /var/lib/ucf -prune -o ! -type d -print | sort"
) % PLACES


class Contract:
    """The gateways of all hosts, and the outcome of each check (None, or why it does not hold)."""

    def __init__(self, fleet, hosts, patience, say):
        self.fleet = fleet
        self.patience = patience
        self.say = say
        self.hosts = [Host(fleet, one) for one in hosts]
        self.gateways = [one for host in self.hosts for one in host.gateways]
        self.out = TOP / ".build/hermes"
        self.out.mkdir(parents=True, exist_ok=True)

    # -- set-up -----------------------------------------------------------------------------------

    def chat(self, made):
        """The stubs of a host, before its gateways look for them."""
        host = next(one for one in self.hosts if one.name == made.name)
        sources = [LOAD / "accounting.py", LOAD / "stubs.py", HERE / "host/chat.py"]
        for source in sources:
            self.fleet.inside(
                host.name,
                *("install", "-D", "-m", "644", "/dev/stdin", PLACE + source.name),
                input=source.read_text(encoding="utf-8"),
            )
        ports = {one.made.stub for one in host.gateways} | {one.port for one in host.gateways}
        host.chat = subprocess.Popen(  # pylint: disable=consider-using-with # it lasts
            [
                *self.fleet.engine.argv,
                *("exec", "-i", self.fleet.container(host.name), PYTHON, "-B", PLACE + "chat.py"),
                *map(str, sorted(ports)),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )
        assert host.chat.stdout.readline() == "{}\n"

    def protect(self):
        """The site playbook, and the first turn of each gateway, which takes long."""
        self.each(lambda gateway: gateway.ready())
        self.each_host(self.remember)
        self.playbook(
            "site",
            "-e",
            "hermes_watchdog_interval=6h",
            "-e",
            "hermes_session_max_messages=%d" % LIMIT,
        )
        self.each_host(self.impatience)
        self.each(lambda gateway: gateway.answered(gateway.send()))

    def remember(self, host):
        """The files of a host without protection."""
        host.files = host.ssh(SNAPSHOT).stdout.splitlines()

    def impatience(self, host):
        """Settings for tests, with a shorter limit if requested."""
        host.configure()
        if self.patience == PATIENCE:
            return
        host.ssh(unpack(PROGRAM, PLACE + "hermes-guard"))
        host.put(PLACE + "patience", str(self.patience))
        wrapper = (HERE / "host/hermes-guard.py").read_text(encoding="utf-8")
        host.put(PROGRAM, "#!/usr/bin/python3 -ISB\n" + wrapper, "755")

    def close(self):
        """The end of the stubs."""
        for host in self.hosts:
            if host.chat:
                # Not waited for: it would serve connections that gateways hold open to their end.
                host.chat.kill()
                host.chat.wait()

    # -- for the steps ----------------------------------------------------------------------------

    def playbook(self, name, *arguments):
        """Run a playbook of the collection, or of this folder, on all hosts."""
        started = time.monotonic()
        done = self.fleet.playbook(
            name, "--limit", ",".join(host.name for host in self.hosts), *arguments
        )
        (self.out / (Path(name).stem + ".log")).write_text(done.stdout, encoding="utf-8")
        self.say("%s: %d s" % (Path(name).stem, time.monotonic() - started))
        assert done.returncode == 0, done.stdout
        return done.stdout

    def answers(self, kind):
        """The result of a module for each gateway of each host: (host, dict)."""
        self.playbook(str(HERE / (kind + ".yml")), "-e", "out=%s" % self.out)
        for host in self.hosts:
            path = self.out / ("%s-%s.json" % (kind, host.name))
            yield host, json.loads(path.read_text(encoding="utf-8"))

    def info(self):
        """gateway_info, again."""
        for host, answer in self.answers("info"):
            for gateway in host.gateways:
                mine = [
                    one
                    for one in answer["gateways"]
                    if (
                        one["name"] == gateway.name if gateway.unit else one["home"] == gateway.home
                    )
                ]
                gateway.info = mine[0] if len(mine) == 1 else None

    def evidence(self):
        """gateway_evidence, again, and what its bundle holds."""
        for host, answer in self.answers("evidence"):
            with tarfile.open(self.out / ("evidence-%s.tar.gz" % host.name)) as bundle:
                host.bundle = {
                    one.name: bundle.extractfile(one).read() for one in bundle if one.isfile()
                }
            for gateway in host.gateways:
                mine = [one for one in answer["summary"] if one["name"] == gateway.name]
                gateway.evidence = mine[0] if mine else None

    def remove(self):
        """The playbook that removes, twice; what is left of it."""
        self.each_host(lambda host: host.ssh("rm /etc/hermes-guard/guard.conf.d/zz-local.conf"))
        self.playbook("remove")
        again = self.playbook("remove")
        for host in self.hosts:
            now = host.ssh(SNAPSHOT).stdout.splitlines()
            host.left = sorted(set(now) - set(host.files))
            host.left += [
                line
                for line in again.splitlines()
                if line.startswith(host.name + " ") and "changed=0" not in line
            ]

    @staticmethod
    def sleep(seconds):
        """Wait for what takes its time."""
        time.sleep(seconds)

    def each_host(self, function):
        """``function`` for every host, side by side."""
        with ThreadPoolExecutor(len(self.hosts)) as pool:
            list(pool.map(function, self.hosts))

    def each(self, function, workers=SIDE_BY_SIDE):
        """``function`` for every gateway, a few at a time. An error is printed, and fails the check of the gateway."""

        def one(gateway):
            try:
                function(gateway)
            except Exception as exc:  # pylint: disable=broad-except # the others go on
                self.say("%s: %s" % (gateway, str(exc)[:300] or repr(exc)))

        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(one, self.gateways))

    def keep(self, gateway, key):
        """Its ledger and the end of its log, to find the cause."""
        script = "cat /var/lib/hermes-guard/%s/ledger.jsonl; tail -n 300 %s/logs/gateway.log"
        done = gateway.host.ssh(script % (gateway.name, gateway.home), check=False)
        path = self.out / ("%s-%s.log" % (gateway, key))
        path.write_text(done.stdout, encoding="utf-8")

    def outcomes(self, capability, wanted):
        """The result of a check for each gateway of ``wanted`` {str: None or why not}."""
        started = time.monotonic()
        self.say("%s ..." % capability.text)
        # If the preparation fails, the check fails for all of them.
        problem = None
        everyone, self.gateways = self.gateways, wanted
        try:
            if capability.prepare:
                capability.prepare(self)
        except Exception as exc:  # pylint: disable=broad-except # it is reported
            problem = "prepare: %r" % exc
        finally:
            self.gateways = everyone

        def one(gateway):
            try:
                capability.check(gateway)
            except Exception as exc:  # pylint: disable=broad-except # it is reported
                return str(exc) or repr(exc)
            return None

        with ThreadPoolExecutor(capability.workers) as pool:
            found = [problem] * len(wanted) if problem else list(pool.map(one, wanted))
        self.say("%s: %d s" % (capability.text, time.monotonic() - started))
        for gateway, problem in zip(wanted, found):
            if problem:
                self.say("%s: not %s: %s" % (gateway, capability.key, problem[:2000]))
                self.keep(gateway, capability.key)
        return dict(zip(map(str, wanted), found))


__all__ = ["PATIENCE", "WATCHDOG", "Contract"]
