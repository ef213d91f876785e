# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbered messages through a real gateway of the lab, with restarts among them: one JSON line a run.

Usage: soak.py [--keep] [--prefix NAME] [--how arbiter|restart|reload|none|all] [--messages N] [--restarts N] ... (see drive.py)
"""
from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[3]
LAB = [TOP / "tests/lab/lab", "--prefix"]
HOST = "alpha"
PLACE = "/opt/lab/load"
FILES = ("accounting.py", "stubs.py", "drive.py")
# The rest as the roles have it. A chat that is never quiet for a minute would have the restart wait for ten minutes only to go on as it does here.
CONFIGURATION = """[DEFAULT]
wait_idle = 5s

[hermes-gateway]
unit = hermes-gateway.service
scope = system
user = hermes
home = /home/hermes/.hermes
python = /opt/hermes/venv/bin/python
"""


def lab(*words, **more):
    """The lab's command."""
    return subprocess.run(LAB + list(words), check=True, **more)


def put(content, path, mode="644"):
    """A file on the host."""
    lab("exec", HOST, "install", "-D", "-m", mode, "/dev/stdin", path, input=content)


def run(arguments):
    """One run on a host that is up; its figures (dict)."""
    program = TOP / ".build/soak/hermes-guard"
    program.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([TOP / "tests/tools/link"], check=True)
    subprocess.run([sys.executable, "-m", "ansible_collections.hermes_ops.gateway.plugins.module_utils._program", program],
                   check=True, env=dict(os.environ, PYTHONPATH=str(TOP / ".build/collections")))
    put(program.read_bytes(), "/usr/local/bin/hermes-guard", "755")
    put(CONFIGURATION.encode(), "/etc/hermes-guard/guard.conf")
    for name in FILES:
        put((pathlib.Path(__file__).parent / name).read_bytes(), "%s/%s" % (PLACE, name))
    command = ["exec", HOST, "/opt/hermes/venv/bin/python", "-B", "%s/drive.py" % PLACE] + arguments
    return json.loads(lab(*command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout)


def main():
    """Exit code 1 where the arbiter lost a message or had one answered twice, or the run without restarts did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave the lab host up")
    parser.add_argument("--prefix", default="hermes-soak", metavar="NAME", help="of the lab")
    parser.add_argument("--how", choices=("arbiter", "restart", "reload", "none", "all"), default="arbiter")
    options, rest = parser.parse_known_args()
    LAB.append(options.prefix)
    bad = []
    try:
        for how in ("arbiter", "restart", "reload", "none") if options.how == "all" else (options.how,):
            if not options.keep:
                # Each run on a fresh host: the sessions of the last one would be in the next one's way.
                lab("down")
            lab("up", HOST)
            figures = run(["--how", how] + rest)
            print(json.dumps(figures), flush=True)
            if how in ("none", "arbiter") and (figures["lost"] or figures["twice"] or figures["strange"]):
                bad.append(how)
    finally:
        if not options.keep:
            lab("down")
    if bad:
        sys.exit("soak: messages were lost or answered twice with: " + ", ".join(bad))


if __name__ == "__main__":
    main()
