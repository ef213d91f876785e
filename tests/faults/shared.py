# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that several users share, one of whom is hostile.

Its gateways need little memory: Hermes's own Python and command line, with host/gateway.py in the place of the rest.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from machine import LOCAL, WATCHDOG, Host

HERE = Path(__file__).resolve().parent
NAME = "eta"
PYTHON = "/opt/hermes/venv/bin/python"
STAND_IN = "/opt/lab/stand-in"
OF_SYSTEM, OF_USER = "/etc/systemd/system/", ".config/systemd/user/"
UNIT = """[Service]
%(user)s
Environment=PYTHONPATH=%(place)s %(environment)s
ExecStart=%(python)s -m hermes_cli.main gateway run
"""
# These users do nothing wrong, and must not lose a sample because of another user.
INNOCENT = {"hermes-gateway": "good", "hermes-gateway@ada": "ada"}
HOSTILE = "mallory"
CHECK_SECONDS = 60
INTERVAL = ("-e", "hermes_watchdog_interval=6h")


class Shared(Host):
    """The host, and what its users do."""

    def stand_in(self):
        """What takes the place of most of Hermes."""
        self.put(STAND_IN + "/hermes_cli/__init__.py", "")
        self.put(STAND_IN + "/hermes_cli/main.py", _text("gateway.py"))

    def prepare(self):
        """Its users and their gateways, and the guard on it."""
        self.stand_in()
        for user in (*INNOCENT.values(), HOSTILE):
            self.user(user)
        self.gateway("good", scope="system")
        self.gateway("ada")
        self.site()

    def user(self, user):
        """A user with a home of Hermes and, but for one whose gateway is the system's, a systemd."""
        self.sh(
            "id {0} 2>/dev/null >&2 || useradd -m {0}; mkdir -p /home/{0}; chown {0}: /home/{0};"
            " loginctl enable-linger {0}; systemctl start user@$(id -u {0}).service".format(user)
        )
        self.as_user(
            user,
            "mkdir -p .hermes; test -e .hermes/config.yaml || echo '# mine' > .hermes/config.yaml",
        )

    def as_user(self, user, script, **more):
        """What a user's script says."""
        script = (
            "export HOME=/home/%s XDG_RUNTIME_DIR=/run/user/$(id -u); cd; set -e\n" % user + script
        )
        return self.run("runuser", "-u", user, "--", "sh", "-c", script, **more).stdout.strip()

    def mallory(self, script, **more):
        """The same of the one who means harm."""
        return self.as_user(HOSTILE, script, **more)

    def gateway(self, user, unit="hermes-gateway", scope="user", python=PYTHON, environment=""):
        """A unit of a gateway, started."""
        words = {"place": STAND_IN, "environment": environment, "python": python}
        words["user"] = "User=" + user if scope == "system" else ""
        place = OF_SYSTEM if scope == "system" else "/home/%s/%s" % (user, OF_USER)
        start = "systemctl%s daemon-reload; systemctl%s restart '%s.service'"
        if scope == "system":
            self.put("%s%s.service" % (place, unit), UNIT % words)
            self.sh(start % ("", "", unit))
            return
        self.as_user(
            user, "mkdir -p %s; cat > '%s%s.service'" % (place, place, unit), input=UNIT % words
        )
        self.as_user(user, start % (" --user", " --user", unit))

    def liar(self, lie, user=HOSTILE):
        """The path of a Python of the user's that answers with a lie of host/liar.py."""
        program = "#!/usr/bin/python3\n" + _text("liar.py")
        self.as_user(user, "mkdir -p ~/p; cat > ~/p/python3; chmod 755 ~/p/python3", input=program)
        self.as_user(user, "rm -f ~/p/saved.json; cat > ~/p/lie", input=lie)
        return "/home/%s/p/python3" % user

    def gone(self, user):
        """End all that a user runs, and give the user an empty home."""
        self.sh(
            "systemctl stop user@$(id -u {0}).service; pkill -KILL -u {0}; sleep 0.2; rm -rf /home/{0}; mkdir /home/{0};"
            " chown {0}: /home/{0}; systemctl start user@$(id -u {0}).service".format(user),
            check=False,
        )
        self.user(user)

    def site(self, *arguments, right=True):
        """Run the playbook; its output, and a failure of the test unless it ends as is ``right``."""
        done = self.fleet.playbook("site", *INTERVAL, *arguments)
        assert (done.returncode == 0) == right, done.stdout
        return done.stdout

    def ask(self, module, *arguments):
        """The answer of a module of the collection."""
        argv = ["ansible", NAME, "-i", self.fleet.file("inventory.yml"), "-b", "--one-line"]
        argv += ["-m", "hermes_ops.gateway." + module, *arguments]
        done = subprocess.run(argv, stdout=subprocess.PIPE, encoding="utf-8", check=False)
        assert "=>" in done.stdout, done.stdout
        return json.loads(done.stdout.partition("=>")[2])

    def configure(self, **changed):
        """The local settings of the guard."""
        lines = ["%s = %s\n" % one for one in changed.items()]
        self.put(LOCAL, "[DEFAULT]\n" + "".join(lines))

    def check(self):
        """One check of the watchdog, which is over in time and has a sample of every innocent gateway."""
        # A timestamp has whole seconds.
        since = int(self.sh("sleep 1; date +%s"))
        seconds = str(CHECK_SECONDS)
        self.run("timeout", seconds, "systemctl", "start", WATCHDOG, check=False)
        late = self.sh("systemctl is-active " + WATCHDOG, check=False) == "activating"
        self.sh("systemctl stop %s; systemctl reset-failed" % WATCHDOG)
        log = self.sh("journalctl -q -n 20 --since=@%d -u %s" % (since, WATCHDOG))
        unsampled = [name for name in INNOCENT if self.last_sample(name) < since]
        assert not unsampled and not late, "not sampled: %s\n%s" % (unsampled, log)

    def last_sample(self, name):
        """When the newest sample of a gateway was taken, 0 if there is none."""
        path = "/var/lib/hermes-guard/%s/memory.csv" % name
        return int(self.sh("tail -qn 1 '%s' 2>/dev/null | cut -d, -f1" % path, check=False) or 0)

    def managed(self):
        """What guard.conf has about each gateway (dict of str by name)."""
        text = self.sh("cat /etc/hermes-guard/guard.conf")
        sections = [part.partition("]") for part in text.split("\n[")[1:]]
        return {name: body for name, _bracket, body in sections}


def _text(name):
    return (HERE / "host" / name).read_text(encoding="utf-8")
