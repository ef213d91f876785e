#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_restart
short_description: Restart Hermes gateways without interrupting a conversation
version_added: 1.0.0
description:
  - Asks the arbiter, the program C(hermes-guard) that the role
    P(hermes_ops.gateway.hermes_guard#role) installs, for a restart, and waits until the new process
    is up.
  - The arbiter waits until the gateway is idle, drains it if the installed Hermes supports that,
    and sends one signal. It refuses to restart a gateway that an operator stopped, that is
    starting, or that was restarted in the last ten minutes. A refusal is not a failure.
  - The module fails if a gateway does not start again. Gateways of the host that run the same
    Hermes or belong to the same user are then not restarted; the others are.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.changes
attributes:
  diff_mode:
    support: none
  idempotent:
    support: partial
    details:
      - A second restart within ten minutes is refused, a later one is not.
options:
  gateways:
    description:
      - Names of the gateways to restart, one after the other.
      - If the list is empty, all managed gateways of the host.
    type: list
    elements: str
    default: []
    aliases: [names]
  reason:
    description:
      - Reason for the restart, which is stored in the gateway's ledger.
    type: str
    required: true
  now:
    description:
      - Whether to restart without waiting until the gateway is idle. Hermes itself resumes the
        turns in flight.
    type: bool
    default: false
seealso:
  - module: hermes_ops.gateway.gateway_info
"""

EXAMPLES = r"""
- name: Restart the gateways of the host once they are idle
  hermes_ops.gateway.gateway_restart:
    reason: upgrade to 0.19.0

- name: Restart one gateway immediately
  hermes_ops.gateway.gateway_restart:
    gateways:
      - hermes-gateway-coder@ada
    reason: its memory is at the limit
    now: true
"""

RETURN = r"""
restarts:
  description: Result for each gateway.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The gateway's name.
      type: str
      sample: hermes-gateway
    restarted:
      description: Whether a new process is up.
      type: bool
      sample: true
    mode:
      description:
        - How the gateway was restarted. With V(drain), all turns had ended and new ones were
          refused. With V(idle), no turn was in flight. With V(resume), Hermes resumes the turns in
          flight. V(emergency) did not wait, and V(second-try) needed a second restart. Null if the
          restart was refused.
      type: str
      sample: drain
    reason:
      description: The reason in the ledger.
      type: str
      sample: upgrade to 0.19.0
    waited_seconds:
      description: How long the restart waited until the gateway was idle, in seconds.
      type: float
      sample: 12.5
    downtime_seconds:
      description: Time from the end of the old process until the new one was up, in seconds. Null
        if the gateway was not restarted.
      type: float
      sample: 9.8
    skipped_because:
      description: Why the restart was refused, null if it was not.
      type: str
      sample:
skipped_because:
  description: Why nothing was done on this host.
  returned: if the host has no managed gateway
  type: str
  sample: no Hermes gateway is managed on this host
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import gateway_restart
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "gateways": {"type": "list", "elements": "str", "default": [], "aliases": ["names"]},
            "reason": {"type": "str", "required": True},
            "now": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    try:
        result = gateway_restart.restart(
            module.params["gateways"],
            module.params["reason"],
            module.params["now"],
            module.check_mode,
        )
    except GuardError as exc:
        module.fail_json(msg=str(exc))
    if "skipped_because" in result:
        module.warn("%s: nothing was restarted" % result["skipped_because"])
    failed = result.pop("failures")
    if failed:
        module.fail_json(msg="; ".join(failed), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
