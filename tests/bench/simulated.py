# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many hosts on one machine: each has a separate root directory, in which modules, Python, files and Hermes are real.

The root is the lab's Debian 12 image with a real Hermes in it, under a layer in memory that is the host's own. Simulated are the answers
of systemctl (a script that remembers what was enabled; there is one gateway, stopped) and the network (no sshd: what a connection costs
is measured on the lab). A module runs as on a VPS, but all of them share this machine's cores.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess

import runs

IMAGE = "hermes-lab:bookworm-0.19.0-"
GATEWAY = """Id=hermes-gateway.service
LoadState=loaded
ActiveState=inactive
SubState=dead
Result=success
MainPID=0
InvocationID=
User=hermes
ExecStart={ path=/opt/hermes/venv/bin/python ; argv[]=/opt/hermes/venv/bin/python -m hermes_cli.main gateway run ; ignore_errors=no ; start_time=[n/a] }
Environment=HERMES_HOME=/home/hermes/.hermes
ControlGroup=
FragmentPath=/etc/systemd/system/hermes-gateway.service
UnitFileState=enabled
NeedDaemonReload=no
Restart=always
NRestarts=0
"""
OTHERS = 60


def own_mounts(argv):
    """Give this process its own mounts, which are removed when it ends."""
    if os.environ.get("HERMES_BENCH_MOUNTS") != "own":
        os.environ["HERMES_BENCH_MOUNTS"] = "own"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private"] + argv)


def _image():
    """The root file system of the lab's Debian 12 image, mounted read-only by podman."""
    listed = subprocess.run(
        ["podman", "images", "--format", "{{.Repository}}:{{.Tag}}"],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout.split()
    names = [name for name in listed if IMAGE in name]
    if not names:
        raise SystemExit("bench: the lab's image is missing: run tests/lab/lab up alpha")
    return subprocess.run(
        ["podman", "image", "mount", names[0]], check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


@contextlib.contextmanager
def fleet(count, prepare=None, name="fleet"):
    """``count`` hosts; the inventory of them. Several fleets at a time need names.

    They are fresh; or, with ``prepare``, all of them as one is after ``prepare(inventory)``, for a first run on a thousand takes an hour.
    """
    top = runs.OUT / name
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir(parents=True)
    mounts = []
    try:
        _mount(mounts, top, "-t", "tmpfs", "-o", "mode=755", "bench")
        base, lowest = top / "base", _image()
        _base(base, lowest)
        layers = [base, lowest]
        if prepare:
            prepare(_inventory(mounts, top, ["example"], layers))
            while len(mounts) > 1:
                _unmount(mounts.pop())
            layers.insert(0, top / "example/upper")
        yield _inventory(mounts, top, ["host%04d" % number for number in range(count)], layers)
    finally:
        for path in reversed(mounts):
            _unmount(path, "--lazy")


def _mount(mounts, path, *how):
    subprocess.run(["mount", *how, str(path)], check=True)
    mounts.append(path)


def _pin(mounts, root):
    """A mount namespace with the mounts of one host: each command copies its namespace, which takes long with those of a thousand hosts."""
    alone = "cd %s && pivot_root . mnt && mount -t proc proc /proc && umount -l /mnt && echo done && read end"
    command = [
        "unshare",
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        alone % (root / "root"),
    ]
    keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    mounts.append(keeper)
    keeper.stdout.readline()
    (root / "namespace").symlink_to("/proc/%d/ns/mnt" % keeper.pid)


def _unmount(path, *how):
    if isinstance(path, subprocess.Popen):
        path.communicate()
        return
    subprocess.run(["umount", *how, str(path)], check=not how)


def _inventory(mounts, top, names, layers):
    """The inventory file of hosts above ``layers``."""
    hosts = {}
    for name in names:
        root = top / name
        for folder in ("upper", "work", "root"):
            (root / folder).mkdir(parents=True)
        how = "lowerdir=%s,upperdir=%s,workdir=%s" % (
            ":".join(map(str, layers)),
            root / "upper",
            root / "work",
        )
        _mount(mounts, root / "root", "-t", "overlay", "-o", how, "bench")
        _mount(mounts, root / "root/dev", "--bind", "/dev")
        _pin(mounts, root)
        hosts[name] = {"hermes_bench_root": str(root / "root")}
    inventory = top / "inventory.json"
    common = {
        "ansible_connection": "rooted",
        "ansible_python_interpreter": "/usr/bin/python3",
        "ansible_remote_tmp": "/tmp/.ansible",
        # They would differ only in the hour that is derived from the host's name.
        "hermes_restart_timer_at": ["04:00", "16:00"],
    }
    inventory.write_text(json.dumps({"all": {"vars": common, "hosts": hosts}}), encoding="utf-8")
    return inventory


def _base(base, lowest):
    """The files that all hosts have in addition to the image: a gateway's unit, home and user, and the systemctl of this directory."""
    for folder in (
        "opt/bench",
        "usr/local/sbin",
        "run/bench",
        "run/systemd/system",
        "etc/systemd/system",
        "home/hermes/.hermes",
        "tmp",
        "usr/bin",
    ):
        (base / folder).mkdir(parents=True)
    shutil.copy(runs.BENCH / "systemctl", base / "usr/local/sbin/systemctl")
    shutil.copy(runs.BENCH / "systemctl", base / "usr/bin/systemctl")
    (base / "tmp").chmod(0o1777)
    (base / "opt/bench/gateway").write_text(GATEWAY, encoding="utf-8")
    other = "Id=other%d.service\nLoadState=loaded\nActiveState=active\nSubState=running\nMainPID=0\nUser=\nExecStart={ path=/bin/x ; argv[]=/bin/x ; }\n\n"
    (base / "opt/bench/services").write_text(
        "".join(other % number for number in range(OTHERS)) + GATEWAY, encoding="utf-8"
    )
    (base / "etc/systemd/system/hermes-gateway.service").write_text("[Service]\n", encoding="utf-8")
    for name, line in (
        ("passwd", "hermes:x:4242:4242::/home/hermes:/bin/bash\n"),
        ("group", "hermes:x:4242:\n"),
        ("shadow", "hermes:*:20000::::::\n"),
    ):
        source = os.path.join(lowest, "etc", name)
        shutil.copy2(source, base / "etc" / name)
        with open(base / "etc" / name, "a", encoding="utf-8") as handle:
            handle.write(line)
    shutil.copy(
        runs.TOP / "tests/lab/host/config.yaml.txt", base / "home/hermes/.hermes/config.yaml"
    )
    for folder, _folders, files in os.walk(base / "home/hermes"):
        for path in [folder] + [os.path.join(folder, name) for name in files]:
            os.chown(path, 4242, 4242)
