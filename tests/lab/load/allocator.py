# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures how much a real gateway grows, with Hermes's defaults and with the roles hermes_session and hermes_allocator: one JSON row for each run.

Each run has a fresh host of the lab; those of one load run at the same time, so what disturbs one disturbs all. The rows are appended to
.build/allocator.jsonl; the last lines are docs/allocator.md's tables, made of all of its rows of the same release and scale.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import datetime
import json
import pathlib
import subprocess

import soak

FILES = ("accounting.py", "stubs.py", "drive.py", "growth.py", "grow.py")
# setting: (hermes_session, hermes_allocator)
SETTINGS = {
    "default": ("absent", "absent"),
    "session": ("present", "absent"),
    "allocator": ("absent", "present"),
    "both": ("present", "present"),
    "glibc": ("absent", "present"),
}
SCALES = {
    "short": {
        "evicted": ["--chats", "20"],
        "steady": ["--chats", "10", "--seconds", "120", "--bytes", "4000"],
    },
    # Here as there a chat has had its 25 turns, which is what hermes_session leaves it, before the warm-up is over.
    "medium": {
        "evicted": ["--chats", "120"],
        "steady": ["--chats", "12", "--seconds", "1500", "--bytes", "4000"],
    },
    "long": {
        "evicted": ["--chats", "120"],
        "steady": ["--chats", "30", "--seconds", "3600", "--bytes", "4000"],
    },
}
COLUMNS = {
    "evicted": (
        "start_mb",
        "peak_mb",
        "idle_mb",
        "evicted",
        "cpu_ms_per_turn",
        "answer_median_s",
        "answer_max_s",
    ),
    "steady": (
        "start_mb",
        "peak_mb",
        "idle_mb",
        "growth_mb_per_1000_turns",
        "cpu_ms_per_turn",
        "answer_median_s",
        "answer_max_s",
    ),
}


def measure(lab, setting, load, scale):
    """One run on a fresh host; its row (dict)."""
    session, allocator = SETTINGS[setting]
    lab.do("up", lab.host)
    subprocess.run(
        [
            "ansible-playbook",
            soak.TOP / "tests/lab/load/allocator.yml",
            "-i",
            soak.TOP / ".lab" / lab.prefix / "inventory.yml",
            "-e",
            "hermes_session_state=" + session,
            "-e",
            "hermes_allocator_state=" + allocator,
            "-e",
            "hermes_allocator_library=" + ("glibc" if setting == "glibc" else "jemalloc"),
        ],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    row = lab.program("grow.py", FILES, ["--load", load] + SCALES[scale][load])
    if row["jemalloc"] != (setting in ("allocator", "both")):
        raise SystemExit(
            "allocator: the gateway of setting %s has %s"
            % (setting, "jemalloc" if row["jemalloc"] else "no jemalloc")
        )
    when = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M")
    return {"hermes": lab.hermes, "setting": setting, "scale": scale, "when": when, **row}


def side_by_side(options, load):
    """Every setting at the same time; results are kept if one of them fails."""
    labs = {
        setting: soak.Lab("%s-%s" % (options.prefix, setting), options.hermes)
        for setting in options.settings
    }
    try:
        for lab in labs.values():
            lab.do("down")
        with concurrent.futures.ThreadPoolExecutor(len(labs)) as pool:
            runs = [
                pool.submit(measure, lab, setting, load, options.scale)
                for setting, lab in labs.items()
            ]
            for run in concurrent.futures.as_completed(runs):
                if not run.exception():
                    with options.out.open("a", encoding="utf-8") as out:
                        out.write(json.dumps(run.result()) + "\n")
                    print(json.dumps(run.result()), flush=True)
        for run in runs:
            run.result()
    finally:
        for lab in labs.values():
            lab.do("down")


def table(rows, load):
    """The rows of ``load`` as lines of Markdown."""
    names = ("setting", "turns", "unanswered") + COLUMNS[load]
    lines = ["| %s |" % " | ".join(names), "| --- " * len(names) + "|"]
    return lines + [
        "| %s |" % " | ".join(str(row[name]) for name in names)
        for row in rows
        if row["load"] == load
    ]


def main():
    """Run what is asked for, a load at a time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--scale",
        choices=sorted(SCALES),
        default="long",
        help="short: to try it, a quarter of an hour; medium: 25 minutes of steady load, 45 in all; long: an hour of it, 80 in all",
    )
    parser.add_argument(
        "--settings",
        nargs="+",
        choices=list(SETTINGS),
        default=["default", "session", "allocator", "both"],
    )
    parser.add_argument("--loads", nargs="+", choices=list(COLUMNS), default=list(COLUMNS))
    parser.add_argument("--hermes", choices=list(soak.HOSTS), default="0.19.0", help="the release")
    parser.add_argument("--prefix", default="hermes-allocator", metavar="NAME", help="of the lab")
    parser.add_argument(
        "--out", type=pathlib.Path, default=soak.TOP / ".build/allocator.jsonl", metavar="FILE"
    )
    options = parser.parse_args()
    subprocess.run([soak.TOP / "tests/tools/link"], check=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    for load in options.loads:
        side_by_side(options, load)
    rows = [
        row
        for row in map(json.loads, options.out.read_text(encoding="utf-8").splitlines())
        if (row.get("hermes", "0.19.0"), row["scale"]) == (options.hermes, options.scale)
    ]
    for load in options.loads:
        print("\n" + "\n".join(table(rows, load)))


if __name__ == "__main__":
    main()
