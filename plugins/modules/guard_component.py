#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: guard_component
short_description: Ensure one component of the guard is in its desired state
version_added: 1.0.0
description:
  - Installs, changes or removes the files and units of one role of this collection, in one round
    trip, and verifies them.
  - A role passes the complete desired state. Files and units from an earlier run are removed if
    they are no longer requested.
  - Installing or changing a timer starts neither its service nor a gateway. The component
    V(watchdog) runs one check through its unit, if no check has run since the last change. That
    check takes a sample of each gateway and restarts nothing.
  - Installs nothing on a host without a Hermes gateway. If the unit of a gateway no longer exists,
    the files of the gateway are removed.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.changes
options:
  component:
    description:
      - Name of the component, under which the installed files are tracked.
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
      - Names of the gateways to manage, as M(hermes_ops.gateway.gateway_info) returns them.
      - If the list is empty, all gateways that systemd runs on the host, in system scope or user
        scope, but at most 20 per user in user scope.
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
      - The units to enable and start, usually timers.
    type: list
    elements: str
    default: []
  options:
    description:
      - Variables of the component's role, by name. They are validated before anything is changed.
      - The components V(memory_limit) and V(metrics) need all variables of their roles.
    type: dict
    default: {}
  guard:
    description:
      - The value RV(hermes_ops.gateway.guard#module:asked) that M(hermes_ops.gateway.guard)
        returned in this play.
      - If O(gateways) or C(hermes_gateways) in O(options) differ from it, the module fails, because
        the guard would not manage the same gateways.
    type: dict
    default: {}
  secrets:
    description:
      - Secret values by key. A value is inserted into a file with a line C(key =), as
        C(key = value), or becomes the content of a file whose O(files[].content) is C(@key@).
      - They are never logged. Ansible logs O(files) on the host, so do not put secrets there.
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
    - Names of the gateways whose process is older than a drop-in of this component. The drop-in
      takes effect after a restart.
  returned: success
  type: list
  elements: str
  sample: []
notes:
  description:
    - Parts of the desired state that this host does not support, or not yet. Each is also a
      warning.
  returned: success
  type: list
  elements: str
  sample: []
next_elapse:
  description:
    - Time at which each timer of the component fires next, in epoch seconds by unit name. Empty in
      check mode.
  returned: success
  type: dict
  sample:
    hermes-gateway-restart.timer: 1785542580
skipped_because:
  description: Why nothing is installed on this host.
  returned: if the host has no gateway
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
