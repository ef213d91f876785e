# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The leaks that are known, by version of Hermes, each with its source.

Read in upstream's issues and measured on 0.19.0; a line is added when upstream fixes or breaks
something.
"""

from __future__ import annotations

from collections import namedtuple

from . import version as versions

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The versions from ``first`` to ``last``, as far as these name their numbers; whether the growth
# ends (``bound``), ``what`` they do, the ``advice`` and the ``source``.
Leak = namedtuple("Leak", "first last bound what advice source")

# The first one that fits is the answer.
KNOWN = (
    Leak((0,), (0, 16), False, "leaks without bound", "upgrade to 0.17.0 or later", "#25315"),
    Leak(
        (0, 20, 0),
        (0, 20, 0),
        False,
        "leaks without bound, up to 2.4 GB/h",
        "upgrade to 0.20.1 or later",
        "#80764, #81625",
    ),
    Leak(
        (0, 18),
        (0, 19),
        True,
        "keeps up to 128 sessions of about 1 MB each and gives their memory back late",
        "growth that ends within some hundred MB is that;"
        " 0.20.1 lets sessions go by their size (agent.agent_cache)",
        "#58817",
    ),
)


def known(version: str | None) -> dict[str, Any] | None:
    """What is known of ``version``, such as "0.16.0"; None for nothing.

    ``version``, ``bound`` (whether the growth ends), ``text`` and ``source``.
    """
    numbers = versions.numbers(version)
    if numbers is None:
        return None
    for leak in KNOWN:
        if leak.first <= numbers[: len(leak.first)] and numbers[: len(leak.last)] <= leak.last:
            return {
                "version": version,
                "bound": leak.bound,
                "source": leak.source,
                "text": "%s %s (%s); %s" % (version, leak.what, leak.source, leak.advice),
            }
    return None
