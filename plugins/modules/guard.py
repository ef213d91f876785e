#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: guard
short_description: Find the gateways of a host and install the guard
version_added: 1.0.0
description:
  - Installs the program C(/usr/local/bin/hermes-guard), which is built on the host from this
    module's own sources, and its files, in one round trip, and verifies them.
  - Returns the data about the host that the other roles of this collection need for their files.
  - Files from an earlier run that are no longer requested are removed.
  - Installs nothing on a host without a Hermes gateway. If the unit of a gateway no longer exists,
    the files of the gateway are removed. If the unit exists but does not start a known gateway, or
    if its systemd does not answer, the files are kept; see RV(faults).
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.changes
options:
  state:
    description:
      - Whether the guard is installed. V(absent) also removes the components of
        M(hermes_ops.gateway.guard_component), and the history unless O(keep_history=true).
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
      - The files to install, without the program.
      - The gateways are not known before this module has run. So C(@NAME@), C(@UNIT@), C(@SCOPE@),
        C(@USER@), C(@HOME@) and C(@PYTHON@) are placeholders for the values of a gateway, and
        C(guard.conf) gets a section for each gateway.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description:
          - The absolute path. If it contains C(@NAME@), one file is installed for each gateway.
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
      - Whether O(state=absent) keeps the memory history and the ledger of each gateway.
    type: bool
    default: false
  options:
    description:
      - Variables of roles of the collection, by name. They are validated before anything is
        changed, so that an invalid variable of a later role cannot leave a host half configured.
      - C(hermes_gateways) contains settings of single gateways, by name. A gateway with
        C(enabled=false) is not managed.
      - If C(hermes_restart_timer_every) is V(auto), the history of each gateway is analysed and
        RV(gateways[].recommended_every) is returned.
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
      description: The name of the unit without C(.service), followed by C(@USER) in user scope.
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
      description: The user that runs the gateway.
      type: str
      sample: ada
    home:
      description: The home directory of Hermes, C(HERMES_HOME).
      type: str
      sample: /home/ada/.hermes/profiles/coder
    python:
      description: The Python of Hermes, or null if it is not known.
      type: str
      sample: /opt/hermes/bin/python
    drop_in_directory:
      description:
        - The directory for drop-ins of the unit.
        - Null in user scope if the unit is not named C(hermes*.service), because other users may
          have a unit of the same name.
      type: str
      sample: /etc/systemd/user/hermes-gateway-coder.service.d
    recommended_every:
      description:
        - Recommended restart interval of the gateway, from its measured leak. Null if it needs no
          restarts, V(12h) until a verdict is available.
      returned: if C(hermes_restart_timer_every) in O(options) is V(auto)
      type: str
      sample: 24h
    settings:
      description: The gateway's entry in C(hermes_gateways) of O(options).
      type: dict
      sample: {"threshold": "1500M"}
excluded:
  description:
    - Names of the gateways that are excluded because C(hermes_gateways) in O(options) disables
      them, or because O(gateways) does not name them. C(guard.conf) lists them too.
  returned: success
  type: list
  elements: str
  sample: []
asked:
  description: The variables that select the managed gateways, by name, as given.
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
    - Packages that were installed for the guard and are no longer needed. The module does not
      remove them.
  returned: if O(state=absent)
  type: list
  elements: str
  sample: [python3-psutil]
seed:
  description:
    - A constant text that is unique to the host, derived from its machine ID. It determines the
      times of the host's restarts.
  returned: success
  type: str
  sample: 5d3a1c9e07b2f486
notes:
  description:
    - Parts of the desired state that this host does not support, or not yet. Each is also a
      warning.
  returned: success
  type: list
  elements: str
  sample: []
faults:
  description:
    - Problems of managed gateways that need manual action, such as a unit that no longer starts a
      known gateway, or two gateways with the same name. Everything else has been done.
    - The role fails for the host with these sentences at the end of the play. RV(notes) contains
      them too.
  returned: success
  type: list
  elements: str
  sample: []
package_manager:
  description:
    - Value for the option C(use) of M(ansible.builtin.package), which otherwise gathers facts to
      detect the package manager. V(auto) if the module could not detect it.
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
    - Whether the Python library psutil, which M(hermes_ops.gateway.gateway_info) needs, is
      installed on the host.
  returned: success
  type: bool
  sample: true
jemalloc:
  description: Whether the library C(libjemalloc.so.2) is installed on the host.
  returned: success
  type: bool
  sample: false
skipped_because:
  description: Why nothing is installed on this host.
  returned: if the host has no gateway
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
