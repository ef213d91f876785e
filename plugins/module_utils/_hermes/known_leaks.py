# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The known leaks by version of Hermes, each with its source.

They come from upstream's issues up to 0.23.3 (November 2026) and from measurements of 0.19.0 and
0.22.2. Add an entry when upstream fixes or causes a leak. An unknown version has no known leak.
"""

from __future__ import annotations

from collections import namedtuple

from . import version as versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The resource that runs out: the gateway's memory, its file descriptors, the host's memory because
# of workers that the gateway starts in separate scopes, or the memory of the dashboard process.
MEMORY = "memory"
DESCRIPTORS = "file descriptors"
WORKERS = "worker scopes"
DASHBOARD = "dashboard process"
KINDS = (MEMORY, DESCRIPTORS, WORKERS, DASHBOARD)

# The versions from ``first`` to ``last``, compared by the numbers given there; the ``kind`` of
# leak, whether the growth ends (``bound``), ``what`` happens, the ``advice`` and the ``source``.
Leak = namedtuple("Leak", "first last kind bound what advice source")

# MB that the cached sessions added to a gateway, and the measurement: docs/allocator.md.
CACHE_MB = 260
CACHE_MEASURED = "with 300 sessions, %d MB were measured" % CACHE_MB

# The first entry that matches the version and the kind is used.
KNOWN = (
    Leak(
        (0,), (0, 16), MEMORY, False, "leaks without bound", "upgrade to 0.17.0 or later", "#25315"
    ),
    # 0.20.1 has only part of the fix (PR #81127); the relay scopes (PR #86755) were fixed later.
    Leak(
        (0, 20, 0),
        (0, 20, 0),
        MEMORY,
        False,
        "leaks without bound, up to 2.4 GB/h",
        "upgrade to 0.20.1 or later; 0.21.0 is the first release with all fixes",
        "#80764, #81625, #78993",
    ),
    Leak(
        (0, 18),
        (0, 19),
        MEMORY,
        True,
        "keeps up to 128 sessions of about 1 MB each and releases their memory late",
        "upgrade: 0.20.1 and later evict sessions by their size (agent.agent_cache)",
        "#58817",
    ),
    # Eviction considers only its own process until PR #111563, which is in 0.21.5.
    Leak(
        (0, 20, 1),
        (0, 21, 4),
        MEMORY,
        True,
        "keeps up to 128 sessions of about 1 MB each, and evicts them by the size of its own"
        " process without its children",
        "upgrade: 0.21.5 and later also count the children",
        "#58817, #110549",
    ),
    Leak(
        (0, 21, 5),
        (0, 22, 2),
        MEMORY,
        True,
        "keeps up to 128 sessions of about 1 MB each and releases their memory late",
        "agent.agent_cache limits the number and the size of the sessions",
        "#58817",
    ),
    Leak(
        (0, 20),
        (0, 20),
        DESCRIPTORS,
        False,
        "keeps handles of state.db open until it fails with EMFILE after about 40 h",
        "restart it earlier, and check the number of its open files (ls /proc/PID/fd)",
        "#83512, #96027, #83092",
    ),
    Leak(
        (0, 20, 1),
        (0, 22, 2),
        WORKERS,
        True,
        "starts workers in separate scopes, each with up to 4 GiB; their sum is not limited",
        "leave room for them, or set a limit on the user's slice",
        "#111326, #103670",
    ),
    Leak(
        (0, 16),
        (0, 20, 0),
        DASHBOARD,
        False,
        "has a dashboard that grows to 5 to 8 GB, in a process outside the gateway",
        "limit or restart the dashboard's own unit",
        "#46082",
    ),
)


def known(version: str | None, kind: str = MEMORY) -> dict[str, Any] | None:
    """The known leak of this ``kind`` in ``version``, such as "0.16.0"; None if there is none.

    The keys are ``version``, ``kind``, ``bound`` (whether the growth ends), ``source``, ``cause``,
    ``advice``, ``measured_mb`` and ``measured``, which are None if the growth was not measured, and
    ``text``, a sentence of all these.
    """
    numbers = versions.numbers(version)
    if numbers is None:
        return None
    for leak in KNOWN:
        fits = leak.first <= numbers[: len(leak.first)] and numbers[: len(leak.last)] <= leak.last
        if fits and leak.kind == kind:
            cached = kind == MEMORY and leak.bound
            cause = "Hermes %s %s (upstream issue %s)" % (version, leak.what, leak.source)
            measured = CACHE_MEASURED if cached else None
            return {
                "version": version,
                "kind": kind,
                "bound": leak.bound,
                "source": leak.source,
                "cause": cause,
                "advice": leak.advice,
                "measured_mb": CACHE_MB if cached else None,
                "measured": measured,
                "text": "; ".join(filter(None, (cause, measured, leak.advice))),
            }
    return None
