"""Progress lines, errors, and running other programs."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time

START = time.monotonic()


class LabError(Exception):
    """An error for the user; the text is one line, with the end of the output if that helps."""


def say(text):
    """One progress line with the seconds since the start."""
    sys.stderr.write("lab: [%4d s] %s\n" % (time.monotonic() - START, text))
    sys.stderr.flush()


@contextlib.contextmanager
def step(text):
    """A slow step: prints a line at its start and at its end."""
    begin = time.monotonic()
    say("%s ..." % text)
    yield
    say("%s: done in %d s" % (text, time.monotonic() - begin))


def tail(text, lines=12):
    """The end of some output, indented under an error."""
    return "".join("\n    " + line for line in text.strip().splitlines()[-lines:])


def run(argv, what=None, check=True, timeout=900, **kwargs):
    """Run a program without a terminal and return its result; a failure is an error that shows the end of its output."""
    if "input" not in kwargs and "stdin" not in kwargs:
        kwargs["stdin"] = subprocess.DEVNULL
    try:
        done = subprocess.run(
            argv,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=timeout,
            check=False,
            encoding="utf-8",
            errors="replace",
            **kwargs,
        )
    except FileNotFoundError as error:
        raise LabError("%s is not installed" % argv[0]) from error
    except subprocess.TimeoutExpired as error:
        raise LabError(
            "%s: still running after %d s" % (what or " ".join(argv[:4]), timeout)
        ) from error
    if check and done.returncode:
        raise LabError(
            "%s failed (exit %d)%s"
            % (what or " ".join(argv[:4]), done.returncode, tail(done.stdout + "\n" + done.stderr))
        )
    return done
