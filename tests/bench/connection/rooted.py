# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: rooted
short_description: As connection local, in a root of the host's own
description:
  - Every command runs in a separate root directory and PID namespace, so that many hosts can be simulated on one machine.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - connection_pipelining
options:
  root:
    description:
      - The root folder of the host.
    type: path
    required: true
    vars:
      - name: hermes_bench_root
"""

import os
import shlex

from ansible.plugins.connection.local import Connection as Local


class Connection(Local):
    """One simulated host."""

    transport = "rooted"

    def exec_command(self, cmd, in_data=None, sudoable=True):
        enter = "exec nsenter --mount=%s unshare --mount --pid --fork --kill-child --mount-proc=/proc /bin/sh -c %s"
        namespace = os.path.join(os.path.dirname(self.get_option("root")), "namespace")
        return super().exec_command(
            enter % (shlex.quote(namespace), shlex.quote(cmd)), in_data, sudoable
        )

    def put_file(self, in_path, out_path):
        super().put_file(in_path, self.get_option("root") + out_path)

    def fetch_file(self, in_path, out_path):
        super().fetch_file(self.get_option("root") + in_path, out_path)
