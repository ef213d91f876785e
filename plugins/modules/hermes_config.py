#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: hermes_config
short_description: Read and set the configuration of Hermes gateways
version_added: 1.0.0
description:
  - Sets keys of Hermes's configuration for all gateways of a host, in the managed scope or in each
    gateway's own C(config.yaml).
  - Keeps comments, order, quotes, line endings, mode and unknown keys of a file, which
    C(hermes config set) does not. Only the requested keys change.
  - O(session_max_messages) and O(auto_compress) do not name keys. The module asks each installed
    Hermes which keys it reads and sets those. Up to Hermes 0.19 these are
    C(compression.hygiene_hard_message_limit) and C(compression.enabled).
  - A gateway's home directory is only accessed as its owner, by Hermes's own Python.
  - After writing, the module asks each Hermes for the effective values. If they differ from the
    requested ones, this is an error for a gateway that is named in O(gateways), and a warning
    otherwise.
  - The user of one gateway cannot affect other gateways. A gateway that cannot be queried or
    configured, or whose Python gives an invalid answer, is skipped with a warning. It is an error
    if the gateway is named in O(gateways).
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.changes
options:
  session_max_messages:
    description:
      - A chat's history is compressed before the next turn when it has this many messages or more.
      - Has an effect only while compression is on, see O(auto_compress).
      - A running gateway reads it at every message, so no restart is needed.
    type: int
  auto_compress:
    description:
      - Whether a chat's history is compressed automatically. V(false) also disables the limit of
        O(session_max_messages).
      - A running gateway reads it at the next message of a chat, so no restart is needed.
    type: bool
  cache_memory:
    description:
      - Memory usage above which a gateway evicts cached chats itself. It reads them from
        its database again at the next message, and no turn is interrupted.
      - Hermes 0.20.1 and later support this; older releases ignore it. Hermes's own default is 65 %
        of its limit or of the RAM, which is above the watchdog's default threshold. If that is less
        than 512 MB, Hermes evicts nothing.
      - V(auto) is 80 % of the watchdog's threshold, the lowest of all gateways. Without a
        watchdog it is 65 % of the lowest limit or of the RAM. It is never less than 256 MB.
      - A share of RAM, such as V(40%), or an amount, such as V(800M), is set as given. An empty
        value removes the setting.
      - A gateway reads it only at its start, see O(restart).
    type: str
  watchdog_threshold:
    description:
      - The watchdog's threshold that this play sets, for O(cache_memory=auto). It is used in check
        mode, and on a host on which C(hermes-guard) has no threshold yet.
    type: str
  article_keys:
    description:
      - Also write C(session_max_messages) and C(session_auto_compress) literally, with the values
        of O(session_max_messages) and O(auto_compress). No Hermes from 0.13 to 0.19 reads either of
        them.
    type: bool
    default: false
  settings:
    description:
      - Further keys and their values. A key may be dotted, and a value may be nested. Parts of a
        nested value that are not given do not change.
      - A key that looks like a secret is refused. Secrets belong in the C(.env) file in a gateway's
        home directory.
    type: dict
    default: {}
  scope:
    description:
      - V(managed) writes C(/etc/hermes/config.yaml), whose values override every user's
        own. Hermes 0.17 and later read it; a gateway with an older Hermes is configured in its home
        directory.
      - If the unit of a gateway in system scope sets E(HERMES_MANAGED_DIR), the values are written
        to that directory.
      - V(home) writes the C(config.yaml) in each gateway's home directory. Unless O(gateways)
        are named, the same settings from an earlier run with V(managed) are reverted.
    type: str
    choices: [managed, home]
    default: managed
  gateways:
    description:
      - Names of the gateways, as M(hermes_ops.gateway.gateway_info) returns them. If the list is
        empty, all gateways found on the host.
      - The managed scope always applies to the whole host, but only the named gateways are queried
        and verified.
      - With O(state=absent), only the home directories of the named gateways are restored.
    type: list
    elements: str
    default: []
  state:
    description:
      - V(present) sets the keys.
      - V(absent) removes the keys that this module has set, in every file, and restores the
        previous values. If any of O(session_max_messages), O(auto_compress), O(cache_memory) and
        O(settings) are given, only their keys are removed, regardless of the values. A key that
        someone else has changed in the meantime is kept. If a key cannot be removed,
        because the user or the virtual environment no longer exists, the module warns and no longer
        tracks it.
    type: str
    choices: [present, absent]
    default: present
  restart:
    description:
      - Whether to restart a gateway that needs a restart to apply a change.
      - V(never) does not restart it; RV(restart_required) reports it.
      - V(when_idle) requests a restart from the arbiter that the role
        P(hermes_ops.gateway.hermes_guard#role) installs, and does not wait.
      - V(now) requests an immediate restart from the arbiter, and waits.
    type: str
    choices: [never, when_idle, now]
    default: never
requirements:
  - PyYAML (C(python3-yaml)), only if someone else wrote the managed C(config.yaml)
notes:
  - Must run as root.
  - The keys that a Hermes reads are looked up in its C(DEFAULT_CONFIG) and, for a key that is
    missing there, in its sources, by the key's last part and its section in quotes. The keys that a
    running gateway applies without a restart are looked up in its C(gateway/run.py).
  - The previous values are kept in C(/var/lib/hermes-guard/hermes_config.json), which only root
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

- name: Remove all settings and restore the previous values
  hermes_ops.gateway.hermes_config:
    state: absent
"""

RETURN = r"""
applied:
  description: The requested value and the result for each key.
  returned: always
  type: list
  elements: dict
  contains:
    asked:
      description: The option of the module that requests the key.
      type: str
      sample: session_max_messages
    key:
      description: The dotted key, null if the installed Hermes has no key for the option.
      type: str
      sample: compression.hygiene_hard_message_limit
    file:
      description: The file that contains the key.
      type: str
      sample: /etc/hermes/config.yaml
    gateways:
      description: Names of the gateways that read this file.
      type: list
      elements: str
      sample: [hermes-gateway]
    before:
      description: The previous value in this file, null without one.
      type: raw
      sample: 400
    after:
      description: The current value in this file, null without one.
      type: raw
      sample: 50
    reads:
      description: Whether each of these gateways reads the key, null if they could not be queried.
      type: bool
      sample: true
    live:
      description: Whether a running gateway applies a change of the key without a restart.
      type: bool
      sample: true
restart_required:
  description: Whether a running gateway is older than a value that this module wrote and that the
    gateway reads only at its start.
  returned: always
  type: bool
  sample: false
gateways:
  description: The affected gateways.
  returned: always
  type: list
  elements: dict
  contains:
    name:
      description: The gateway's name.
      type: str
      sample: hermes-gateway
    restart_required:
      description: Whether it must be restarted to apply the settings.
      type: bool
      sample: false
    sources:
      description: The directory of its Hermes's sources, null if Hermes could not be queried.
      type: str
      sample: /opt/hermes/venv/lib/python3.11/site-packages
    files:
      description: The files and directories that determine the effective configuration, including
        the directory of the managed scope.
      type: list
      elements: str
      sample: [/etc/hermes, /etc/hermes/config.yaml]
complete:
  description: Whether everything was done. The next run retries a skipped gateway and a restart
    that was only requested.
  returned: always
  type: bool
  sample: true
restarted:
  description: Names of the gateways whose restart was requested.
  returned: always
  type: list
  elements: str
  sample: []
notes:
  description:
    - Parts of the desired configuration that this host does not support, or not yet. Each is also
      a warning.
  returned: success
  type: list
  elements: str
  sample: []
skipped_because:
  description: Why nothing was done.
  returned: if the host had nothing to do
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
                "PyYAML (python3-yaml)", reason="to edit %s, which someone else wrote" % exc
            )
        )
    except GuardError as exc:
        module.fail_json(msg=str(exc))
    if "skipped_because" in result:
        module.warn("%s: nothing was set" % result["skipped_because"])
    notes = result.pop("warnings")
    for note in notes:
        module.warn(note)
    module.exit_json(notes=notes, **result)


if __name__ == "__main__":
    main()
