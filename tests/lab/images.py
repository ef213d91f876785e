"""The images: a base from a registry or debootstrap, then one recipe for all; the tag is a hash of the inputs."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import engine as engines
import hosts
import paths
from say import LabError, run, say, step

RECIPE = os.path.join(paths.LAB, "image")
NAME = "localhost/hermes-lab"
BASE = "localhost/hermes-lab-base"
LABEL = "hermes-lab=image"
# The first answer (is there a registry?) holds for the rest of the run.
REGISTRY = {"lock": threading.Lock(), "reachable": None}
FIRST = threading.Lock()
PIP = threading.Lock()


def lock_file(hermes):
    """The pinned packages of one Hermes version."""
    path = os.path.join(paths.LAB, "hermes-%s.txt" % hermes)
    if not os.path.exists(path):
        raise LabError("no lock file for Hermes %s: %s is missing" % (hermes, path))
    return path


def digest(files, *words):
    """A short hash of some files and words."""
    state = hashlib.sha256("\0".join(words).encode())
    for path in sorted(files):
        with open(path, "rb") as handle:
            state.update(os.path.basename(path).encode() + b"\0" + handle.read() + b"\0")
    return state.hexdigest()[:12]


def tag(host):
    """The image that a host needs; the same for every host with the same suite and Hermes."""
    files = [os.path.join(RECIPE, name) for name in ("Containerfile", "setup.sh")]
    if host.hermes != "none":
        files += [os.path.join(RECIPE, "hermes.sh"), lock_file(host.hermes)]
    return "%s:%s-%s-%s" % (NAME, host.suite, host.hermes, digest(files, host.suite, host.hermes))


def exists(engine, image):
    """Whether the image exists."""
    return engine("image", "inspect", image, check=False).returncode == 0


@contextlib.contextmanager
def scratch(name):
    """A directory for a build. Remaining mounts in it are unmounted first: a removal must never reach the host."""
    folder = tempfile.mkdtemp(prefix=name + ".", dir=os.path.dirname(paths.cache("build", "x")))
    try:
        yield folder
    finally:
        if sys.platform.startswith("linux"):
            with open("/proc/self/mounts", encoding="utf-8") as handle:
                mounted = [
                    line.split()[1] for line in handle if line.split()[1].startswith(folder + "/")
                ]
            for point in sorted(mounted, reverse=True):
                run(["umount", point])
            run(["rm", "-rf", "--one-file-system", folder])
        else:
            shutil.rmtree(folder)


def base(engine, suite):
    """The name of a bare Debian image, which is built or fetched if missing."""
    stock, own = "debian:" + suite, "%s:%s" % (BASE, suite)
    for image in (stock, own):
        if exists(engine, image):
            return image
    with REGISTRY["lock"]:
        if REGISTRY["reachable"] is not False:
            with step("fetching %s" % stock):
                pulled = engine("pull", stock, check=False, timeout=600)
            REGISTRY["reachable"] = pulled.returncode == 0
            if REGISTRY["reachable"]:
                return stock
            REGISTRY["why"] = (pulled.stderr.strip().splitlines() or ["no reason given"])[-1]
            say("no registry answers: building the base images with debootstrap")
            if os.geteuid() or not shutil.which("apt-get"):
                raise LabError(
                    "cannot fetch %s (%s), and making it needs root on a Debian"
                    % (stock, REGISTRY["why"])
                )
            engines.install(["debootstrap"])
    with step("debootstrap %s" % suite), scratch(suite) as root:
        run(["debootstrap", "--variant=minbase", suite, root], "debootstrap " + suite)
        shutil.rmtree(os.path.join(root, "var/cache/apt/archives"))
        os.makedirs(os.path.join(root, "var/cache/apt/archives/partial"))
        with subprocess.Popen(
            ["tar", "-C", root, "--one-file-system", "-c", "."], stdout=subprocess.PIPE
        ) as tar:
            engine("import", "-", own, stdin=tar.stdout)
            tar.stdout.close()
        if tar.returncode:
            raise LabError("tar of %s failed (exit %d)" % (root, tar.returncode))
    return own


def platform_flags(python, machine):
    """What pip needs to choose the wheels of a Python that is not its own."""
    # glibc of the oldest suite with Hermes is 2.36; pip wants every tag that may do by name.
    tags = ["manylinux_2_%d_%s" % (minor, machine) for minor in range(36, 16, -1)]
    flags = ["--python-version", python]
    for name in tags + ["manylinux2014_" + machine, "any"]:
        flags += ["--platform", name]
    return flags


def wheels(engine, hermes, python):
    """A folder with all wheels of a Hermes version, downloaded once on the host: builds need no package index."""
    folder = os.path.dirname(
        paths.cache("wheels", "%s-%s" % (python, digest([lock_file(hermes)])), "x")
    )
    complete = os.path.join(folder, "complete")
    if os.path.exists(complete):
        return folder
    field = "{{.Host.Arch}}" if engine.name == "podman" else "{{.Architecture}}"
    machine = engine("info", "--format", field).stdout.strip() or platform.machine()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    argv = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "--only-binary=:all:",
        "--require-hashes",
        "-r",
        lock_file(hermes),
        "-d",
        folder,
        *platform_flags(python, machine),
    ]
    with step("downloading Hermes %s for Python %s" % (hermes, python)):
        with PIP:
            if run([sys.executable, "-m", "pip", "--version"], check=False).returncode:
                argv[0] = pip_python()
        run(argv, "pip download")
        paths.write(complete, "")
    return folder


def pip_python():
    """A Python with pip, in the cache, for a host whose Python has none."""
    folder = os.path.dirname(paths.cache("pip", "x"))
    python = os.path.join(folder, "bin", "python")
    if (
        not os.path.exists(python)
        or run([python, "-m", "pip", "--version"], check=False).returncode
    ):
        if run([sys.executable, "-c", "import ensurepip"], check=False).returncode:
            engines.apt(["python3-venv"])
        run([sys.executable, "-m", "venv", "--clear", folder], "making a venv with pip")
    return python


def bare(host):
    """A host of the same suite without Hermes, whose image the other one is made from."""
    return hosts.Host("", host.suite)


def build(engine, host, found):
    """Build one image; `found` is the future directory of wheels, or None."""
    source = tag(bare(host)) if found else base(engine, host.suite)
    with FIRST:
        # The first base image that is ready shows which flags the engine needs.
        engine.settle(source)
    with scratch("context") as context:
        for path in glob.glob(os.path.join(RECIPE, "*")):
            shutil.copy(path, context)
        if found:
            shutil.copytree(found.result(), os.path.join(context, "wheels"))
            shutil.copy(lock_file(host.hermes), os.path.join(context, "hermes.txt"))
        with step("building the %s image (Hermes: %s)" % (host.suite, host.hermes)):
            engine(
                "build",
                *engine.build_flags,
                "--build-arg",
                "BASE=" + source,
                "--build-arg",
                "HERMES=" + host.hermes,
                "-f",
                os.path.join(context, "Containerfile"),
                "-t",
                tag(host),
                context,
                what="building the %s image" % host.suite,
                timeout=1800,
            )


def ensure(engine, wanted):
    """All images of these hosts, in parallel: debootstrap needs the processor, pip the network."""
    with paths.locked("images"):
        missing = {tag(host): host for host in wanted if not exists(engine, tag(host))}
        if not missing:
            engine.settle(tag(wanted[0]))
            return
        plain = {tag(bare(host)): bare(host) for host in missing.values()}
        plain = [host for name, host in plain.items() if not exists(engine, name)]
        with ThreadPoolExecutor(8) as pool:
            downloads = {}
            for host in missing.values():
                key = (host.hermes, hosts.PYTHONS[host.suite])
                if host.hermes != "none" and key not in downloads:
                    downloads[key] = pool.submit(wheels, engine, *key)
            for job in [pool.submit(build, engine, host, None) for host in plain]:
                job.result()
            jobs = [
                pool.submit(build, engine, host, downloads[host.hermes, hosts.PYTHONS[host.suite]])
                for host in missing.values()
                if host.hermes != "none"
            ]
            for job in jobs:
                job.result()


def remove(engine):
    """Remove all images of the lab, including base images, and the stored flags of the engine."""
    users = engine(
        "ps", "-a", "--filter", "label=hermes-lab-prefix", "--format", "{{.Names}}"
    ).stdout.split()
    if users:
        raise LabError(
            "the images stay: other labs use them (%s); take those down first" % ", ".join(users)
        )
    for name in (NAME, BASE):
        listed = sorted(
            set(engine("images", "--format", "{{.Repository}}:{{.Tag}}", name).stdout.split()),
            # Those with Hermes are made from those without.
            key=lambda image: "-none-" in image,
        )
        if listed:
            engine("rmi", *listed, what="removing the images")
            say("removed %s" % " ".join(listed))
    # The virtual machine's disk is made of them: see tests/vm.
    shutil.rmtree(os.path.dirname(paths.cache("vm", "x")))
    engines.forget()
