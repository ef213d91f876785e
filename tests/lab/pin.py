"""Writes the lock file of one Hermes release, hermes-RELEASE.txt, with the hash of every wheel.

Usage: python3 pin.py RELEASE [--python VERSION ...] [REQUIREMENT ...]

With requirements, such as `hermes-agent==0.18.2`, they are resolved to what the package index has
today; what the lab needs beside Hermes is added. Without any, the versions in the lock file stay
and only the hashes are renewed. Nothing is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys

import images
import paths
from say import LabError, run

# The platforms of Hermes need aiohttp, and the image installs itself with pip.
BESIDE = ("aiohttp", "pip")
MACHINES = ("x86_64", "aarch64")
HEAD = """\
# Everything in the venv of the lab's Hermes %s, pinned with hashes, for Python %s.
# Written by tests/lab/pin.py; where each release comes from is in docs/hermes.md.
"""


def resolved(python, machine, requirements, deps):
    """The wheels that pip would install on such a machine: {name: (version, hash)}."""
    argv = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed"]
    argv += ["--disable-pip-version-check", "--only-binary=:all:", "--target", paths.cache("pin")]
    argv += ["--report", "-", *images.platform_flags(python, machine)]
    report = run(argv + ([] if deps else ["--no-deps"]) + requirements, "pip install --dry-run")
    found = {}
    for one in json.loads(report.stdout)["install"]:
        name = one["metadata"]["name"].lower().replace("_", "-")
        found[name] = one["metadata"]["version"], one["download_info"]["archive_info"]["hash"]
    return found


def pinned(path):
    """The NAME==VERSION of a lock file."""
    with open(path, encoding="utf-8") as handle:
        return [line.split()[0] for line in handle if line.strip() and line[0] not in "# "]


def main(argv):
    """One lock file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("release")
    parser.add_argument("--python", nargs="+", default=["3.11"])
    parser.add_argument("requirements", nargs="*")
    args = parser.parse_args(argv)
    path = os.path.join(paths.LAB, "hermes-%s.txt" % args.release)
    if args.requirements:
        wanted = list(args.requirements) + list(BESIDE)
        first = resolved(args.python[0], MACHINES[0], wanted, deps=True)
        pins = ["%s==%s" % (name, version) for name, (version, _hash) in first.items()]
    else:
        pins = pinned(path)
    hashes = {}
    for python in args.python:
        for machine in MACHINES:
            for name, (version, digest) in resolved(python, machine, pins, deps=False).items():
                known = hashes.setdefault("%s==%s" % (name, version), [])
                known.append(digest.replace("sha256=", "sha256:"))
    text = HEAD % (args.release, " and ".join(args.python))
    for pin in sorted(hashes):
        text += " \\\n    --hash=".join([pin] + sorted(set(hashes[pin]))) + "\n"
    paths.write(path, text)
    print(path, len(hashes), "packages")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except LabError as error:
        sys.exit("pin: %s" % error)
