# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's OOM killer on a virtual machine with a real gateway: `make vm`.

First the limit alone: a child of the gateway leaks until the kernel kills it, then the gateway itself does. Then the watchdog is armed, and is
first. The last line is what was seen, as JSON. What the journal said of the kills is in .build/vm, in the form of tests/data/oom.
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
# Its state file outlives a process, so the pid in it has to be the unit's.
RUNNING = """pid=$(systemctl show -p MainPID --value %s) state=$(tr -d ' \\n' < %s/gateway_state.json)
[[ $state == *'"gateway_state":"running"'* && $state == *'"pid":'$pid[,}]* ]]""" % (NAME, HOME)
KILLS = "awk '$1 == \"oom_kill\" { print $2 }' /proc/vmstat"
RESTARTED = 'grep \'"event": "restart"\' %s/ledger.jsonl' % STATE


class Stage:
    """What is shown on one machine, in order; `seen` is what comes out."""

    def __init__(self, vm):
        self.vm = vm
        self.seen = {}

    def check(self, holds, what):
        """One thing that has to hold."""
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
        """Have the gateway, or a child of it, keep `rate` MB a second from now on."""
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
        """One of Ansible's programs; what it prints."""
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
        """The limit is in force at once, and nothing was restarted for it."""
        before = self.main_pid()
        self.site("guard,memory_limit", hermes_memory_limit_max="%dM" % LIMIT_MB)
        self.check(
            self.cgroup("memory.max") == str(LIMIT_MB << 20),
            "the limit of %d MB is in force" % LIMIT_MB,
        )
        self.check(self.main_pid() == before, "nothing was restarted for it")
        self.vm.wait("the gateway runs", RUNNING)

    def kernel(self):
        """The kernel kills a child, then the gateway; all else lives, systemd restarts it, and both kills are found."""
        self.vm.say("systemd-run --quiet --unit=neighbour sleep infinity")
        others = {unit: self.main_pid(unit) for unit in ("ssh", "neighbour")}
        gateway = self.main_pid()

        self.leak("child", 100)
        self.vm.wait("the kernel kills a child that leaks", "test $(%s) = 1" % KILLS)
        self.check(self.main_pid() == gateway, "the gateway whose child it was lives")
        self.check(
            "oom_kill 1" in self.cgroup("memory.events").splitlines(), "the cgroup counts 1 kill"
        )
        # Of the counter of a life that ends by a kill nothing stays but what the guard has noted.
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
            "were the whole host out of memory, the gateway would go before sshd",
        )

        kept = journal.keep(self.vm)
        print("\n".join(["", "What the journal says:"] + journal.short(kept) + [""]))
        found = self.module("oom_info")
        kills = found["kills"]
        self.check([kill["name"] for kill in kills] == [NAME, NAME], "oom_info finds both kills")
        self.check(
            all((kill["scope"], kill["source"]) == ("cgroup", "kernel") for kill in kills),
            "as the cgroup's, by the kernel's word",
        )
        self.check(
            kills[0]["pid"] != gateway and kills[1]["pid"] == gateway,
            "first the child, then the gateway",
        )
        # Files that are mapped count for a process, but may be charged to who read them first.
        self.check(
            all(0.5 * LIMIT_MB < kill["rss_bytes"] >> 20 < 1.1 * LIMIT_MB for kill in kills),
            "with the memory that they had",
        )
        self.check(
            found["counters"][NAME]["in_window"] >= 1,
            "the guard's history counts what the cgroup has counted",
        )
        self.seen.update(
            limit_mb=LIMIT_MB,
            kernel_kills=len(kills),
            killed_rss_mb=[kill["rss_bytes"] >> 20 for kill in kills],
            counted=found["counters"][NAME]["in_window"],
        )

    def watchdog(self):
        """The watchdog, armed, acts before the kernel does."""
        gateway, kills = self.main_pid(), self.number(KILLS)
        self.site(
            "watchdog",
            hermes_watchdog_threshold="%dM" % THRESHOLD_MB,
            hermes_watchdog_interval="5s",
            hermes_watchdog_breaches="2 of 3",
            hermes_watchdog_startup_grace="1s",
            hermes_memory_limit_max="%dM" % LIMIT_MB,
        )
        self.check(self.main_pid() == gateway, "to arm the watchdog restarts nothing")
        self.leak("self", 5)
        entry = json.loads(
            self.vm.wait("the watchdog restarts the gateway", RESTARTED).splitlines()[-1]
        )
        print("\nThe ledger: %s\n" % entry["reason"])
        self.check(
            entry["trigger"] == "watchdog" and entry["before"]["pid"] == gateway,
            "the watchdog did it",
        )
        self.check(
            entry["before"]["oom_kills"] == 0 and self.number(KILLS) == kills,
            "the kernel has killed nothing",
        )
        self.check(self.main_pid() not in (0, gateway), "another process runs")
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
    """Exit code 1 where something does not hold."""
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
