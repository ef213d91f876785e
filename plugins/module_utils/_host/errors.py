# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exception tree for errors of the operator or the host; a module catches its base class.

The text is for the operator: it names the option or file, the value, and what is expected.
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
    """The request cannot be carried out. Nothing was changed permanently."""


class SettingError(GuardError):
    """An option has an invalid value or names something that does not exist."""


class FileError(GuardError):
    """A file is missing, unsafe or invalid; the text names the file and the reason."""


class HistoryError(GuardError):
    """A file with memory samples is invalid or cannot be read."""


class RunError(GuardError):
    """A program could not be started, or did not exit in time."""


class SystemdError(GuardError):
    """systemd did not answer, or rejected a request."""


class JournalError(GuardError):
    """The journal or the kernel log cannot be read."""


class HermesError(GuardError):
    """An installed Hermes did not answer; ``broken`` if its Python does not work."""

    def __init__(self, text: str, broken: bool = False) -> None:
        super().__init__(text)
        self.broken = broken


class MissingLibrary(GuardError):
    """A Python library that is required to read the file named in the text is not installed."""


def host_faults(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate ``function`` so that an OSError becomes a GuardError with the file's name."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except OSError as exc:
            text = "%s: %s" % (exc.filename, exc.strerror) if exc.filename else str(exc)
            raise GuardError(text) from exc

    return wrapped
