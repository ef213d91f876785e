# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The leaks that are known, by version of Hermes, each with its source.

Read in upstream's issues and measured on 0.19.0; a line is added when upstream fixes or breaks something.
"""

from __future__ import annotations

from . import version as versions

# (first version, last version, what it does, what to do, source). The first line that fits is the answer.
KNOWN = (
    ((0,), (0, 16), "leaks without bound", "upgrade to 0.17.0 or later", "#25315"),
    (
        (0, 20, 0),
        (0, 20, 0),
        "leaks without bound, up to 2.4 GB/h",
        "upgrade to 0.20.1 or later",
        "#80764, #81625",
    ),
    (
        (0, 18),
        (0, 19),
        "keeps up to 128 sessions of about 1 MB each and gives their memory back late",
        "growth that ends within some hundred MB is that; 0.20.1 lets sessions go by their size (agent.agent_cache)",
        "#58817",
    ),
)


def known(version):
    """What is known of ``version`` ("0.16.0"): a dict of version, bound (whether the growth ends), text and source; or None."""
    numbers = versions.numbers(version)
    if numbers is None:
        return None
    for first, last, what, advice, source in KNOWN:
        if first <= numbers[: len(first)] and numbers[: len(last)] <= last:
            return {
                "version": version,
                "bound": "without bound" not in what,
                "source": source,
                "text": "%s %s (%s); %s" % (version, what, source, advice),
            }
    return None
