"""Finds the container engine that works on this machine, and its flags."""

from __future__ import annotations

import json
import os
import resource
import shutil

import paths
from say import LabError, run, say, step

# Packages of the tools that the lab can install itself, as root on Debian.
PACKAGES = {
    "podman": "podman",
    "runc": "runc",
    "iptables": "iptables",
    "debootstrap": "debootstrap",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "qemu-system-x86_64": "qemu-system-x86",
}


def install(tools):
    """Install the missing tools if permitted, else name the packages to install."""
    # Of a tool that another lab command is installing, the program may be there already, and not work yet.
    with paths.locked("packages"):
        packages = sorted({PACKAGES[tool] for tool in tools if not shutil.which(tool)})
        if packages:
            _apt(packages)


def apt(packages):
    """Install Debian packages, or ask the user to."""
    with paths.locked("packages"):
        _apt(packages)


def _apt(packages):
    if os.geteuid() or not shutil.which("apt-get"):
        raise LabError("please install: %s" % " ".join(packages))
    with step("installing %s" % " ".join(packages)):
        env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
        run(["apt-get", "update", "-q"], env=env)
        patient = ["-o", "DPkg::Lock::Timeout=300"]
        run(
            ["apt-get", "install", "-y", "-q", "--no-install-recommends", *patient, *packages],
            env=env,
        )


class Engine:
    """A working engine: how to call it, and what it needs on `run` and `build`."""

    def __init__(self, name):
        self.name = name
        self.version = None
        self.variant = "plain"

    def answers(self):
        """Whether the client has a running engine: a docker client alone is not enough."""
        if not shutil.which(self.name):
            return False
        field = "{{.Version.Version}}" if self.name == "podman" else "{{.ServerVersion}}"
        done = run([self.name, "info", "--format", field], check=False, timeout=60)
        self.version = done.stdout.strip()
        return done.returncode == 0 and bool(self.version)

    @property
    def argv(self):
        """The client with its global options."""
        if self.variant == "restricted":
            return [self.name, "--runtime", "runc", "--cgroup-manager", "cgroupfs"]
        return [self.name]

    @property
    def run_flags(self):
        """The flags of every container. Privileged, because units with ProtectSystem= and similar settings create mount namespaces."""
        flags = ["--privileged"]
        if self.name == "podman":
            flags += ["--systemd=always"]
        else:
            flags += [
                "--cgroupns=private",
                "--tmpfs",
                "/run",
                "--tmpfs",
                "/run/lock",
                "-e",
                "container=docker",
            ]
        if self.variant == "restricted":
            for name, kind in (
                ("nofile", resource.RLIMIT_NOFILE),
                ("nproc", resource.RLIMIT_NPROC),
            ):
                hard = resource.getrlimit(kind)[1]
                limit = 16384 if hard == resource.RLIM_INFINITY else min(hard, 16384)
                flags += ["--ulimit", "%s=%d:%d" % (name, limit, limit)]
        return flags

    @property
    def build_flags(self):
        """The flags of every build; without intermediate images, so that `down --images` removes everything."""
        flags = ["--layers=false"] if self.name == "podman" else []
        if self.variant == "restricted":
            flags += ["--isolation=chroot", "--network=host"]
        return flags

    def __call__(self, *args, **kwargs):
        return run(self.argv + list(args), **kwargs)

    def settle(self, image):
        """Find the flags that this machine needs, with a container that does nothing, and remember them."""
        known = remembered()
        if known.get("engine") == self.name and known.get("version") == self.version:
            self.variant = known["variant"]
            return
        failures = []
        for variant in ("plain", "restricted") if self.name == "podman" else ("plain",):
            self.variant = variant
            if self.variant == "restricted" and os.geteuid() == 0 and shutil.which("apt-get"):
                install(["runc", "iptables"])
            done = self(
                "run",
                "--rm",
                *self.run_flags,
                "-p",
                "127.0.0.1::22",
                image,
                "true",
                check=False,
                timeout=120,
            )
            if done.returncode == 0:
                if self.variant != "plain":
                    say(
                        "%s starts containers here only with the flags of a restricted machine"
                        % self.name
                    )
                paths.write(
                    paths.cache("engine.json"),
                    json.dumps(
                        {"engine": self.name, "version": self.version, "variant": self.variant}
                    ),
                )
                return
            failures.append((done.stderr.strip().splitlines() or ["exit %d" % done.returncode])[-1])
        raise LabError(
            "%s cannot start a container here: %s"
            % (self.name, "; with restricted flags: ".join(failures))
        )


def remembered():
    """The engine and flags that worked last time, or None."""
    try:
        with open(paths.cache("engine.json"), encoding="utf-8") as handle:
            return json.load(handle)
    except (OSError, ValueError):
        return {}


def forget():
    """Probe again next time."""
    with paths.ignoring_missing():
        os.unlink(paths.cache("engine.json"))


def find(may_install=True):
    """The first engine that answers, with the flags remembered for it."""
    for attempt in (0, 1):
        for name in ("podman", "docker"):
            engine = Engine(name)
            if engine.answers():
                known = remembered()
                if known.get("engine") == name and known.get("version") == engine.version:
                    engine.variant = known["variant"]
                return engine
        if attempt:
            break
        if may_install:
            say("no working container engine found")
        # Without permission too: wait for the lab command that is installing one.
        install(["podman", "runc", "iptables"] if may_install else [])
    raise LabError("no working container engine: install and start podman or docker")
