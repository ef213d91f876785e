#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_evidence
short_description: Collect evidence for a bug report about a Hermes gateway's memory
version_added: 1.0.0
description:
  - Collects on the host, as one C(.tar.gz) that only root can read, the evidence that upstream asks
    for, and an issue text in Markdown that is ready to post.
  - The evidence contains the version, provider, model and channels, messages per hour, the memory
    as data and as a graph, the verdict and OOM kills. It also contains the unit, the kernel's
    figures, the last 200 lines of C(gateway.log), and the output of C(hermes --version),
    C(hermes dump) and C(hermes doctor).
  - Secrets, message texts, and the names of people and machines are removed on the host, by
    the rules of detect-secrets, by rules of this collection and by Hermes's own redaction.
    C(config.yaml), C(.env), C(auth.json) and C(state.db) are never included, and
    C(hermes debug share) is never called.
  - Review the text before you post it. Redaction cannot recognise every secret.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
options:
  dest:
    description:
      - The directory on the host to which the bundle is written. If it is missing, it is created
        for root only. An existing directory must be writable by root only, and other users must not
        be able to replace it.
    type: path
    required: true
  gateways:
    description:
      - Names of the gateways. If the list is empty, all gateways of the host.
    type: list
    elements: str
    default: []
    aliases: [names]
attributes:
  check_mode:
    support: full
    details:
      - Collects nothing; RV(path) is null.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - Every run creates a new bundle.
notes:
  - Run it as root. Files of a gateway's owner are read as that owner.
  - It takes up to two minutes per gateway, mostly for C(hermes doctor), which queries services on
    the network. If a Hermes does not answer the first command, no other command is run. The
    programs of one user take at most three minutes.
seealso:
  - module: hermes_ops.gateway.gateway_info
  - module: hermes_ops.gateway.oom_info
"""

EXAMPLES = r"""
- name: Collect the evidence
  hermes_ops.gateway.gateway_evidence:
    dest: /run/hermes-evidence
  register: evidence

- name: Fetch the bundle to the controller
  ansible.builtin.fetch:
    src: "{{ evidence.path }}"
    dest: "hermes-evidence/{{ inventory_hostname }}.tar.gz"
    flat: true
"""

RETURN = r"""
path:
  description: The path of the bundle, null in check mode or if the host has no gateway.
  returned: success
  type: str
  sample: /run/hermes-evidence/hermes-evidence-20251122T135405Z.tar.gz
files:
  description: The names of the files in the bundle. Each gateway has its own directory.
  returned: success
  type: list
  elements: str
  sample: [hermes-gateway/issue.md, hermes-gateway/memory.csv, hermes-gateway/memory.svg]
summary:
  description: A redacted summary of each gateway.
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
      description: The platforms that the gateway last reported.
      type: list
      elements: str
      sample: [telegram]
    activity:
      description: User messages and sessions of the last 24 hours, null if Hermes's database could
        not be read.
      type: dict
      sample: {"messages": 240, "messages_per_hour": 10.0, "busiest_hour": 41, "active_sessions":
        12, "active_sessions_last_hour": 3}
    memory:
      description: Its memory in bytes, by name; empty if it is not running.
      type: dict
      sample: {"rss_bytes": 1932735283, "tree_rss_bytes": 1932735283, "swap_bytes": 0}
    verdict:
      description: The verdict on its history, as C(hermes-guard trend --json) prints it.
      type: dict
      sample: {"verdict": "leak", "slope_mb_per_hour": 18.3}
    oom_kills:
      description: Number of OOM kills of the last seven days.
      type: int
      sample: 1
    notes:
      description: Data that could not be read or was refused, with the reason.
      type: list
      elements: str
      sample: ["gateway.log was not collected: ~/.hermes/logs/gateway.log is a symbolic link, which
        is not followed"]
    removed:
      description: Number of removed secrets, texts and names, by kind.
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
