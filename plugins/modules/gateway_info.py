#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_info
short_description: Find the Hermes gateways of a host and read their memory
version_added: 1.0.0
description:
  - Finds every gateway through systemd, in system scope and in each user's scope, profiles
    included, and gateways that were started manually.
  - A gateway is recognised by the command that its unit starts, never by a search in command lines,
    which misses real gateways and finds the shell that searches.
  - Memory is read with psutil, and from the cgroup (v2 or v1) if the unit has memory accounting.
  - For gateways that C(hermes-guard) manages, it also returns the data of C(hermes-guard
    status --json). A managed gateway whose unit no longer exists is returned too.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.info
options:
  gateways:
    description:
      - Names of the gateways. If the list is empty, all gateways of the host.
    type: list
    elements: str
    default: []
    aliases: [names]
requirements:
  - psutil (C(python3-psutil)), which the role P(hermes_ops.gateway.hermes_guard#role) installs.
    Without it RV(gateways[].memory.pss_bytes) and RV(gateways[].memory.uss_bytes) are null.
notes:
  - Run it as root. Other users see only their own gateways and those in system scope.
seealso:
  - module: hermes_ops.gateway.guard
"""

EXAMPLES = r"""
- name: Find the gateways
  hermes_ops.gateway.gateway_info:
  register: found

- name: Show the memory of each gateway
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ (item.memory.tree_rss_bytes or 0) | human_readable }}"
  loop: "{{ found.gateways }}"
"""

RETURN = r"""
gateways:
  description: The gateways, sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The name of the unit without C(.service), followed by C(@USER) in user scope.
      type: str
      sample: hermes-gateway-coder@ada
    unit:
      description: The name of the unit, null for a gateway that was started manually.
      type: str
      sample: hermes-gateway-coder.service
    scope:
      description:
        - The systemd that runs the gateway, V(system) or V(user), or V(manual) if it was started
          manually.
        - V(container) if it runs in a container of this host. RV(gateways[].home) is then a path
          in the container, which is not read, and RV(gateways[].user) is the user ID on this host.
          Such a gateway is not managed, see RV(gateways[].problem).
      type: str
      sample: user
    user:
      description: The user that runs the gateway.
      type: str
      sample: ada
    home:
      description: Its HERMES_HOME.
      type: str
      sample: /home/ada/.hermes/profiles/coder
    profile:
      description: The name of its profile, empty for the default one.
      type: str
      sample: coder
    profiles:
      description:
        - The profiles that its process serves, V(default) for the default one. With Hermes 0.21.5
          and later, one process can serve several. If the gateway does not report them, or is
          stopped, it is its own profile.
        - Empty if its unit no longer exists.
      type: list
      elements: str
      sample: [default, coder]
    pid:
      description: The main process of the gateway, null if it is stopped.
      type: int
      sample: 4711
    invocation_id:
      description: systemd's invocation ID of the current run, null if it is stopped or has no unit.
      type: str
      sample: f24c0f0edb864eb7a01b7162e762e92b
    uptime_seconds:
      description: How long the process has run, in seconds.
      type: int
      sample: 86400
    version:
      description: The installed version of Hermes. If Hermes does not answer, the version of the
        last sample. Null without a sample.
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
      description: The platforms that the gateway last reported as connected or connecting.
      type: list
      elements: str
      sample: [telegram]
    state:
      description:
        - The state that the gateway reports, V(starting), V(running), V(degraded), V(draining),
          V(stopped) or V(startup_failed). V(stopped) if it has no process, V(gone) if the guard
          manages it and its unit does not exist.
        - V(unknown) if its unit looks like that of a gateway but cannot be recognised as one. The
          reason is in RV(gateways[].problem).
      type: str
      sample: running
    active_state:
      description: systemd's ActiveState of the unit, null if the unit does not exist.
      type: str
      sample: active
    active_agents:
      description: Number of turns in flight, null if the gateway does not report it.
      type: int
      sample: 0
    problem:
      description: Why the gateway cannot be read or managed, null if it can.
      type: str
      sample:
    conflict:
      description:
        - Other gateways with the same home directory or the same profile, null if none. Only
          one of them can work. The conflict may be between two units, or between a unit and a
          process that was started manually.
      type: str
      sample: "hermes-gateway@ada has the same home /home/ada/.hermes: only one of them can work,
        and each restart of one looks like a fault of the other; disable all but one"
    container:
      description: The name of the gateway's container, or its ID if the name cannot be read. Null
        if it does not run in a container, or if neither can be read.
      type: str
      sample: hermes
    managed:
      description: Whether the guard manages the gateway, null if that is unknown, see
        RV(guard_problem). If it does not, the next thirteen values are null.
      type: bool
      sample: true
    excluded:
      description: Whether the operator has excluded the gateway, with C(enabled) in
        C(hermes_gateways), or because C(hermes_guard_gateways) does not name it.
      type: bool
      sample: false
    own_settings:
      description: The settings in C(guard.conf) that differ from those of the other gateways of
        the host, as text.
      type: dict
      sample: {"threshold": "1500M"}
    threshold_bytes:
      description: The memory at which the watchdog acts, in bytes, null without a watchdog.
      type: int
      sample: 2147483648
    action:
      description: The action of the watchdog at the threshold, V(restart) or V(alert), null without
        a watchdog.
      type: str
      sample: restart
    last_sample:
      description: Time of the watchdog's last sample, in epoch seconds, null without a sample.
      type: float
      sample: 1785938100.0
    next_restart:
      description: Time of the next calendar restart, in epoch seconds, null without one. While
        restarts are suspended, the first time after the suspension, null if that is not known.
      type: int
      sample: 1785981600
    suspended_from:
      description: Start of the suspension of its calendar restarts, in epoch seconds, null if none.
      type: float
      sample:
    suspended_until:
      description: End of the suspension of its calendar restarts, in epoch seconds, null if none.
      type: float
      sample:
    watchdog_suspended:
      description: Whether the suspension also applies to restarts by the watchdog.
      type: bool
      sample: false
    last_restart:
      description:
        - The ledger entry of the last restart, null without one. C(time) in epoch seconds,
          C(event), V(restart) or V(failed), C(code), C(reason), C(trigger), V(timer), V(watchdog)
          or V(operator), and the other keys of the entry.
      type: dict
      sample: {"time": 1785938400.123, "event": "restart", "code": "restarted", "reason": "daily
        restart", "trigger": "timer"}
    last_end:
      description:
        - The end of the last run that the guard did not end itself, null without one. C(time) in
          epoch seconds, C(code), V(crashed), V(killed), V(oom-killed), V(exited), V(restarted),
          V(stopped), V(reboot) or V(unknown), C(reason), and in C(runs) how many runs ended like
          this between two checks.
      type: dict
      sample: {"time": 1785938400.123, "event": "ended", "code": "killed", "reason": "its process
        was killed with SIGKILL, but not by systemd", "runs": 1}
    alerts:
      description: The open alerts, each with C(code), C(since) in epoch seconds, and C(reason).
        Null if they cannot be read.
      type: list
      elements: dict
      sample: []
    down:
      description: Why the gateway is not running, and how to start it. Null if it is running.
      type: str
      sample:
    outdated:
      description: Whether the gateway needs a restart to run the installed Hermes. That is so if
        its Hermes was changed on disk after the start of its process, for example by an upgrade, or
        if its unit now names another Python. Null if unknown, or if the gateway is not running.
      type: bool
      sample: false
    last_decision:
      description: The last ledger entry, which may be a refusal or an alert, with the same keys.
        Null without one.
      type: dict
      sample: {"time": 1785939000.5, "event": "refused", "code": "young", "reason": "it has run for
        10 min", "trigger": "operator"}
    memory:
      description: Its memory in bytes, and the count of C(high) events. Unknown values are null.
      type: dict
      contains:
        rss_bytes:
          description: Resident set size of the main process.
          type: int
          sample: 98664448
        pss_bytes:
          description: Proportional set size of the main process, in which each shared page is
            divided among its processes.
          type: int
          sample: 91226112
        uss_bytes:
          description: Unique set size of the main process, which is freed when it ends.
          type: int
          sample: 88424448
        swap_bytes:
          description: Swapped-out memory of the main process.
          type: int
          sample: 0
        tree_rss_bytes:
          description: Resident set size of the main process and its child processes. Memory that a
            forked child shares with its parent counts once.
          type: int
          sample: 98664448
        cgroup_bytes:
          description: Memory charged to the unit's cgroup.
          type: int
          sample: 112304128
        cgroup_peak_bytes:
          description: The highest memory of the unit's cgroup so far.
          type: int
          sample: 231211008
        cgroup_max_bytes:
          description: The limit of the unit's own cgroup, C(MemoryMax=), null if none.
          type: int
          sample:
        limit_bytes:
          description: The effective limit, null if none. It is the lowest C(MemoryMax=) or
            C(MemoryHigh=) of the unit and of all cgroups above it, such as a slice, a user or a
            container.
          type: int
          sample: 1572864000
        high_events:
          description: How often the kernel has throttled the unit's processes at C(MemoryHigh=).
          type: int
          sample: 0
    workers:
      description:
        - The scopes in which Hermes 0.20 and later run commands outside the gateway's unit. Their
          memory is not part of RV(gateways[].memory) and not a leak of the gateway, but it counts
          if the host runs out of memory.
      type: list
      elements: dict
      contains:
        name:
          description: The name of the scope.
          type: str
          sample: hermes-worker-proc_1f2e3d.scope
        memory_bytes:
          description: Its memory and swap.
          type: int
          sample: 734003200
host:
  description: The memory of the host in bytes.
  returned: success
  type: dict
  contains:
    total_bytes:
      description: RAM.
      type: int
      sample: 4104298496
    available_bytes:
      description: RAM that is available without swapping.
      type: int
      sample: 2876043264
    swap_total_bytes:
      description: Swap space.
      type: int
      sample: 0
guard_problem:
  description: Why it is unknown which gateways the guard manages, null if it is known. A host
    without C(hermes-guard) has no managed gateway.
  returned: success
  type: str
  sample:
"""

from ansible.module_utils.basic import AnsibleModule, missing_required_lib
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import gateway_info
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "gateways": {"type": "list", "elements": "str", "default": [], "aliases": ["names"]}
        },
        supports_check_mode=True,
    )
    if gateway_info.psutil is None:
        module.warn("%s pss_bytes and uss_bytes are null." % missing_required_lib("psutil"))
    try:
        module.exit_json(changed=False, **gateway_info.collect(module.params["gateways"]))
    except GuardError as exc:
        module.fail_json(msg=str(exc))


if __name__ == "__main__":
    main()
