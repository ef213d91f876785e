# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often each gateway of this host should be restarted, by its measured leak: ``hermes_restart_timer_every: auto``."""

from __future__ import annotations

from . import config, memory_trend

# Until there is a verdict, and for a gateway that nobody watches.
USUAL = "12h"


def measured(names):
    """The cadence of each gateway of ``names``, such as "12h"; None where its memory does not need restarts.

    It changes with the recommendation only, so that a second run changes nothing.
    """
    every = config.load(config.FOLDER)
    verdicts = memory_trend.of_gateways([every[name] for name in names if name in every])
    return {name: _of(verdicts.get(name)) for name in names}


def _of(verdict):
    if verdict is None or verdict["verdict"] == "insufficient":
        return USUAL
    hours = verdict["recommended_restart_hours"]
    return None if hours is None else "%dh" % hours
