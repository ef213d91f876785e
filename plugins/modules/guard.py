#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: guard
short_description: Find the gateways of a host and install the program that guards them
version_added: 0.1.0
description:
  - Installs the program C(/usr/local/bin/hermes-guard), which is built on the host from this
    module's own sources, and its files, in one round trip, and verifies them.
  - Returns what the other roles of this collection must know of the host to make their files.
  - Files from an earlier run that are no longer requested are removed.
  - On a host without a Hermes gateway nothing is installed. What was installed for a gateway is
    removed if its unit is gone. If its unit exists and is not known to start a gateway, or if its
    systemd does not answer, all of it stays; see RV(faults).
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.changes
options:
  state:
    description:
      - Whether the program is installed. V(absent) also removes the components of
        M(hermes_ops.gateway.guard_component), and the history unless O(keep_history=true).
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
      - The files, apart from the program.
      - The gateways are not known before this module has run, so C(@NAME@), C(@UNIT@), C(@SCOPE@),
        C(@USER@), C(@HOME@) and C(@PYTHON@) stand for what belongs to a gateway, and
        C(guard.conf) gets a section for each gateway.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - The absolute path. With C(@NAME@) in it, it stands for one file for each gateway.
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
  keep_history:
    description:
      - Whether the memory history and the ledger of each gateway stay with O(state=absent).
    type: bool
    default: false
  options:
    description:
      - Variables of roles of the collection, by name. They are checked before anything is changed,
        so that a wrong one that comes later in the play does not leave half of it done.
      - C(hermes_gateways) holds settings of one gateway, by its name. A gateway for which they say
        C(enabled=false) is not managed.
      - If C(hermes_restart_timer_every) is V(auto), the history of each gateway is judged and
        RV(gateways[].recommended_every) returned.
    type: dict
    default: {}
notes:
  - Internal to this collection; use the roles instead.
seealso:
  - module: hermes_ops.gateway.gateway_info
  - module: hermes_ops.gateway.guard_component
"""

EXAMPLES = r"""
- name: Find the gateways and check a variable of another role
  hermes_ops.gateway.guard:
    options:
      hermes_restart_timer_at:
        - "04:00"
  check_mode: true
  register: guard
"""

RETURN = r"""
gateways:
  description: The managed gateways.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the unit without C(.service), in user scope with C(@USER) behind it.
      type: str
      sample: hermes-gateway-coder@ada
    unit:
      description: The unit.
      type: str
      sample: hermes-gateway-coder.service
    scope:
      description: The scope of the unit, C(system) or C(user).
      type: str
      sample: user
    user:
      description: The user that the gateway runs as.
      type: str
      sample: ada
    home:
      description: The home of Hermes, C(HERMES_HOME).
      type: str
      sample: /home/ada/.hermes/profiles/coder
    python:
      description: The Python of Hermes, or null if it is not known.
      type: str
      sample: /opt/hermes/bin/python
    drop_in_directory:
      description:
        - The directory for drop-ins of the unit.
        - Null in user scope for a unit that is not called C(hermes*.service), which other users may
          have as well.
      type: str
      sample: /etc/systemd/user/hermes-gateway-coder.service.d
    recommended_every:
      description:
        - How often the gateway should be restarted, by its measured leak; null if it needs no
          restarts, V(12h) until there is a verdict.
      returned: if C(hermes_restart_timer_every) in O(options) is V(auto)
      type: str
      sample: 24h
    settings:
      description: The gateway's entry in C(hermes_gateways) of O(options).
      type: dict
      sample: {"threshold": "1500M"}
excluded:
  description:
    - The names of the gateways that are left out because C(hermes_gateways) in O(options) disables
      them, or because O(gateways) does not name them. C(guard.conf) has them too.
  returned: success
  type: list
  elements: str
  sample: []
asked:
  description: The variables that say which gateways are managed, by name, as they were given.
  returned: success
  type: dict
  sample: {"hermes_guard_gateways": [], "hermes_gateways": {}}
memory:
  description: The memory of the host in bytes.
  returned: success
  type: dict
  sample:
    available_bytes: 1482567680
    swap_total_bytes: 0
    total_bytes: 2084569088
obsolete_packages:
  description:
    - The packages that were installed for the guard and that nothing else needs. The module does
      not remove them.
  returned: if O(state=absent)
  type: list
  elements: str
  sample: [python3-psutil]
seed:
  description:
    - A text that is the host's own and stays the same, made from its machine ID. The times of its
      restarts follow from it.
  returned: success
  type: str
  sample: 5d3a1c9e07b2f486
notes:
  description:
    - What of the desired state this host cannot do, or not yet. Each is given as a warning too.
  returned: success
  type: list
  elements: str
  sample: []
faults:
  description:
    - What of the managed gateways needs the operator, such as a unit that is not known to start a
      gateway any more, or two gateways with the same name. All else has been done.
    - The role fails for the host with these sentences at the end of the play. Each is in RV(notes)
      too.
  returned: success
  type: list
  elements: str
  sample: []
package_manager:
  description:
    - What M(ansible.builtin.package) should use on the host, which without it gathers facts to find
      out. V(auto) where it must.
  returned: success
  type: str
  sample: apt
first:
  description: Whether nothing was installed before, so that no gateway has a history yet.
  returned: success
  type: bool
  sample: false
psutil:
  description:
    - Whether the Python library psutil, which M(hermes_ops.gateway.gateway_info) needs, is on the
      host.
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
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import guard
from ansible_collections.hermes_ops.gateway.plugins.module_utils._install import module as common


def main() -> None:
    module = AnsibleModule(
        argument_spec={**common.OPTIONS, "keep_history": {"type": "bool", "default": False}},
        supports_check_mode=True,
    )
    common.run(module, guard.apply)


if __name__ == "__main__":
    main()
