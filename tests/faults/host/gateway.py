# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes the place of hermes_cli.main: a gateway's command line under Hermes's own Python, and 10 MB instead of 120.

LAB_MEGABYTES in its environment is memory that it takes, LAB_CHILDREN how many children it forks, which share that.
"""

import os
import signal

held = b"x" * (int(os.environ.get("LAB_MEGABYTES", "0")) << 20)
for _number in range(int(os.environ.get("LAB_CHILDREN", "0"))):
    if os.fork() == 0:
        break
while True:
    signal.pause()
