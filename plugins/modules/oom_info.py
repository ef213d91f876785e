#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: oom_info
short_description: Find the OOM kills of Hermes gateways
version_added: 0.1.0
description:
  - Finds the processes of a gateway that the kernel, systemd-oomd, earlyoom or nohang killed for
    lack of memory.
  - The kernel's log is searched by cgroup and by pid, the journal by systemd's message ids and
    texts (247 to 260), and the counter of the unit's cgroup is followed through the history of the
    guard, where it outlives restarts and the journal.
  - Any user can have earlyoom and nohang write any line. What they say of a gateway counts if its
    systemd saw it end at that moment.
  - A process is never known by its name, which is V(hermes), V(python) or V(python3).
  - A kill that several of them tell of is one entry.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.info
options:
  gateways:
    description:
      - The names of the gateways that are wanted. All of the host where the list is empty.
    type: list
    elements: str
    default: []
    aliases: [names]
  hours:
    description:
      - How far to look back, in hours.
    type: int
    default: 24
notes:
  - Run it as root. Other users see little of the journal and nothing of the kernel's log; RV(notes)
    then says so.
seealso:
  - module: hermes_ops.gateway.gateway_info
  - module: hermes_ops.gateway.gateway_evidence
"""

EXAMPLES = r"""
- name: Look for OOM kills of the last week
  hermes_ops.gateway.oom_info:
    hours: 168
  register: oom

- name: Stop where a gateway was killed
  ansible.builtin.assert:
    that: oom.kills | length == 0
"""

RETURN = r"""
kills:
  description: The kills, oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    time:
      description: When, in epoch seconds. For one that only the counter tells of, the sample that
        shows it.
      type: float
      sample: 1763805600.123
    name:
      description: The gateway's name, as M(hermes_ops.gateway.gateway_info) has it.
      type: str
      sample: hermes-gateway
    unit:
      description: The unit's name, null for a gateway that was started by hand.
      type: str
      sample: hermes-gateway.service
    pid:
      description: The process, null if only systemd or the counter reports it.
      type: int
      sample: 4711
    comm:
      description: Its name, null if only systemd or the counter reports it.
      type: str
      sample: python
    rss_bytes:
      description: Its resident memory at that moment, null where the kernel's line is missing.
      type: int
      sample: 1932735283
    scope:
      description:
        - What had no memory left, V(global) for the host, V(cgroup) for the unit's own limit or one
          above it; V(systemd-oomd) if that one killed it; null if it is not known.
      type: str
      sample: cgroup
    source:
      description:
        - Who reported it first, V(kernel), V(systemd), V(systemd-oomd), V(earlyoom), V(nohang) or
          V(counter).
      type: str
      sample: kernel
counters:
  description: What the cgroups count, by the gateway's name.
  returned: success
  type: dict
  contains:
    oom_kills:
      description: The counter now, null where the unit has no memory accounting or does not run.
      type: int
      sample: 1
    in_window:
      description: By how much it rose in the time looked at, through the restarts of the unit.
      type: int
      sample: 3
lives:
  description: Earlier lives of the units, as far as systemd (256 and later) logged the memory peak
    when they stopped; oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    time:
      description: When it stopped, in epoch seconds.
      type: float
      sample: 1763805600.123
    name:
      description: The gateway's name.
      type: str
      sample: hermes-gateway
    unit:
      description: The unit's name.
      type: str
      sample: hermes-gateway.service
    invocation_id:
      description: systemd's id of that life.
      type: str
      sample: f24c0f0edb864eb7a01b7162e762e92b
    uptime_seconds:
      description: How long it had run, null where the start is older than the time looked at.
      type: int
      sample: 43200
    peak_bytes:
      description: The highest memory of its cgroup.
      type: int
      sample: 1717986918
    swap_peak_bytes:
      description: The highest swap of its cgroup, null where it is not logged.
      type: int
      sample: 0
    cpu_seconds:
      description: The processor time that it took, null where it is not logged.
      type: float
      sample: 200.123
notes:
  description: What could not be read, and what it means for the answer.
  returned: success
  type: list
  elements: str
  sample: ["systemd 252 does not log the memory peak of a unit that stops; 256 and later do"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._oom import oom_info


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "gateways": {"type": "list", "elements": "str", "default": [], "aliases": ["names"]},
            "hours": {"type": "int", "default": 24},
        },
        supports_check_mode=True,
    )
    try:
        answer = oom_info.collect(module.params["gateways"], module.params["hours"])
    except GuardError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
