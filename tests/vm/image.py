# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine's disk: host alpha of the lab, with its gateway, and a kernel. A file system in the lab's cache, whose name says what went in."""

from __future__ import annotations

import glob
import os
import pathlib
import shutil

import engine as engines
import hosts
import images
import paths
from fleet import Fleet
from say import step

HERE = pathlib.Path(__file__).parent
ALPHA = hosts.HOSTS["alpha"]
PREFIX = "hermes-vm-image"
# A non-recursive bind mount shows the files of the image, without the engine's mounts over them.
MAKE = "mount --bind / /mnt && cp /mnt/boot/vmlinuz /mnt/boot/initrd.img /disk/ && mke2fs -q -t ext4 -d /mnt /disk/root.ext4 2G"


def ensure():
    """The folder with vmlinuz, initrd.img and root.ext4."""
    ours = glob.glob(str(HERE / "image/*")) + glob.glob(str(HERE / "leak/*"))
    lab = [
        os.path.join(paths.LAB, "host", name)
        for name in os.listdir(os.path.join(paths.LAB, "host"))
    ]
    key = images.digest(ours + lab, images.tag(ALPHA), MAKE)
    folder = pathlib.Path(paths.cache("vm", key, "x")).parent
    with paths.locked("vm"):
        if not (folder / "root.ext4").exists():
            make(folder, ours)
    return folder


def make(folder, recipe):
    """Start alpha, save it as an image, add the kernel, and write it as a file system. Only the directory remains."""
    engine = engines.find()
    host, tag = "%s:vm-host" % images.NAME, "%s:vm" % images.NAME
    with images.scratch("vm") as context, images.scratch("disk") as disk:
        fleet = Fleet(engine, PREFIX, os.path.join(context, "state"))
        try:
            fleet.down([ALPHA.name])
            fleet.up([ALPHA.name])
            fleet.inside(ALPHA.name, "systemctl", "stop", ALPHA.gateways[0].unit)
            engine("commit", fleet.container(ALPHA.name), host)
        finally:
            fleet.down([ALPHA.name])
        # Not as a stage of the build: podman would remove the base image after it.
        base = images.base(engine, ALPHA.suite)
        engine(
            "run",
            "--rm",
            *engine.run_flags,
            "-v",
            context + ":/context",
            base,
            "tar",
            "-C",
            "/etc/apt",
            "-cf",
            "/context/apt.tar",
            ".",
        )
        for path in recipe:
            shutil.copy(path, context)
        with step("building the machine's image"):
            engine(
                "build",
                *engine.build_flags,
                "--build-arg",
                "HOST=" + host,
                "-f",
                os.path.join(context, "Containerfile"),
                "-t",
                tag,
                context,
                what="building the machine's image",
                timeout=1800,
            )
        with step("writing its file system"):
            engine(
                "run",
                "--rm",
                *engine.run_flags,
                "-v",
                disk + ":/disk",
                tag,
                "sh",
                "-c",
                MAKE,
                what="writing the machine's file system",
            )
        engine("rmi", tag, host)
        # A gigabyte each, so disks of earlier recipes are removed. The file that marks a disk as complete is written last.
        for old in folder.parent.iterdir():
            shutil.rmtree(old)
        folder.mkdir()
        for name in ("vmlinuz", "initrd.img", "root.ext4"):
            os.rename(os.path.join(disk, name), folder / name)
