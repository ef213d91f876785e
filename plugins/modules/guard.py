#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: guard
short_description: Bring one part of the guard on a host to its wanted state
version_added: 0.1.0
description:
  - Installs, changes or removes the files and units of one role of this collection, in one round trip, and verifies them.
  - A role hands over its whole wanted state. What an earlier run installed and what is wanted no longer is removed.
  - Installing or changing a timer starts neither its service nor a gateway.
  - On a host without a Hermes gateway nothing is installed, and what was installed earlier is removed.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.changes
options:
  part:
    description:
      - The part of the guard that is meant. What was installed is remembered under this name.
      - V(guard) is the part on which the others stand; removing it removes them, and the history.
    type: str
    required: true
    choices:
      - guard
      - watchdog
      - restart_timer
      - memory_limit
      - allocator
  state:
    description:
      - Whether the part shall be there.
    type: str
    choices:
      - present
      - absent
    default: present
  gateways:
    description:
      - The names of the gateways that are guarded, as M(hermes_ops.gateway.gateway_info) returns them.
      - All that systemd runs on the host, in system scope or user scope, where the list is empty.
    type: list
    elements: str
    default: []
  program:
    description:
      - Whether the part has the program C(/usr/local/bin/hermes-guard), which is built on the host from this module's own sources.
    type: bool
    default: false
  files:
    description:
      - The files of the part.
      - C(@NAME@), C(@UNIT@), C(@SCOPE@), C(@USER@), C(@HOME@) and C(@PYTHON@) stand for what belongs to a gateway.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - The absolute path. With C(@NAME@), C(@UNIT@) or C(@SCOPE@) in it, it stands for one file for each gateway.
          - Gateways may share a file whose content is the same for all of them, such as a drop-in of a unit that several users have.
        type: path
        required: true
      content:
        description:
          - The content.
        type: str
        required: true
      gateway_content:
        description:
          - What is added to O(files[].content) for each gateway.
        type: str
        default: ""
      mode:
        description:
          - The permissions, in octal.
        type: str
        default: "0644"
  units:
    description:
      - The units that are enabled and started, timers as a rule. With C(@NAME@) in it, a name stands for one unit for each gateway.
    type: list
    elements: str
    default: []
  calendars:
    description:
      - Calendar events by the name of the option that they come from; each is tried with C(systemd-analyze calendar) before anything is changed.
    type: dict
    default: {}
  cadences:
    description:
      - Calendar events by how often they come, V(6h), V(12h), V(24h), V(48h), V(72h) and V(168h). The one that a gateway's measured leak asks for takes
        the place of C(@CALENDAR@) in its files; V(12h) until there is a verdict.
      - A gateway that needs no restarts has no file with C(@CALENDAR@) in it, and not the unit that this file is.
    type: dict
    default: {}
  memory_limit:
    description:
      - The variables of the role hermes_memory_limit by their names. What they mean on this host takes the place of C(@MEMORY_MAX@), C(@MEMORY_HIGH@)
        and C(@MEMORY_SWAP_MAX@) in the files; a line with one that is not set, or makes no sense here, is left out.
      - C(hermes_watchdog_threshold) beside them is the threshold that the play gives to the watchdog; the limit must lie above it.
    type: dict
    default: {}
  jemalloc:
    description:
      - Whether the part needs the library C(libjemalloc.so.2). Where it is not on the host, nothing is installed.
    type: bool
    default: false
  options:
    description:
      - Variables of other roles of the collection, by their names. They are checked before anything is changed, so that a slip in one that
        comes later in the play does not leave half of it done.
    type: dict
    default: {}
  secrets:
    description:
      - Values that take the place of C(@KEY@) in the content of the files and are shown nowhere.
    type: dict
    default: {}
notes:
  - The roles of this collection use this module; a playbook hardly needs it.
seealso:
  - module: hermes_ops.gateway.gateway_info
"""

EXAMPLES = r"""
- name: Have a timer for each gateway of the host
  hermes_ops.gateway.guard:
    part: restart_timer
    files:
      - path: /etc/systemd/system/@NAME@-restart.timer
        content: "{{ lookup('ansible.builtin.template', 'restart.timer.j2') }}"
    units:
      - "@NAME@-restart.timer"
    calendars:
      hermes_restart_timer_at:
        - "04:00"
"""

RETURN = r"""
gateways:
  description: The names of the gateways that are guarded.
  returned: success
  type: list
  elements: str
  sample:
    - hermes-gateway
    - hermes-gateway-coder@ada
restart_needed:
  description: The names of the gateways whose process is older than a drop-in of this part, so that it is in force after a restart only.
  returned: success
  type: list
  elements: str
  sample: []
notes:
  description: What of the wanted state this host cannot do, or not yet. Each is given as a warning too.
  returned: success
  type: list
  elements: str
  sample: []
next_elapse:
  description: When each timer of the part fires next, in epoch seconds by its unit's name. Empty in check mode.
  returned: success
  type: dict
  sample:
    hermes-gateway-restart.timer: 1785542580
package_manager:
  description: What M(ansible.builtin.package) should use on the host, which without it gathers facts to find out. V(auto) where it must.
  returned: success
  type: str
  sample: apt
psutil:
  description: Whether the Python library psutil, which M(hermes_ops.gateway.gateway_info) needs, is on the host.
  returned: success
  type: bool
  sample: true
jemalloc:
  description: Whether the library C(libjemalloc.so.2) is on the host.
  returned: success
  type: bool
  sample: false
skipped_because:
  description: Why nothing is installed on this host.
  returned: when there is no gateway
  type: str
  sample: no Hermes gateway on this host
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import desired_state


def main():
    module = AnsibleModule(
        argument_spec={
            "part": {
                "type": "str",
                "required": True,
                "choices": ["guard", "watchdog", "restart_timer", "memory_limit", "allocator"],
            },
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "gateways": {"type": "list", "elements": "str", "default": []},
            "program": {"type": "bool", "default": False},
            "files": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "path": {"type": "path", "required": True},
                    "content": {"type": "str", "required": True},
                    "gateway_content": {"type": "str", "default": ""},
                    "mode": {"type": "str", "default": "0644"},
                },
            },
            "units": {"type": "list", "elements": "str", "default": []},
            "calendars": {"type": "dict", "default": {}},
            "cadences": {"type": "dict", "default": {}},
            "memory_limit": {"type": "dict", "default": {}},
            "jemalloc": {"type": "bool", "default": False},
            "options": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
        },
        supports_check_mode=True,
    )
    try:
        result = desired_state.apply(module.params, module.check_mode)
    except GuardError as exc:
        module.fail_json(msg=str(exc))
    for note in result["notes"]:
        module.warn(note)
    if "skipped_because" in result:
        module.warn("%s: nothing is installed" % result["skipped_because"])
    module.exit_json(**result)


if __name__ == "__main__":
    main()
