#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: guard_component
short_description: Bring one component of the guard to its desired state
version_added: 0.1.0
description:
  - Installs, changes or removes the files and units of one role of this collection, in one round
    trip, and verifies them.
  - A role hands over the whole desired state. Files and units from an earlier run that are no
    longer requested are removed.
  - Installing or changing a timer starts neither its service nor a gateway. The component
    V(watchdog) has one check run through its unit, if none has run since the last change. It takes
    a sample of each gateway and decides nothing.
  - On a host without a Hermes gateway nothing is installed. What was installed for a gateway is
    removed if its unit is gone.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.changes
options:
  component:
    description:
      - The component. What was installed is remembered under this name.
    type: str
    required: true
    choices:
      - watchdog
      - restart_timer
      - memory_limit
      - allocator
      - metrics
  state:
    description:
      - Whether the component is installed.
    type: str
    choices:
      - present
      - absent
    default: present
  gateways:
    description:
      - The names of the gateways to manage, as M(hermes_ops.gateway.gateway_info) returns them.
      - If the list is empty, all gateways that systemd runs on the host, in system scope or user
        scope, but of each user at most 20 in user scope.
    type: list
    elements: str
    default: []
  files:
    description:
      - The files of the component.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - The absolute path.
        type: path
        required: true
      content:
        description:
          - The content.
        type: str
        required: true
      mode:
        description:
          - The permissions, in octal.
        type: str
        default: "0644"
  units:
    description:
      - The units to enable and start, timers as a rule.
    type: list
    elements: str
    default: []
  options:
    description:
      - Variables of the component's role, by name. They are checked before anything is changed.
      - The components V(memory_limit) and V(metrics) need all of their roles'.
    type: dict
    default: {}
  guard:
    description:
      - RV(hermes_ops.gateway.guard#module:asked), as M(hermes_ops.gateway.guard) returned it in
        this play.
      - If O(gateways) or C(hermes_gateways) in O(options) differ from it, the module fails, because
        the guard would not manage the same gateways.
    type: dict
    default: {}
  secrets:
    description:
      - Values by the keys behind which they are written, as in C(key = value), in a file that has a
        line C(key =); or the whole content of a file whose O(files[].content) is C(@key@).
      - They are shown nowhere. Ansible logs O(files) on the host, so they must not be in there.
    type: dict
    default: {}
notes:
  - Internal to this collection; use the roles instead.
seealso:
  - module: hermes_ops.gateway.guard
"""

EXAMPLES = r"""
- name: Find the gateways
  hermes_ops.gateway.guard:
  check_mode: true
  register: guard

- name: Ensure that the first gateway has a restart timer
  hermes_ops.gateway.guard_component:
    component: restart_timer
    files:
      - path: /etc/systemd/system/{{ guard.gateways[0].name }}-restart.timer
        content: "{{ lookup('ansible.builtin.template', 'restart.timer.j2') }}"
    units:
      - "{{ guard.gateways[0].name }}-restart.timer"
"""

RETURN = r"""
restart_needed:
  description:
    - The names of the gateways whose process is older than a drop-in of this component, so that it
      is in force only after a restart.
  returned: success
  type: list
  elements: str
  sample: []
notes:
  description:
    - What of the desired state this host cannot do, or not yet. Each is given as a warning too.
  returned: success
  type: list
  elements: str
  sample: []
next_elapse:
  description:
    - When each timer of the component fires next, in epoch seconds by its unit's name. Empty in
      check mode.
  returned: success
  type: dict
  sample:
    hermes-gateway-restart.timer: 1785542580
skipped_because:
  description: Why nothing is installed on this host.
  returned: when there is no gateway
  type: str
  sample: no Hermes gateway on this host
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard_component
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import module as common


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **common.OPTIONS,
            "component": {
                "type": "str",
                "required": True,
                "choices": ["watchdog", "restart_timer", "memory_limit", "allocator", "metrics"],
            },
            "units": {"type": "list", "elements": "str", "default": []},
            "guard": {"type": "dict", "default": {}},
            "secrets": {"type": "dict", "default": {}, "no_log": True},
        },
        supports_check_mode=True,
    )
    common.run(module, guard_component.apply)


if __name__ == "__main__":
    main()
