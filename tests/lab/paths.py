"""The paths of the checkout, the cache, and the state of one lab."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile

from say import say

LAB = os.path.dirname(os.path.realpath(__file__))
CHECKOUT = os.path.dirname(os.path.dirname(LAB))


def cache(*parts):
    """A path in the user's cache; its directory is created."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.path.join(base, "hermes-ops-lab", *parts)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def default_state(prefix):
    """The default directory for the key and the inventory of a lab."""
    return os.path.join(CHECKOUT, ".lab", prefix)


@contextlib.contextmanager
def ignoring_missing():
    """For removals: a missing file counts as removed."""
    try:
        yield
    except FileNotFoundError:
        pass


def write(path, text, mode=0o644):
    """Write a file atomically, unless it has the same content already."""
    try:
        with open(path, encoding="utf-8") as handle:
            if handle.read() == text:
                return
    except OSError:
        pass
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextlib.contextmanager
def locked(name):
    """A lock for all processes of this user: molecule and the demo share engine and cache."""
    with open(cache(name + ".lock"), "w", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another lab command (%s)" % name)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
