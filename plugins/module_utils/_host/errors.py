# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every fault that is the operator's or the host's: one tree, so that a module catches one class.

The text of each is for the operator. It names the option or the file, the value, and what is
allowed or what to do.
"""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import ParamSpec, TypeVar

    P = ParamSpec("P")
    R = TypeVar("R")


class GuardError(Exception):
    """What was asked for cannot be done. Nothing, or nothing lasting, was changed."""


class SettingError(GuardError):
    """An option has a value that is not allowed, or names something that does not exist."""


class FileError(GuardError):
    """A file is not what it must be; the text names the file and the reason."""


class HistoryError(GuardError):
    """A file with memory samples cannot be read, or is not one."""


class RunError(GuardError):
    """A program could not be started, or did not end in time."""


class SystemdError(GuardError):
    """systemd did not answer, or refused."""


class JournalError(GuardError):
    """The journal or the kernel log cannot be read."""


class HermesError(GuardError):
    """An installed Hermes could not answer; if ``broken``, because its Python does not work."""

    def __init__(self, text: str, broken: bool = False) -> None:
        super().__init__(text)
        self.broken = broken


class MissingLibrary(GuardError):
    """A Python library is needed for the file that the text names, and is not installed."""


def host_faults(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate ``function`` so that it raises GuardError, with the file's name, for an OSError."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except OSError as exc:
            text = "%s: %s" % (exc.filename, exc.strerror) if exc.filename else str(exc)
            raise GuardError(text) from exc

    return wrapped
