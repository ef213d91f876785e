# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dead man's switch: calls a URL at the end of each full check.

A monitoring service expects these calls and alerts if they stop, because a host that is down cannot
alert. The URL contains a token, so it never appears in a message or on a command line.
"""

from __future__ import annotations

import json
import os
import re
import time

from .._host import background, display, files, guard_program
from .._host.errors import FileError, GuardError, SettingError
from . import config

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# For name resolution, connection and answer together. A check may run every minute.
SECONDS = 10
# Longer than the URLs of all known services; their servers accept it.
LONGEST = 2000
# A host name or an IP address, a port, a path and a query in printable ASCII. No user name, which
# urllib would treat as part of the host, and no fragment, which is never sent.
_URL = re.compile(
    r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9.])?)"
    r"(?::(?P<port>[0-9]{1,5}))?(?:[/?][!-\"$-~]*)?",
    re.IGNORECASE,
)
# The start of Uptime Kuma's parameter.
_STATUS = "status="


def check_url(url: str, where: str) -> None:
    """Raise SettingError, without the URL in its text, if ``url`` is not valid."""
    found = _URL.fullmatch(url) if len(url) <= LONGEST else None
    if found is None or not 0 < int(found.group("port") or 1) <= 65535:
        raise SettingError(
            "%s: invalid URL: expected http:// or https://, a host and a path on one line of "
            "at most %d ASCII characters, without spaces, user name or #" % (where, LONGEST)
        )


def of_result(url: str, good: bool) -> str:
    """The URL to call after a check that exited with 0 (``good``) or with another code.

    For a failure it is URL/fail, as for healthchecks.io. If the query contains ``status=``, as for
    Uptime Kuma, that becomes status=down instead.
    """
    if good:
        return url
    address, mark, query = url.partition("?")
    words = query.split("&")
    if not any(word.startswith(_STATUS) for word in words):
        return "%s/fail%s%s" % (address.rstrip("/"), mark, query)
    words = [_STATUS + "down" if word.startswith(_STATUS) else word for word in words]
    return "%s?%s" % (address, "&".join(words))


def is_set() -> bool:
    """Whether the file with the URL exists on this host, valid or not."""
    return os.path.lexists(guard_program.PING_URL)


def call(good: bool) -> str | None:
    """Call the URL of this host; returns why that failed, or None."""
    try:
        url = _read()
    except GuardError as exc:
        return "is not called: %s" % exc
    # Name resolution has no time limit, so it runs in a thread, which ends with the program.
    problems: list[str | None] = []
    ended = background.start(lambda: problems.append(_request(of_result(url, good))))
    if not ended.acquire(timeout=SECONDS) or not problems:
        return "failed: no answer within %d s" % SECONDS
    return None if problems[0] is None else "failed: %s" % problems[0]


def _read() -> str:
    """The URL; GuardError if other users can read the file, or if it contains no valid URL."""
    path = guard_program.PING_URL
    problem = files.secret_fault(path)
    if problem is not None:
        raise FileError(problem)
    url = (files.read_text(path, None, LONGEST + 1) or "").strip()
    check_url(url, path)
    return url


def _request(url: str) -> str | None:
    """Why ``url`` did not return a success status, or None. Never contains the URL."""
    # These imports take longer than the rest of a check.
    import urllib.error
    import urllib.request

    class SameScheme(urllib.request.HTTPRedirectHandler):
        """Follows a redirect only from https to https, or from http to http."""

        def redirect_request(self, req: Any, fp: Any, code: int, msg: str, *more: Any) -> Any:
            """The request that follows the redirect, or None."""
            # The body is not read: it may never end.
            fp.close()
            if more[-1].partition(":")[0].lower() != req.type:
                return None
            return super().redirect_request(req, fp, code, msg, *more)

    request = urllib.request.Request(url, headers={"User-Agent": "hermes-guard"})
    try:
        with urllib.request.build_opener(SameScheme).open(request, timeout=SECONDS):
            return None
    except urllib.error.HTTPError as exc:
        exc.close()
        return "the server returned HTTP status %d" % exc.code
    except urllib.error.URLError as exc:
        return _why(exc.reason)
    except Exception as exc:  # pylint: disable=broad-exception-caught
        # A server can answer anything, and its text may contain the URL.
        return _why(exc)


def _why(exc: object) -> str:
    """The reason of a connection error, without any text of the server."""
    import socket
    import ssl

    if isinstance(exc, ssl.SSLError):
        return "TLS: %s" % str(exc.reason or "error").lower().replace("_", " ")
    if isinstance(exc, socket.timeout):
        return "no answer within %d s" % SECONDS
    if isinstance(exc, socket.gaierror):
        return "its host name cannot be resolved"
    if isinstance(exc, OSError) and exc.errno:
        return os.strerror(exc.errno).lower()
    return "the answer is not valid HTTP"


def after_check(good: bool) -> str | None:
    """Call the URL at the end of a check; a line for the journal if it fails for the first time.

    A failure does not make the check fail.
    """
    problem = call(good)
    path = _record_path()
    known = failing()
    if problem is None:
        if known is not None:
            _forget(path)
        return None
    if known is not None:
        return None
    record = {"time": time.time(), "problem": problem}
    try:
        files.write_atomic(path, json.dumps(record) + "\n")
    except OSError:
        # A full disk, which the sampling reports.
        pass
    return "the ping URL %s; this is logged once until it works again" % problem


def failing() -> dict[str, Any] | None:
    """``time`` of the first failed call and its ``problem``; None if calls succeed."""
    try:
        return files.read_own_json(_record_path())
    except FileError:
        return None


def faults() -> list[str]:
    """The faults of the ping URL, for ``hermes-guard doctor``."""
    if not is_set():
        return []
    try:
        _read()
    except GuardError as exc:
        # Only root may read the file, so other users get no fault.
        return ["the ping URL is not called: %s" % exc] if os.geteuid() == 0 else []
    known = failing()
    if known is None:
        return []
    since, problem = known.get("time"), str(known.get("problem"))
    shown = display.utc(since) if isinstance(since, (int, float)) else "an unknown time"
    return [
        "the ping URL %s, since %s: try hermes-guard notify --test"
        % (display.printable(problem, 200), shown)
    ]


def _record_path() -> str:
    return os.path.join(config.STATE, guard_program.PING_RECORD)


def _forget(path: str) -> None:
    try:
        files.remove(path)
    except OSError:
        pass
