# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The intervals at which the restart timer can restart a gateway."""

from __future__ import annotations

# In hours. Fractions and multiples of a day: systemd's calendar can express them, and an operator
# can remember them. A shorter one would conflict with hermes_restart_timer_min_uptime.
CADENCES = (3, 4, 6, 8, 12, 24, 48, 72, 168)
