"""Copies the sources to .build/snapshot-NAME/ansible_collections/hermes_ops/gateway.

They are what git knows, and what it would be told of.

Usage: python3 snapshot.py NAME; prints where the copy is.

ansible-test wants the collection in a folder of that name, and every other tool is spared the
virtual environments. The copy is a git repository of its own: inside the checkout's ignored .build,
tools that ask git would see no file at all.
"""

import shutil
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
COPY = TOP / ".build" / ("snapshot-" + sys.argv[1]) / "ansible_collections/hermes_ops/gateway"

listed = subprocess.run(
    ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
    cwd=TOP,
    check=True,
    stdout=subprocess.PIPE,
).stdout.decode()
names = [
    name for name in listed.split("\0") if name and (TOP / name).is_file()
]  # one that was deleted is still listed

shutil.rmtree(COPY, ignore_errors=True)
for name in names:
    target = COPY / name
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(TOP / name, target, follow_symlinks=False)
subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=COPY, check=True)
subprocess.run(["git", "add", "--all"], cwd=COPY, check=True)
print(COPY)
