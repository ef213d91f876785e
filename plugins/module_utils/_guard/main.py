# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How hermes-guard starts and ends: the __main__.py of its archive."""

from __future__ import annotations

import gc
import os
import sys

if __name__ == "__main__":
    # An operator may read what it writes, whatever the umask of the shell that it is typed in.
    os.umask(0o022)
    # A check runs for a moment: the kernel takes back what it leaves, faster than a collector or an
    # orderly exit would.
    if sys.argv[1:2] == ["check"]:
        gc.disable()
    from hermes_guard._guard.cli import main

    status = main()
    sys.stdout.flush()
    # Python 3.8 buffers standard error until it exits.
    sys.stderr.flush()
    os._exit(status)
