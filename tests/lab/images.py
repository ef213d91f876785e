"""The images: a base from a registry or from debootstrap, then one recipe for all; tags say what went in."""
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
    files = [os.path.join(RECIPE, name) for name in sorted(os.listdir(RECIPE))]
    if host.hermes != "none":
        files.append(lock_file(host.hermes))
    return "%s:%s-%s-%s" % (NAME, host.suite, host.hermes, digest(files, host.suite, host.hermes))


def exists(engine, image):
    """Is the image here already?"""
    return engine("image", "inspect", image, check=False).returncode == 0


@contextlib.contextmanager
def scratch(name):
    """A folder for a build. What is still mounted in it is unmounted first: a removal must never reach the host."""
    folder = tempfile.mkdtemp(prefix=name + ".", dir=os.path.dirname(paths.cache("build", "x")))
    try:
        yield folder
    finally:
        with open("/proc/self/mounts", encoding="utf-8") if os.path.exists("/proc/self/mounts") else open(os.devnull, encoding="utf-8") as handle:
            mounted = [line.split()[1] for line in handle if line.split()[1].startswith(folder + "/")]
        for point in sorted(mounted, reverse=True):
            run(["umount", point])
        run(["rm", "-rf", "--one-file-system", folder] if sys.platform.startswith("linux") else ["rm", "-rf", folder])


def base(engine, suite):
    """The name of a bare Debian image, made or fetched where it is not here."""
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
            say("no registry answers: the base images are made with debootstrap")
            if os.geteuid() or not shutil.which("apt-get"):
                raise LabError("cannot fetch %s (%s), and making it needs root on a Debian" % (stock, REGISTRY["why"]))
            engines.install(["debootstrap"])
    with step("debootstrap %s" % suite), scratch(suite) as root:
        run(["debootstrap", "--variant=minbase", suite, root], "debootstrap " + suite)
        shutil.rmtree(os.path.join(root, "var/cache/apt/archives"))
        os.makedirs(os.path.join(root, "var/cache/apt/archives/partial"))
        with subprocess.Popen(["tar", "-C", root, "--one-file-system", "-c", "."], stdout=subprocess.PIPE) as tar:
            engine("import", "-", own, stdin=tar.stdout)
            tar.stdout.close()
        if tar.returncode:
            raise LabError("tar of %s failed (exit %d)" % (root, tar.returncode))
    return own


def wheels(engine, hermes, python):
    """A folder with all wheels of a Hermes version, downloaded once on the host: builds need no package index."""
    folder = os.path.dirname(paths.cache("wheels", "%s-%s" % (python, digest([lock_file(hermes)])), "x"))
    complete = os.path.join(folder, "complete")
    if os.path.exists(complete):
        return folder
    field = "{{.Host.Arch}}" if engine.name == "podman" else "{{.Architecture}}"
    machine = engine("info", "--format", field).stdout.strip() or platform.machine()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    # glibc of the oldest suite with Hermes is 2.36; pip wants every tag that may do by name.
    tags = ["manylinux_2_%d_%s" % (minor, machine) for minor in range(36, 16, -1)] + ["manylinux2014_" + machine]
    argv = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:",
            "--python-version", python, "-r", lock_file(hermes), "-d", folder]
    for name in tags + ["any"]:
        argv += ["--platform", name]
    with step("downloading Hermes %s for Python %s" % (hermes, python)):
        if run([sys.executable, "-m", "pip", "--version"], check=False).returncode:
            argv[0] = pip_python()
        run(argv, "pip download")
        paths.write(complete, "")
    return folder


def pip_python():
    """A Python with pip, in the cache, for a host whose own has none."""
    folder = os.path.dirname(paths.cache("pip", "x"))
    python = os.path.join(folder, "bin", "python")
    if run([python, "-m", "pip", "--version"], check=False).returncode if os.path.exists(python) else True:
        if os.geteuid() == 0 and shutil.which("apt-get"):
            run(["apt-get", "install", "-y", "-q", "--no-install-recommends", "python3-venv"], env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
        run([sys.executable, "-m", "venv", "--clear", folder], "making a venv with pip (python3-venv is needed)")
    return python


def build(engine, host):
    """One image."""
    source = base(engine, host.suite)
    with contextlib.ExitStack() as stack:
        context = stack.enter_context(scratch("context"))
        for path in glob.glob(os.path.join(RECIPE, "*")):
            shutil.copy(path, context)
        if host.hermes != "none":
            found = wheels(engine, host.hermes, hosts.PYTHONS[host.suite])
            shutil.copytree(found, os.path.join(context, "wheels"))
            shutil.copy(lock_file(host.hermes), os.path.join(context, "hermes.txt"))
        stack.enter_context(step("building the %s image (Hermes: %s)" % (host.suite, host.hermes)))
        engine("build", *engine.build_flags, "--build-arg", "BASE=" + source, "--build-arg", "HERMES=" + host.hermes,
               "-f", os.path.join(context, "Containerfile"), "-t", tag(host), context, what="building the %s image" % host.suite, timeout=1800)


def ensure(engine, wanted):
    """All images that these hosts need, two at a time; `engine` learns its flags from the first base image."""
    with paths.locked("images"):
        missing = {}
        for host in wanted:
            if not exists(engine, tag(host)):
                missing.setdefault(tag(host), host)
        first = next(iter(missing.values()), None)
        engine.settle(base(engine, first.suite) if first else tag(wanted[0]))
        with ThreadPoolExecutor(2) as pool:
            for job in [pool.submit(build, engine, host) for host in missing.values()]:
                job.result()


def remove(engine):
    """All images of the lab, built and base, and what was remembered of the engine."""
    for name in (NAME, BASE):
        listed = engine("images", "-q", "--no-trunc", name).stdout.split()
        if listed:
            engine("rmi", *sorted(set(listed)), what="removing the images (are other labs up?)")
            say("removed %d image(s) %s" % (len(set(listed)), name))
    engines.forget()
