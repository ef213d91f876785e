# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""dead_mount.py DIRECTORY: mounts a file system whose server never answers, like a home on a dead NFS server.

Whoever looks at it waits. Prints its pid; the mount ends with it.
"""

import ctypes
import os
import signal
import sys

server = os.open("/dev/fuse", os.O_RDWR)
options = "fd=%d,rootmode=40000,user_id=0,group_id=0,allow_other" % server
place = sys.argv[1].encode()
if ctypes.CDLL(None, use_errno=True).mount(b"dead", place, b"fuse", 0, options.encode()):
    raise OSError(ctypes.get_errno(), "mount")
print(os.getpid(), flush=True)
signal.pause()
