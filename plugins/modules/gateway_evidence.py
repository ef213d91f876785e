#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_evidence
short_description: Collect what a bug report about a Hermes gateway's memory needs
version_added: 0.1.0
description:
  - Brings together on the host, as one C(.tar.gz) that only root can read, what upstream asks for -
    version, provider, model, channels, messages per hour, the memory as data and as a graph, the
    verdict, OOM kills, the last 200 lines of C(gateway.log), the unit, the kernel's figures, and
    what C(hermes --version), C(hermes dump) and C(hermes doctor) say - and a text in Markdown that
    is ready for the tracker.
  - Secrets, the texts of messages, and the names of people and machines are removed on the host, by
    the rules of detect-secrets, by rules of this collection and by Hermes's own redaction.
    C(config.yaml), C(.env), C(auth.json) and C(state.db) are never taken, and C(hermes debug share)
    is never called.
  - Read the text before you post it. No rule knows every secret.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
options:
  dest:
    description:
      - The folder on the host that the bundle is written to. It is made for root alone where it is
        missing, and must otherwise be one that nobody else can write to. No other user may be able
        to put another folder in its place.
    type: path
    required: true
  gateways:
    description:
      - The names of the gateways that are wanted. All of the host where the list is empty.
    type: list
    elements: str
    default: []
    aliases: [names]
attributes:
  check_mode:
    support: full
    details:
      - Nothing is collected; RV(path) is null.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Every run makes a new bundle.
notes:
  - Run it as root. What belongs to a gateway's owner is read as that owner.
  - It takes up to two minutes a gateway, most of it for C(hermes doctor), which asks services on
    the network. A Hermes that does not answer its first question is asked no other, and the
    programs of one user take three minutes at most.
seealso:
  - module: hermes_ops.gateway.gateway_info
  - module: hermes_ops.gateway.oom_info
"""

EXAMPLES = r"""
- name: Collect the evidence
  hermes_ops.gateway.gateway_evidence:
    dest: /run/hermes-evidence
  register: evidence

- name: Bring it to the controller
  ansible.builtin.fetch:
    src: "{{ evidence.path }}"
    dest: "hermes-evidence/{{ inventory_hostname }}.tar.gz"
    flat: true
"""

RETURN = r"""
path:
  description: The bundle, null in check mode and where the host has no gateway.
  returned: success
  type: str
  sample: /run/hermes-evidence/hermes-evidence-20251122T135405Z.tar.gz
files:
  description: The names of the files in it, those of each gateway in a folder of its name.
  returned: success
  type: list
  elements: str
  sample: [hermes-gateway/issue.md, hermes-gateway/memory.csv, hermes-gateway/memory.svg]
summary:
  description: What was found of each gateway, redacted.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The gateway's name.
      type: str
      sample: hermes-gateway
    version:
      description: The version of Hermes.
      type: str
      sample: 0.19.0
    provider:
      description: The provider of the model in effect.
      type: str
      sample: openrouter
    model:
      description: The model in effect.
      type: str
      sample: anthropic/claude-sonnet-4.6
    channels:
      description: The platforms that it last reported.
      type: list
      elements: str
      sample: [telegram]
    activity:
      description: Messages of users and sessions of the last 24 hours, null where Hermes's database
        could not be read.
      type: dict
      sample: {"messages": 240, "messages_per_hour": 10.0, "busiest_hour": 41, "active_sessions":
        12, "active_sessions_last_hour": 3}
    memory:
      description: Its memory in bytes, by name; empty where it does not run.
      type: dict
      sample: {"rss_bytes": 1932735283, "tree_rss_bytes": 1932735283, "swap_bytes": 0}
    verdict:
      description: The verdict on its history, as C(hermes-guard trend --json) prints it.
      type: dict
      sample: {"verdict": "leak", "slope_mb_per_hour": 18.3}
    oom_kills:
      description: How many OOM kills of the last seven days were found.
      type: int
      sample: 1
    notes:
      description: What could not be read or was refused, and why.
      type: list
      elements: str
      sample: ["gateway.log was not collected: ~/.hermes/logs/gateway.log is a symbolic link, which is
        not followed"]
    removed:
      description: How many secrets, texts and names were removed, by kind.
      type: dict
      sample: {"message": 31, "name": 64, "jwt": 1}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hermes_ops.gateway.plugins.module_utils._evidence import gateway_evidence
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "dest": {"type": "path", "required": True},
            "gateways": {"type": "list", "elements": "str", "default": [], "aliases": ["names"]},
        },
        supports_check_mode=True,
    )
    try:
        answer = gateway_evidence.bundle(
            module.params["dest"], module.params["gateways"], module.check_mode
        )
    except GuardError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**answer)


if __name__ == "__main__":
    main()
