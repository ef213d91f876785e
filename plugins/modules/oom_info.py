#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: oom_info
short_description: Find the OOM kills of Hermes gateways
version_added: 1.0.0
description:
  - Finds the processes of a gateway that the kernel, systemd-oomd, earlyoom or nohang killed
    because memory ran out.
  - Searches the kernel log by cgroup and PID, and the journal by systemd's message IDs and
    texts (247 to 260). The counter of the unit's cgroup is read from the guard's history, which
    outlives restarts and the journal.
  - Any user can make earlyoom and nohang write any line. Their reports about a gateway count only
    if its systemd saw it end at that moment.
  - A process is never recognised by its name, which is V(hermes), V(python) or V(python3).
  - A kill reported by several sources is returned once.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.info
options:
  gateways:
    description:
      - Names of the gateways. If the list is empty, all gateways of the host.
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
  - Run it as root. Other users see little of the journal and nothing of the kernel log; RV(notes)
    then reports it.
seealso:
  - module: hermes_ops.gateway.gateway_info
  - module: hermes_ops.gateway.gateway_evidence
"""

EXAMPLES = r"""
- name: Look for OOM kills of the last week
  hermes_ops.gateway.oom_info:
    hours: 168
  register: oom

- name: Fail if a gateway was killed
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
      description: Time of the kill, in epoch seconds. If only the counter reports the kill, the
        time of the sample that shows it.
      type: float
      sample: 1763805600.123
    name:
      description: The gateway's name, as M(hermes_ops.gateway.gateway_info) returns it.
      type: str
      sample: hermes-gateway
    unit:
      description: The name of the unit, null for a gateway that was started manually.
      type: str
      sample: hermes-gateway.service
    pid:
      description: The PID of the process, null if only systemd or the counter reports the kill.
      type: int
      sample: 4711
    comm:
      description: The name of the process, null if only systemd or the counter reports the kill.
      type: str
      sample: python
    rss_bytes:
      description: Its resident memory at that moment, null if the kernel's line is missing.
      type: int
      sample: 1932735283
    scope:
      description:
        - What ran out of memory, V(global) for the host, V(cgroup) for the unit's own limit or one
          above it. V(systemd-oomd) if systemd-oomd killed the process. Null if unknown.
      type: str
      sample: cgroup
    source:
      description:
        - The first source that reported it, V(kernel), V(systemd), V(systemd-oomd), V(earlyoom),
          V(nohang) or V(counter).
      type: str
      sample: kernel
counters:
  description: The OOM kill counters of the cgroups, by the gateway's name.
  returned: success
  type: dict
  contains:
    oom_kills:
      description: The current counter, null if the unit has no memory accounting or is not running.
      type: int
      sample: 1
    in_window:
      description: The increase in the observed time, across restarts of the unit.
      type: int
      sample: 3
lives:
  description: Earlier runs of the units for which systemd (256 and later) logged the memory peak
    at the end, oldest first.
  returned: success
  type: list
  elements: dict
  contains:
    time:
      description: End of the run, in epoch seconds.
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
      description: systemd's invocation ID of the run.
      type: str
      sample: f24c0f0edb864eb7a01b7162e762e92b
    uptime_seconds:
      description: Length of the run in seconds, null if it began before the observed time.
      type: int
      sample: 43200
    peak_bytes:
      description: The highest memory of its cgroup.
      type: int
      sample: 1717986918
    swap_peak_bytes:
      description: The highest swap of its cgroup, null if it was not logged.
      type: int
      sample: 0
    cpu_seconds:
      description: CPU time of the run, null if it was not logged.
      type: float
      sample: 200.123
notes:
  description: Sources that could not be read, and the consequence for the result.
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
