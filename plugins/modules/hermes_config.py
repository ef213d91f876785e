#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: hermes_config
short_description: Read and set the configuration of Hermes gateways
version_added: 0.1.0
description:
  - Sets keys of Hermes's configuration for all gateways of a host, in the managed scope or in each
    gateway's own C(config.yaml).
  - Comments, order, quotes, line endings, mode and unknown keys of a file survive, which they do
    not with C(hermes config set). Only the keys that are asked change.
  - O(session_max_messages) and O(auto_compress) are intents. The module asks each installed Hermes
    which keys it reads and sets those. Up to Hermes 0.19 these are
    C(compression.hygiene_hard_message_limit) and C(compression.enabled).
  - A gateway's home is only ever touched as its owner, by Hermes's own Python.
  - After writing, each Hermes is asked what is in effect. If that is not what was asked, it is an
    error for a gateway that is named in O(gateways), and else a warning.
  - What a gateway's user decides on costs no other gateway anything. One that cannot be asked or
    set, or whose Python gives an answer of the wrong form, is left out with a warning, unless it is
    named in O(gateways).
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.changes
options:
  session_max_messages:
    description:
      - A chat's history is compressed before the next turn when it has this many messages or more.
      - It counts only while compression is on, see O(auto_compress).
      - A running gateway reads it at every message, so no restart is needed.
    type: int
  auto_compress:
    description:
      - Whether a chat's history is compressed automatically. V(false) switches the limit of
        O(session_max_messages) off too.
      - A running gateway notices it at the next message of a chat, so no restart is needed.
    type: bool
  cache_memory:
    description:
      - From how much memory on a gateway evicts cached chats by itself. What it evicts is read from
        its database again at the next message, and no turn is interrupted.
      - Hermes does so from 0.20.1 on, at 65 % of its limit or of the RAM, which is above the
        watchdog's default threshold, and not at all if that is less than 512 MB. An older Hermes
        ignores it.
      - With V(auto), 80 % of the watchdog's threshold, the least of all gateways. Without a
        watchdog, 65 % of the least limit or of the RAM. Never less than 256 MB.
      - A share of RAM, such as V(40%), or an amount, such as V(800M), is set as it is. An empty
        value takes back what was set.
      - A gateway reads it only when it starts, see O(restart).
    type: str
  watchdog_threshold:
    description:
      - The watchdog's threshold that this play sets, for O(cache_memory=auto). It counts in check
        mode, and on a host where C(hermes-guard) knows no threshold.
    type: str
  article_keys:
    description:
      - Also write C(session_max_messages) and C(session_auto_compress) literally, with the values
        of O(session_max_messages) and O(auto_compress). Neither of them is read by any Hermes from
        0.13 to 0.19.
    type: bool
    default: false
  settings:
    description:
      - Further keys and their values. A key may be dotted, a value may be nested; the parts of a
        nested value that are not named stay.
      - A key that looks like a secret is refused. Secrets belong in the C(.env) file of a gateway's
        home.
    type: dict
    default: {}
  scope:
    description:
      - With V(managed), C(/etc/hermes/config.yaml) is written, whose values win over every user's
        own. Hermes reads it from 0.17 on; a gateway with an older Hermes gets the values in its
        home.
      - A gateway whose unit in system scope sets E(HERMES_MANAGED_DIR) gets them there.
      - With V(home), the C(config.yaml) of each gateway's home is written.
    type: str
    choices: [managed, home]
    default: managed
  gateways:
    description:
      - Names of gateways, as M(hermes_ops.gateway.gateway_info) returns them. An empty list means
        all that are found.
      - The managed scope is for the whole host, whatever is named here; only the gateways named are
        asked and verified.
      - With O(state=absent), only the homes of the gateways named are restored.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(present) sets the keys.
      - V(absent) takes back what this module has set, in every file, and brings back what was there
        before. Where any of O(session_max_messages), O(auto_compress), O(cache_memory) and
        O(settings) are given only what they set is taken back, whatever their values. A key that
        somebody else has changed since stays as it is. What cannot be taken back, because the user
        or the virtual environment of a home is gone, is a warning and is forgotten.
    type: str
    choices: [present, absent]
    default: present
  restart:
    description:
      - What to do with a gateway that needs a restart to take over a change.
      - V(never) leaves it, and RV(restart_required) says so.
      - V(when_idle) asks the arbiter that the role P(hermes_ops.gateway.hermes_guard#role)
        installs, and does not wait.
      - V(now) has the arbiter restart it at once, and waits.
    type: str
    choices: [never, when_idle, now]
    default: never
requirements:
  - PyYAML (C(python3-yaml)), only where the managed C(config.yaml) was written by somebody else
notes:
  - Must run as root.
  - Which keys a Hermes reads is looked up in its C(DEFAULT_CONFIG) and, for a key that is missing
    there, in its sources, by the key's last part and its section in quotes. Which of them a running
    gateway takes over is looked up in its C(gateway/run.py).
  - What was there before is kept in C(/var/lib/hermes-guard/hermes_config.json), which only root
    can read.
seealso:
  - module: hermes_ops.gateway.gateway_info
"""

EXAMPLES = r"""
- name: Compress long chats on every gateway of the host
  hermes_ops.gateway.hermes_config:
    session_max_messages: 50
    auto_compress: true

- name: Keep more of the recent messages in one profile's own configuration
  hermes_ops.gateway.hermes_config:
    scope: home
    gateways:
      - hermes-gateway-coder@ada
    settings:
      compression.protect_last_n: 30
      session_reset:
        mode: idle
        idle_minutes: 60

- name: Take back all that was set
  hermes_ops.gateway.hermes_config:
    state: absent
"""

RETURN = r"""
applied:
  description: Key by key, what was asked and what became of it.
  returned: always
  type: list
  elements: dict
  contains:
    asked:
      description: The option of the module it comes from.
      type: str
      sample: session_max_messages
    key:
      description: The dotted key. It is null where the installed Hermes reads none that means what
        is asked.
      type: str
      sample: compression.hygiene_hard_message_limit
    file:
      description: The file it is set in.
      type: str
      sample: /etc/hermes/config.yaml
    gateways:
      description: Names of the gateways that read this file.
      type: list
      elements: str
      sample: [hermes-gateway]
    before:
      description: The value in this file before, null where there was none.
      type: raw
      sample: 400
    after:
      description: The value in this file now, null where there is none.
      type: raw
      sample: 50
    reads:
      description: Whether every one of these gateways reads the key, null where they could not be
        asked.
      type: bool
      sample: true
    live:
      description: Whether a running gateway takes over a change of the key without a restart.
      type: bool
      sample: true
restart_required:
  description: Whether a running gateway is older than a value that it reads only when it starts.
  returned: always
  type: bool
  sample: false
gateways:
  description: The gateways concerned.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The gateway's name.
      type: str
      sample: hermes-gateway
    restart_required:
      description: Whether it must be restarted to take over what is set.
      type: bool
      sample: false
    sources:
      description: The directory of its Hermes's sources, null if it could not be asked.
      type: str
      sample: /opt/hermes/venv/lib/python3.11/site-packages
    files:
      description: What decides on the configuration that is in effect, the directory of the
        managed scope included.
      type: list
      elements: str
      sample: [/etc/hermes, /etc/hermes/config.yaml]
complete:
  description: Whether everything was done. A gateway that was left out, or a restart that was only
    asked for, is tried again by the next run.
  returned: always
  type: bool
  sample: true
restarted:
  description: Names of the gateways whose restart was asked for.
  returned: always
  type: list
  elements: str
  sample: []
notes:
  description:
    - What of the desired configuration this host cannot do, or not yet. Each is given as a warning
      too.
  returned: success
  type: list
  elements: str
  sample: []
skipped_because:
  description: Why nothing was done.
  returned: when there was nothing to do
  type: str
  sample: no Hermes gateway on this host
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes_config.configure import (
    configure,
)
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    GuardError,
    MissingLibrary,
)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "session_max_messages": {"type": "int"},
            "auto_compress": {"type": "bool"},
            "cache_memory": {"type": "str"},
            "watchdog_threshold": {"type": "str"},
            "article_keys": {"type": "bool", "default": False},
            "settings": {"type": "dict", "default": {}},
            "scope": {"type": "str", "choices": ["managed", "home"], "default": "managed"},
            "gateways": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "restart": {
                "type": "str",
                "choices": ["never", "when_idle", "now"],
                "default": "never",
            },
        },
        supports_check_mode=True,
    )
    try:
        result = configure(module.params, module.check_mode)
    except MissingLibrary as exc:
        module.fail_json(
            msg=missing_required_lib(
                "PyYAML (python3-yaml)", reason="to edit %s, which somebody else wrote" % exc
            )
        )
    except GuardError as exc:
        module.fail_json(msg=str(exc))
    if "skipped_because" in result:
        module.warn("%s: nothing is set" % result["skipped_because"])
    notes = result.pop("warnings")
    for note in notes:
        module.warn(note)
    module.exit_json(notes=notes, **result)


if __name__ == "__main__":
    main()
