# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers on free ports of loopback, each with its own directory and log, for as long as a test needs them."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

TOP = Path(__file__).resolve().parents[2]
# Java starts in 3 s on an idle machine, and in 30 s on a busy one with two cores.
PATIENCE_SECONDS = 120


class Missing(Exception):
    """A wait has timed out."""


def wait(what: str, true: Callable[[], object], seconds: float = PATIENCE_SECONDS) -> object:
    """Wait until ``true()`` returns a true value, and return it; else raise Missing, which names ``what``."""
    deadline = time.monotonic() + seconds
    while True:
        value = true()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Missing("waited %d s in vain for %s" % (seconds, what))
        time.sleep(0.1)


def free_port() -> int:
    """A free port of loopback."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def listens(port: int) -> bool:
    """Whether something accepts connections on a port of loopback."""
    with socket.socket() as one:
        one.settimeout(1)
        return one.connect_ex(("127.0.0.1", port)) == 0


class Server:
    """A program that runs until it is stopped. Its output lines are stored with their times."""

    def __init__(self, name: str, argv: Sequence[str | Path], folder: Path, **more: str) -> None:
        self.name = name
        self.lines: list[tuple[float, str]] = []
        self.log = folder / (name + ".log")
        # A separate process group: ansible-rulebook leaves ansible-playbook running when it ends.
        self.process = subprocess.Popen(
            [str(word) for word in argv],
            cwd=folder,
            env=dict(os.environ, **more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        with self.log.open("a", encoding="utf-8") as log:
            for line in self.process.stdout:
                self.lines.append((time.time(), line.rstrip("\n")))
                log.write(line)
                log.flush()

    def said(self, pattern: str, since: int = 0) -> float | None:
        """When it first printed a line that matches ``pattern``, after line ``since``; None if it did not."""
        found = (when for when, line in self.lines[since:] if re.search(pattern, line))
        return next(found, None)

    def count(self, pattern: str, since: int = 0) -> int:
        """The number of its lines after line ``since`` that match ``pattern``."""
        return sum(bool(re.search(pattern, line)) for _when, line in self.lines[since:])

    def tail(self, lines: int = 15) -> str:
        """The end of what it printed."""
        return "\n".join(line for _when, line in self.lines[-lines:])

    def ready(self, port: int) -> Server:
        """Wait until it listens on ``port``."""

        def up() -> bool:
            if self.process.poll() is not None:
                self.reader.join(5)
                raise Missing("%s has ended:\n%s" % (self.name, self.tail()))
            return listens(port)

        wait("%s to listen" % self.name, up)
        return self

    def end(self) -> None:
        """Send SIGTERM, and SIGKILL to the rest after ten seconds."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        self.reader.join(5)


@contextlib.contextmanager
def running(
    name: str, argv: Sequence[str | Path], folder: Path, port: int, **more: str
) -> Iterator[Server]:
    """A server that listens on ``port``, ended with the context."""
    server = Server(name, argv, folder, **more)
    try:
        yield server.ready(port)
    finally:
        server.end()


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1 that is its own authority: (certificate, key)."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hermes-events")])
    now = datetime.datetime.now(datetime.timezone.utc)
    hour = datetime.timedelta(hours=1)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - hour)
        .not_valid_after(now + 24 * hour)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "events.crt", folder / "events.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].touch(mode=0o600)
    paths[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return paths


def terminate_as_an_error() -> None:
    """Make SIGTERM end this program as Ctrl-C does, so that its child processes are ended."""

    def ended(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, ended)


def program(name: str, environment: str = ".venv") -> Path:
    """The path of a program in one of the checkout's environments."""
    return TOP / environment / "bin" / name


def say(text: str) -> None:
    """A line of progress, past pytest's capture."""
    sys.__stderr__.write("monitoring: %s\n" % text)
    sys.__stderr__.flush()
