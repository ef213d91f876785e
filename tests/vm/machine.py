# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One virtual machine: booted, reached over SSH, and removed at the end. Its disk does not change."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time

from say import LabError, run, say, step, tail

QEMU = "qemu-system-x86_64"
NAME = "vm"
# Written by the image's ssh.service.
UP = "sshd is up"


class Machine:
    """`folder` has the kernel and the disk; `state` gets the keys, the inventory and the console's log."""

    def __init__(self, folder, state):
        self.folder = folder
        self.state = pathlib.Path(state)
        # The path of a socket has at most 108 characters, so it is not in the checkout.
        self.scratch = tempfile.mkdtemp(prefix="hermes-vm.")
        self.process = None

    def __enter__(self):
        try:
            with step("booting the machine"):
                self.boot()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *dummy):
        if self.process:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.scratch)

    def boot(self):
        """Start it, and wait until it answers over SSH."""
        shutil.rmtree(self.state, ignore_errors=True)
        self.state.mkdir(parents=True)
        port = free_port()
        self.keys(port)
        # Without KVM, which many machines lack. Killed when this process ends for any reason.
        argv = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            QEMU,
            "-machine",
            "q35",
            "-accel",
            "tcg,thread=multi",
            "-cpu",
            "max",
            "-smp",
            "2",
            "-m",
            "1024",
            "-kernel",
            self.folder / "vmlinuz",
            "-initrd",
            self.folder / "initrd.img",
            "-append",
            "root=/dev/vda rw console=ttyS0 quiet mitigations=off",
            "-drive",
            "file=%s,format=raw,if=virtio,snapshot=on" % (self.folder / "root.ext4"),
            "-drive",
            "file=%s,format=raw,if=virtio,readonly=on" % (self.state / "keys.tar"),
            "-netdev",
            "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:%d-:22" % port,
            "-device",
            "virtio-net-pci,netdev=net",
            "-nodefaults",
            "-display",
            "none",
            "-serial",
            "file:%s" % (self.state / "console.log"),
            "-device",
            "virtio-rng-pci",
        ]
        with open(self.state / "qemu.log", "wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        deadline = time.monotonic() + 600
        while UP not in self.console():
            if self.process.poll() is not None:
                raise LabError("the machine ended%s" % tail((self.state / "qemu.log").read_text()))
            if time.monotonic() > deadline:
                raise LabError("the machine has not booted after 600 s%s" % tail(self.console()))
            time.sleep(0.5)
        self.ssh("true")

    def console(self):
        """What the machine has written to its serial console."""
        try:
            return (self.state / "console.log").read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def keys(self, port):
        """A key for us and one for the machine, its second disk with them, and how to reach it."""
        for name in ("id_ed25519", "ssh_host_ed25519_key"):
            run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", NAME, "-f", self.state / name]
            )
        with tarfile.open(self.state / "keys.tar", "w") as archive:
            for name, place in (
                ("id_ed25519.pub", "root/.ssh/authorized_keys"),
                ("ssh_host_ed25519_key", "etc/ssh/ssh_host_ed25519_key"),
                ("ssh_host_ed25519_key.pub", "etc/ssh/ssh_host_ed25519_key.pub"),
            ):
                archive.add(self.state / name, place, filter=of_root)
        (self.state / "known_hosts").write_text(
            "%s %s" % (NAME, (self.state / "ssh_host_ed25519_key.pub").read_text())
        )
        (self.state / "ssh_config").write_text(
            "Host %s\n" % NAME
            + "".join(
                "  %s\n" % line
                for line in (
                    "HostName 127.0.0.1",
                    "Port %d" % port,
                    "User root",
                    "HostKeyAlias " + NAME,
                    'IdentityFile "%s"' % (self.state / "id_ed25519"),
                    "IdentitiesOnly yes",
                    'UserKnownHostsFile "%s"' % (self.state / "known_hosts"),
                    "StrictHostKeyChecking yes",
                    "LogLevel ERROR",
                    "BatchMode yes",
                    "ConnectTimeout 60",
                    "ControlMaster auto",
                    "ControlPath %s/%%C" % self.scratch,
                    "ControlPersist 600",
                )
            )
        )
        values = {
            "ansible_python_interpreter": "/usr/bin/python3",
            "ansible_ssh_common_args": "-F %s" % json.dumps(str(self.state / "ssh_config")),
        }
        (self.state / "inventory.yml").write_text(
            json.dumps({"all": {"hosts": {NAME: values}}}) + "\n"
        )

    def ssh(self, command, **kwargs):
        """Run a shell command as root on the machine."""
        return run(["ssh", "-F", self.state / "ssh_config", NAME, command], timeout=120, **kwargs)

    def say(self, command):
        """The output of a command, which must succeed."""
        return self.ssh(command).stdout.strip()

    def wait(self, what, command, seconds=300):
        """Wait until a command succeeds, and return what it prints."""
        deadline = time.monotonic() + seconds
        begin = time.monotonic()
        while True:
            done = self.ssh(command, check=False)
            if done.returncode == 0:
                say("%s: after %d s" % (what, time.monotonic() - begin))
                return done.stdout.strip()
            if time.monotonic() > deadline:
                raise LabError(
                    "%s: not within %d s%s" % (what, seconds, tail(done.stdout + done.stderr))
                )
            time.sleep(1)


def of_root(member):
    """A file of the second disk, as root has it."""
    member.uid = member.gid = 0
    member.uname = member.gname = "root"
    member.mode = 0o644 if member.name.endswith((".pub", "authorized_keys")) else 0o600
    return member


def free_port():
    """A free port of this machine."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(top):
    """The environment of Ansible's programs."""
    return dict(
        os.environ,
        PATH="%s:%s" % (top / ".venv/bin", os.environ["PATH"]),
        ANSIBLE_COLLECTIONS_PATH=str(top / ".build/collections"),
        ANSIBLE_NOCOLOR="1",
        ANSIBLE_PIPELINING="1",
        ANSIBLE_TIMEOUT="60",
    )
