# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The leaks that are known, by version of Hermes, each with its source.

Read in upstream's issues up to 0.23.3 (November 2026) and measured on 0.19.0 and 0.22.2; a line is
added when upstream fixes or breaks something. A version that is unknown has no known leak.
"""

from __future__ import annotations

from collections import namedtuple

from . import version as versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What runs out: the gateway's memory, its file descriptors, the host's memory because of the
# processes that it starts in scopes of their own, or that of the dashboard's process.
MEMORY = "memory"
DESCRIPTORS = "file descriptors"
WORKERS = "worker scopes"
DASHBOARD = "dashboard process"
KINDS = (MEMORY, DESCRIPTORS, WORKERS, DASHBOARD)

# The versions from ``first`` to ``last``, as far as these name their numbers; what ``kind`` of leak
# it is, whether the growth ends (``bound``), ``what`` they do, the ``advice`` and the ``source``.
Leak = namedtuple("Leak", "first last kind bound what advice source")

# Of each kind, the first one that fits is the answer.
KNOWN = (
    Leak(
        (0,), (0, 16), MEMORY, False, "leaks without bound", "upgrade to 0.17.0 or later", "#25315"
    ),
    # The repair in 0.20.1 (PR #81127) is not all of it: the relay scopes (PR #86755) came later.
    Leak(
        (0, 20, 0),
        (0, 20, 0),
        MEMORY,
        False,
        "leaks without bound, up to 2.4 GB/h",
        "upgrade to 0.20.1 or later; 0.21.0 is the first with all of the repairs",
        "#80764, #81625, #78993",
    ),
    Leak(
        (0, 18),
        (0, 19),
        MEMORY,
        True,
        "keeps up to 128 sessions of about 1 MB each and gives their memory back late",
        "that ends within a few hundred MB, and growth beyond it has another cause;"
        " 0.20.1 lets sessions go by their size (agent.agent_cache)",
        "#58817",
    ),
    # The size that it goes by is that of its own process until PR #111563, which 0.21.5 has.
    Leak(
        (0, 20, 1),
        (0, 21, 4),
        MEMORY,
        True,
        "keeps up to 128 sessions of about 1 MB each, and lets them go by the size of its own"
        " process without that of its children",
        "that ends within a few hundred MB, and growth beyond it has another cause; 0.21.5 counts"
        " the children too",
        "#58817, #110549",
    ),
    Leak(
        (0, 21, 5),
        (0, 22, 2),
        MEMORY,
        True,
        "keeps up to 128 sessions of about 1 MB each and gives their memory back late",
        "that ends within a few hundred MB, and growth beyond it has another cause;"
        " agent.agent_cache sets how many sessions it keeps, and up to which size",
        "#58817",
    ),
    Leak(
        (0, 20),
        (0, 20),
        DESCRIPTORS,
        False,
        "keeps handles of state.db open, up to EMFILE after 40 h",
        "restart it before that, and see how many files it has open (ls /proc/PID/fd)",
        "#83512, #96027, #83092",
    ),
    Leak(
        (0, 20, 1),
        (0, 22, 2),
        WORKERS,
        True,
        "starts workers in scopes of their own, each with up to 4 GiB, whose sum no limit holds",
        "leave room for them, or set a limit on the user's slice",
        "#111326, #103670",
    ),
    Leak(
        (0, 16),
        (0, 20, 0),
        DASHBOARD,
        False,
        "has a dashboard that grows to 5 to 8 GB, in a process that is not the gateway's",
        "limit or restart the dashboard's own unit",
        "#46082",
    ),
)


def known(version: str | None, kind: str = MEMORY) -> dict[str, Any] | None:
    """The leak of this ``kind`` that is known of ``version``, such as "0.16.0"; None for nothing.

    ``version``, ``kind``, ``bound`` (whether the growth ends), ``text`` and ``source``.
    """
    numbers = versions.numbers(version)
    if numbers is None:
        return None
    for leak in KNOWN:
        fits = leak.first <= numbers[: len(leak.first)] and numbers[: len(leak.last)] <= leak.last
        if fits and leak.kind == kind:
            return {
                "version": version,
                "kind": kind,
                "bound": leak.bound,
                "source": leak.source,
                "text": "%s %s (%s); %s" % (version, leak.what, leak.source, leak.advice),
            }
    return None
