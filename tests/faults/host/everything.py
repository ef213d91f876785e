# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that a user can do against the guard, at once and again and again, until it is killed. It runs as that user.

Her ten gateways have the homes g0 to g9, and the liar as their Python.
"""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import time

ROUND_SECONDS = 5
HOME = os.path.expanduser("~")
LIES = itertools.cycle(("silent", "raw", "silent", "depth", "ends", "error", "seven"))
GATEWAY = ["-m", "hermes_cli.main", "gateway", "run"]
READ = ("gateway_state.json", "state/gateway.heartbeat", ".drain_request.json", "config.yaml")
UNIT = "[Service]\nEnvironment='HERMES_HOME=%s'\nExecStart=%s/p/python3 -m hermes_cli.main gateway run\n"


def many_units():
    """Unit files that are never started, and homes that are words of a template."""
    place = os.path.join(HOME, ".config/systemd/user")
    for number in range(300):
        home = ("@NOTIFY_COMMAND@", "@CALENDAR@", "{{ 7 * 7 }}", ".hermes")[number % 4]
        os.makedirs(os.path.join(HOME, home), exist_ok=True)
        with open("%s/hermes-m%d.service" % (place, number), "w", encoding="utf-8") as handle:
            handle.write(UNIT % (os.path.join(HOME, home), HOME))
    shutil.copy(place + "/hermes-m0.service", place + "/hermes-.service")


def many_processes():
    """Without a unit, with a gateway's command line; and the program of root's that takes it too."""
    for _number in range(40):
        subprocess.Popen([HOME + "/p/python3", *GATEWAY], start_new_session=True)
    back, pipe = os.pipe()
    os.set_blocking(pipe, False)
    try:
        while True:
            os.write(pipe, bytes(4096))
    except BlockingIOError:
        os.set_blocking(pipe, True)
    argv = [HOME + "/p/python3", "hermes-gateway"]
    subprocess.Popen(
        argv,
        executable="/usr/bin/su",
        env={"HERMES_HOME": "/root"},
        stdout=pipe,
        stderr=pipe,
        pass_fds=[back],
    )


def remake(path, make):
    """Something else at ``path``."""
    if os.path.islink(path) or os.path.isfile(path):
        os.unlink(path)
    elif os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)
    make(path)


def text(content):
    """What makes a file."""

    def make(path):
        with open(path, "w", encoding="utf-8") as handle:
            handle.write(content)

    return make


def large(path):
    """5 GB of nothing."""
    text("")(path)
    os.truncate(path, 5 << 30)


HOMES = itertools.cycle(
    (
        lambda path: os.symlink(path, path),
        lambda path: os.symlink("/etc", path),
        lambda path: os.symlink(HOME + "/p/lie/x", path),
        lambda path: os.symlink("/root", path),
        text("no directory"),
        os.mkfifo,
        os.mkdir,
    )
)
FILES = itertools.cycle(
    (
        lambda path: os.symlink("/etc/shadow", path),
        os.mkfifo,
        large,
        text("9" * 1000000),
        text('{"pid": %s}' % ("9" * 1000000)),
        text("[" * 200000),
        text('{"monotonic": 1, "pid": 1, "active_agents": "x"}'),
        os.mkdir,
    )
)


def flood(kilobytes):
    """The journal, in the name of everybody's unit."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        fields = ["USER_UNIT=hermes-gateway.service", "UNIT=hermes-gateway.service", "MESSAGE=x"]
        fields += ["F%d=%s" % (number, "x" * 3900) for number in range(9)]
        data = "\n".join(fields).encode() + b"\n"
        for _number in range(kilobytes * 1024 // len(data)):
            line.sendto(data, "/run/systemd/journal/socket")


def manager():
    """The pid of her systemd."""
    done = subprocess.run(
        ["pgrep", "-u", str(os.getuid()), "-x", "systemd"], stdout=subprocess.PIPE, check=False
    )
    return int(done.stdout.split()[0])


def main():
    """Round after round."""
    many_units()
    many_processes()
    hers = manager()
    flood(40000)
    for number in itertools.count():
        with open(HOME + "/p/lie", "w", encoding="utf-8") as handle:
            handle.write(next(LIES))
        # g0 is none at times, g1 has files that are none, the configuration of the others changes. g9 is on a dead server.
        remake(HOME + "/g0", next(HOMES))
        for name in READ:
            os.makedirs(HOME + "/g1/state", exist_ok=True)
            remake(os.path.join(HOME, "g1", name), next(FILES))
        for one in range(2, 9):
            text("# round %d\n" % number)(HOME + "/g%d/config.yaml" % one)
        os.kill(hers, signal.SIGSTOP if number % 12 < 8 else signal.SIGCONT)
        flood(1000)
        time.sleep(ROUND_SECONDS)


main()
