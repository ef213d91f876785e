# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which paths and names of profiles are accepted, as patterns: they become parts of other texts."""

from __future__ import annotations

# With \Z: "$" also takes a line break at the end, and what this lets through becomes a line of a
# unit and of guard.conf.
SAFE_PATH = r"/[^\x00-\x1f\x7f\"'\\%$;]{1,400}\Z"
# What is taken for the name of a profile: the path of a home is made of it.
PROFILE = "[a-z0-9][a-z0-9_-]{0,63}"
