# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's OOM killer on a virtual machine with a real gateway: `make vm`.

First the limit alone: a child of the gateway leaks until the kernel kills it, then the gateway itself does. Then the watchdog is enabled, and
acts first. The last line is the result, as JSON. What the journal said of the kills is in .build/vm, in the form of tests/data/oom.
"""

from __future__ import annotations

import json
import pathlib
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/lab"))

import engine as engines
import image
import journal
import machine
from say import LabError, run, step

NAME = "hermes-gateway"
LIMIT_MB, THRESHOLD_MB = 400, 170
HOME = "/home/hermes/.hermes"
STATE = "/var/lib/hermes-guard/" + NAME
# The state file outlives the process, so the pid in it must be the unit's.
RUNNING = """pid=$(systemctl show -p MainPID --value %s) state=$(tr -d ' \\n' < %s/gateway_state.json)
[[ $state == *'"gateway_state":"running"'* && $state == *'"pid":'$pid[,}]* ]]""" % (NAME, HOME)
KILLS = "awk '$1 == \"oom_kill\" { print $2 }' /proc/vmstat"
RESTARTED = 'grep \'"event": "restart"\' %s/ledger.jsonl' % STATE


class Stage:
    """The stages on one machine, in order; `seen` holds the results."""

    def __init__(self, vm):
        self.vm = vm
        self.seen = {}

    def check(self, holds, what):
        """Record one condition that must hold."""
        print("%s  %s" % ("ok    " if holds else "FAILED", what), flush=True)
        if not holds:
            raise LabError("%s; the console and what was kept are in %s" % (what, self.vm.state))

    def number(self, command):
        """The number that a command prints."""
        return int(self.vm.say(command))

    def main_pid(self, unit=NAME):
        """The main process of a unit."""
        return self.number("systemctl show -p MainPID --value " + unit)

    def cgroup(self, name):
        """A file of the gateway's cgroup."""
        return self.vm.say(
            "cat /sys/fs/cgroup$(systemctl show -p ControlGroup --value %s)/%s" % (NAME, name)
        )

    def leak(self, who, rate):
        """Make the gateway, or a child of it, leak `rate` MB per second."""
        self.vm.say("echo %s %d > %s/hooks/leak/ask" % (who, rate, HOME))

    def site(self, tags, **variables):
        """The site playbook with some of its tags."""
        with step("site.yml, " + tags):
            self.ansible(
                "ansible-playbook",
                "hermes_ops.gateway.site",
                "--tags",
                tags,
                "-e",
                json.dumps(variables),
            )

    def ansible(self, program, *arguments):
        """Run one of Ansible's programs; returns its output."""
        return run(
            [program, "-i", self.vm.state / "inventory.yml", *arguments],
            cwd=TOP,
            env=machine.environment(TOP),
        ).stdout

    def module(self, name):
        """What a module of the collection returns."""
        with step(name):
            text = self.ansible("ansible", machine.NAME, "-m", "hermes_ops.gateway." + name)
        return json.loads(text[text.index("{") :])

    # ----------------------------------------------------------------------------------------------------------------------------------

    def limited(self):
        """The limit takes effect immediately, without a restart."""
        before = self.main_pid()
        self.site("guard,memory_limit", hermes_memory_limit_max="%dM" % LIMIT_MB)
        self.check(
            self.cgroup("memory.max") == str(LIMIT_MB << 20),
            "the limit of %d MB is in force" % LIMIT_MB,
        )
        self.check(self.main_pid() == before, "no gateway was restarted")
        self.vm.wait("the gateway runs", RUNNING)

    def kernel(self):
        """The kernel kills a child, then the gateway. No other process is killed, systemd restarts the gateway, and both kills are found."""
        self.vm.say("systemd-run --quiet --unit=neighbour sleep infinity")
        others = {unit: self.main_pid(unit) for unit in ("ssh", "neighbour")}
        gateway = self.main_pid()

        self.leak("child", 100)
        self.vm.wait("the kernel kills a child that leaks", "test $(%s) = 1" % KILLS)
        self.check(self.main_pid() == gateway, "the parent gateway still runs")
        self.check(
            "oom_kill 1" in self.cgroup("memory.events").splitlines(), "the cgroup counts 1 kill"
        )
        # If a run ends by a kill, its counter remains only in the guard's history.
        self.vm.say("hermes-guard check")

        self.leak("self", 100)
        self.vm.wait("the kernel kills the gateway", "test $(%s) = 2" % KILLS)
        self.vm.wait("systemd restarts it", "%s && [[ $pid != %d ]]" % (RUNNING, gateway))
        for unit, pid in others.items():
            self.check(
                self.main_pid(unit) == pid
                and self.vm.say("systemctl is-active " + unit) == "active",
                "%s lives" % unit,
            )
        self.check(
            self.number("cat /proc/%d/oom_score_adj" % self.main_pid())
            > self.number("cat /proc/%d/oom_score_adj" % others["ssh"]),
            "if the host ran out of memory, the kernel would kill the gateway before sshd",
        )

        kept = journal.keep(self.vm)
        print("\n".join(["", "What the journal says:"] + journal.short(kept) + [""]))
        found = self.module("oom_info")
        kills = found["kills"]
        self.check([kill["name"] for kill in kills] == [NAME, NAME], "oom_info finds both kills")
        self.check(
            all((kill["scope"], kill["source"]) == ("cgroup", "kernel") for kill in kills),
            "with scope cgroup and source kernel",
        )
        self.check(
            kills[0]["pid"] != gateway and kills[1]["pid"] == gateway,
            "first the child, then the gateway",
        )
        # Mapped files count for a process, but may be charged to the cgroup that read them first.
        self.check(
            all(0.5 * LIMIT_MB < kill["rss_bytes"] >> 20 < 1.1 * LIMIT_MB for kill in kills),
            "with their memory",
        )
        self.check(
            found["counters"][NAME]["in_window"] >= 1,
            "the guard's history has the same count as the cgroup",
        )
        self.seen.update(
            limit_mb=LIMIT_MB,
            kernel_kills=len(kills),
            killed_rss_mb=[kill["rss_bytes"] >> 20 for kill in kills],
            counted=found["counters"][NAME]["in_window"],
        )

    def watchdog(self):
        """The enabled watchdog acts before the kernel does."""
        gateway, kills = self.main_pid(), self.number(KILLS)
        self.site(
            "watchdog",
            hermes_watchdog_threshold="%dM" % THRESHOLD_MB,
            hermes_watchdog_interval="5s",
            hermes_watchdog_breaches="2 of 3",
            hermes_watchdog_startup_grace="1s",
            hermes_memory_limit_max="%dM" % LIMIT_MB,
        )
        self.check(self.main_pid() == gateway, "enabling the watchdog restarts nothing")
        # Two minutes from the threshold to the limit: on a busy machine, the emulated one needs 30 s from a breach to the restart.
        self.leak("self", 2)
        entry = json.loads(
            self.vm.wait("the watchdog restarts the gateway", RESTARTED).splitlines()[-1]
        )
        print("\nThe ledger: %s\n" % entry["reason"])
        self.check(
            entry["trigger"] == "watchdog" and entry["before"]["pid"] == gateway,
            "the watchdog restarted the gateway",
        )
        self.check(
            entry["before"]["oom_kills"] == 0 and self.number(KILLS) == kills,
            "the kernel has killed nothing",
        )
        self.check(self.main_pid() not in (0, gateway), "a new process runs")
        status = json.loads(self.vm.say("hermes-guard status --json"))["gateways"][0]
        self.check(
            status["last_restart"]["time"] == entry["time"], "hermes-guard status tells of it"
        )
        self.seen.update(
            threshold_mb=THRESHOLD_MB,
            watchdog_restarts=1,
            watchdog_mode=entry["mode"],
            watchdog_rss_mb=entry["before"]["rss_bytes"] >> 20,
            kernel_kills_with_watchdog=self.number(KILLS) - kills,
        )


def main():
    """Exit code 1 if a condition does not hold."""
    engines.install([machine.QEMU, "ssh", "ssh-keygen"])
    run([TOP / "tests/tools/link"])
    started = time.monotonic()
    with machine.Machine(image.ensure(), TOP / ".build/vm") as vm:
        stage = Stage(vm)
        stage.limited()
        stage.kernel()
        stage.watchdog()
    print(json.dumps(dict(stage.seen, seconds=round(time.monotonic() - started)), sort_keys=True))


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit("vm: %s" % error)
