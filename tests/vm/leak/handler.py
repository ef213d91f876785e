"""A gateway that leaks when a file `ask` beside this one says so: `self 20` for 20 MB a second, `child 20` for a child process that does.

What is asked is asked once: the file goes before the leak begins, so that the next life of the gateway is well.
"""

import asyncio
import pathlib
import subprocess
import sys

ASK = pathlib.Path(__file__).with_name("ask")
CHILD = "import sys, time\nkept = []\nwhile True:\n    kept.append(b'x' * (int(sys.argv[1]) << 20))\n    time.sleep(1)\n"
KEPT, TASKS = [], []


async def leak():
    while not ASK.exists():
        await asyncio.sleep(1)
    who, rate = ASK.read_text().split()
    ASK.unlink()
    if who == "child":
        KEPT.append(subprocess.Popen([sys.executable, "-S", "-c", CHILD, rate]))
        await leak()
    while True:
        KEPT.append(b"x" * (int(rate) << 20))
        await asyncio.sleep(1)


async def handle(event_type, context):
    TASKS.append(asyncio.get_running_loop().create_task(leak()))
