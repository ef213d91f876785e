# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often a gateway may be restarted on a calendar."""

from __future__ import annotations

# In hours: what the calendar of systemd can express and an operator can remember. They divide a
# day, or are days. A shorter one would not get past hermes_restart_timer_min_uptime.
CADENCES = (3, 4, 6, 8, 12, 24, 48, 72, 168)
