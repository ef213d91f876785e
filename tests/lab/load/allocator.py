# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By how much a real gateway grows, as Hermes comes and with the roles hermes_session and hermes_allocator: one JSON row a run.

Each run has a fresh host of the lab. The rows are appended to .build/allocator.jsonl; the last lines are docs/allocator.md's tables, made of all of its rows of
the same scale.
"""
from __future__ import annotations

import argparse
import datetime
import json
import pathlib
import subprocess

import soak

FILES = ("accounting.py", "stubs.py", "drive.py", "growth.py", "grow.py")
# setting: (hermes_session, hermes_allocator)
SETTINGS = {
    "default": ("absent", "absent"), "session": ("present", "absent"), "allocator": ("absent", "present"), "both": ("present", "present"),
    "glibc": ("absent", "present"),
}
SCALES = {
    "short": {"evicted": ["--chats", "20"], "steady": ["--chats", "10", "--seconds", "120", "--bytes", "4000"]},
    "long": {"evicted": ["--chats", "120"], "steady": ["--chats", "30", "--seconds", "3600", "--bytes", "4000"]},
}
COLUMNS = {
    "evicted": ("start_mb", "peak_mb", "idle_mb", "evicted", "cpu_ms_per_turn", "answer_median_s", "answer_max_s"),
    "steady": ("start_mb", "peak_mb", "idle_mb", "growth_mb_per_1000_turns", "cpu_ms_per_turn", "answer_median_s", "answer_max_s"),
}


def measure(setting, load, scale, prefix):
    """One run on a fresh host; its row (dict)."""
    session, allocator = SETTINGS[setting]
    soak.lab("down")
    soak.lab("up", soak.HOST)
    subprocess.run([
        "ansible-playbook", soak.TOP / "tests/lab/load/allocator.yml", "-i", soak.TOP / ".lab" / prefix / "inventory.yml",
        "-e", "hermes_session_state=" + session, "-e", "hermes_allocator_state=" + allocator,
        "-e", "hermes_allocator_library=" + ("glibc" if setting == "glibc" else "jemalloc"),
    ], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    for name in FILES:
        soak.put((pathlib.Path(__file__).parent / name).read_bytes(), "%s/%s" % (soak.PLACE, name))
    command = ["exec", soak.HOST, "/opt/hermes/venv/bin/python", "-B", soak.PLACE + "/grow.py", "--load", load] + SCALES[scale][load]
    row = json.loads(soak.lab(*command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout)
    if row["jemalloc"] != (setting in ("allocator", "both")):
        raise SystemExit("allocator: the gateway of setting %s has %s" % (setting, "jemalloc" if row["jemalloc"] else "no jemalloc"))
    when = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
    return {"setting": setting, "scale": scale, "when": when, **row}


def table(rows, load):
    """The rows of ``load`` as lines of Markdown."""
    names = ("setting", "turns", "unanswered") + COLUMNS[load]
    lines = ["| %s |" % " | ".join(names), "| --- " * len(names) + "|"]
    return lines + ["| %s |" % " | ".join(str(row[name]) for name in names) for row in rows if row["load"] == load]


def main():
    """Run what is asked for, a row at a time: what was measured stays when a later run fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", choices=sorted(SCALES), default="long", help="short: to try it, about half an hour; long: about five hours")
    parser.add_argument("--settings", nargs="+", choices=list(SETTINGS), default=["default", "session", "allocator", "both"])
    parser.add_argument("--loads", nargs="+", choices=list(COLUMNS), default=list(COLUMNS))
    parser.add_argument("--prefix", default="hermes-allocator", metavar="NAME", help="of the lab")
    parser.add_argument("--out", type=pathlib.Path, default=soak.TOP / ".build/allocator.jsonl", metavar="FILE")
    options = parser.parse_args()
    soak.LAB.append(options.prefix)
    subprocess.run([soak.TOP / "tests/tools/link"], check=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        for load in options.loads:
            for setting in options.settings:
                row = measure(setting, load, options.scale, options.prefix)
                with options.out.open("a", encoding="utf-8") as out:
                    out.write(json.dumps(row) + "\n")
                print(json.dumps(row), flush=True)
    finally:
        soak.lab("down")
    rows = [row for row in map(json.loads, options.out.read_text(encoding="utf-8").splitlines()) if row["scale"] == options.scale]
    for load in options.loads:
        print("\n" + "\n".join(table(rows, load)))


if __name__ == "__main__":
    main()
