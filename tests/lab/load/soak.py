# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends numbered messages through a real gateway of the lab, with restarts in between: one JSON line for each run.

Usage: soak.py [--keep] [--prefix NAME] [--hermes RELEASE] [--how arbiter|restart|reload|none|all] [--messages N] [--restarts N] ... (see drive.py)
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[3]
# A host of the lab for each release.
HOSTS = {"0.19.0": "alpha", "0.22.2": "zeta"}
PLACE = "/opt/lab/load"
FILES = ("accounting.py", "stubs.py", "drive.py")
# The rest as the roles have it. A chat that is never quiet for a minute would have each restart wait for five of ten minutes, and then for a
# moment with few turns.
CONFIGURATION = """[DEFAULT]
wait_idle = %s

[hermes-gateway]
unit = hermes-gateway.service
scope = system
user = hermes
home = /home/hermes/.hermes
python = /opt/hermes/venv/bin/python
"""


class Lab:
    """A lab of its own, by its prefix, with one host."""

    def __init__(self, prefix, hermes, wait_idle="5s"):
        self.prefix = prefix
        self.hermes = hermes
        self.host = HOSTS[hermes]
        self.wait_idle = wait_idle

    def do(self, *words, **more):
        """Its command."""
        return subprocess.run(
            [TOP / "tests/lab/lab", "--prefix", self.prefix, *words], check=True, **more
        )

    def put(self, content, path, mode="644"):
        """A file on the host."""
        self.do("exec", self.host, "install", "-D", "-m", mode, "/dev/stdin", path, input=content)

    def program(self, name, files, arguments):
        """Copy ``files`` of this folder to the host and run the one called ``name`` there; its JSON line, read."""
        for file in files:
            self.put((pathlib.Path(__file__).parent / file).read_bytes(), "%s/%s" % (PLACE, file))
        command = [
            "exec",
            self.host,
            "/opt/hermes/venv/bin/python",
            "-B",
            "%s/%s" % (PLACE, name),
            *arguments,
        ]
        return json.loads(
            self.do(*command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout
        )


def run(lab, arguments):
    """One run on a host that is up; its figures (dict)."""
    program = TOP / ".build/soak" / lab.prefix
    program.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([TOP / "tests/tools/link"], check=True)
    subprocess.run(
        [
            sys.executable,
            "-m",
            "ansible_collections.hermes_ops.gateway.plugins.module_utils._install.program",
            program,
        ],
        check=True,
        env=dict(os.environ, PYTHONPATH=str(TOP / ".build/collections")),
    )
    lab.put(program.read_bytes(), "/usr/local/bin/hermes-guard", "755")
    lab.put((CONFIGURATION % lab.wait_idle).encode(), "/etc/hermes-guard/guard.conf")
    return lab.program("drive.py", FILES, arguments)


def main():
    """Exit code 1 where the arbiter lost a message or had one answered twice, or the run without restarts did."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", action="store_true", help="leave the lab host up")
    parser.add_argument("--prefix", default="hermes-soak", metavar="NAME", help="of the lab")
    parser.add_argument("--hermes", choices=list(HOSTS), default="0.19.0", help="the release")
    parser.add_argument(
        "--how", choices=("arbiter", "restart", "reload", "none", "all"), default="arbiter"
    )
    parser.add_argument(
        "--wait-idle", default="5s", metavar="TIME", help="of the arbiter (default: %(default)s)"
    )
    options, rest = parser.parse_known_args()
    lab = Lab(options.prefix, options.hermes, options.wait_idle)
    bad = []
    try:
        for how in (
            ("arbiter", "restart", "reload", "none") if options.how == "all" else (options.how,)
        ):
            if not options.keep:
                # Each run on a fresh host: the sessions of the previous run would affect the next.
                lab.do("down")
            lab.do("up", lab.host)
            figures = run(lab, ["--how", how] + rest)
            print(json.dumps({"hermes": options.hermes, **figures}), flush=True)
            if how in ("none", "arbiter") and (
                figures["lost"] or figures["twice"] or figures["strange"]
            ):
                bad.append(how)
    finally:
        if not options.keep:
            lab.do("down")
    if bad:
        sys.exit("soak: messages were lost or answered twice with: " + ", ".join(bad))


if __name__ == "__main__":
    main()
