#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: gateway_info
short_description: Find the Hermes gateways of a host and read their memory
version_added: 0.1.0
description:
  - Finds every gateway through systemd, in system scope and in each user's scope, profiles
    included, and those that were started by hand.
  - A gateway is known by the command that its unit starts, never by a search in command lines,
    which misses a real one and finds the shell that searches.
  - Memory is read with psutil, and from the cgroup (v2 or v1) where the unit has memory accounting.
  - Of the gateways that C(hermes-guard) manages, it also returns what that knows, as C(hermes-guard
    status --json) does. One whose unit is gone is returned too.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.info
options:
  gateways:
    description:
      - The names of the gateways that are wanted. All of the host where the list is empty.
    type: list
    elements: str
    default: []
    aliases: [names]
requirements:
  - psutil (C(python3-psutil)), which the role P(hermes_ops.gateway.hermes_guard#role) installs.
    Without it RV(gateways[].memory.pss_bytes) and RV(gateways[].memory.uss_bytes) are null.
notes:
  - Run it as root. Other users see their own gateways and those of the system scope only.
seealso:
  - module: hermes_ops.gateway.guard
"""

EXAMPLES = r"""
- name: Find the gateways
  hermes_ops.gateway.gateway_info:
  register: found

- name: Show what they take
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
      description: The unit's name without C(.service), with C(@USER) behind it in user scope.
      type: str
      sample: hermes-gateway-coder@ada
    unit:
      description: The unit's name, null for a gateway that was started by hand.
      type: str
      sample: hermes-gateway-coder.service
    scope:
      description:
        - Whose systemd runs it, V(system) or V(user), or V(manual) if none does.
        - V(container) if it runs in a container of this host. RV(gateways[].home) is then a path
          in the container, of which nothing is read, and RV(gateways[].user) the number of the
          user on this host. It is not managed, see RV(gateways[].problem).
      type: str
      sample: user
    user:
      description: The user that it runs as.
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
        - The profiles that its process serves, V(default) for the default one. From Hermes 0.21.5
          on one process can serve several. One that does not say, or is stopped, serves its own.
        - Empty if its unit is gone.
      type: list
      elements: str
      sample: [default, coder]
    pid:
      description: The gateway's own process, null where it is stopped.
      type: int
      sample: 4711
    invocation_id:
      description: systemd's id of this life of the unit, null where it is stopped or no unit.
      type: str
      sample: f24c0f0edb864eb7a01b7162e762e92b
    uptime_seconds:
      description: How long the process has run, in seconds.
      type: int
      sample: 86400
    version:
      description: The version of Hermes that is installed. If it cannot be asked, the one of the
        last sample, null without one.
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
      description: The platforms that it last reported as connected or connecting.
      type: list
      elements: str
      sample: [telegram]
    state:
      description:
        - What it says of itself, V(starting), V(running), V(degraded), V(draining), V(stopped) or
          V(startup_failed). V(stopped) where no process of it runs, V(gone) if the guard manages it
          and its unit does not exist.
        - V(unknown) if its unit looks like that of a gateway and cannot be told to be one. The
          reason is in RV(gateways[].problem).
      type: str
      sample: running
    active_state:
      description: systemd's ActiveState of the unit, null if the unit does not exist.
      type: str
      sample: active
    active_agents:
      description: How many turns are under way, null where it does not say.
      type: int
      sample: 0
    problem:
      description: Why it cannot be read or guarded, null where it can.
      type: str
      sample:
    conflict:
      description:
        - Which other gateways have the same home, or serve the same profile, null for none. Only
          one of them can work. It may be two units, or a unit and a process that was started
          manually.
      type: str
      sample: "hermes-gateway@ada has the same home /home/ada/.hermes: only one of them can work,
        and each restart of one looks like a fault of the other; disable all but one"
    container:
      description: The name of the container that it runs in, or the id if the name cannot be
        read. Null if it runs in none, or if neither can be read.
      type: str
      sample: hermes
    managed:
      description: Whether the guard manages it, null if that cannot be read, see RV(guard_problem).
        If it does not, the next thirteen are null.
      type: bool
      sample: true
    excluded:
      description: Whether the operator has left it out, by C(enabled) in C(hermes_gateways), or
        because C(hermes_guard_gateways) does not name it.
      type: bool
      sample: false
    own_settings:
      description: The settings of C(guard.conf) in which it differs from the other gateways of the
        host, as text.
      type: dict
      sample: {"threshold": "1500M"}
    threshold_bytes:
      description: The memory at which the watchdog acts, in bytes, null if no watchdog is set up.
      type: int
      sample: 2147483648
    action:
      description: What the watchdog then does, V(restart) or V(alert), null if no watchdog is set
        up.
      type: str
      sample: restart
    last_sample:
      description: When the watchdog last took a sample, in epoch seconds, null if it never did.
      type: float
      sample: 1785938100.0
    next_restart:
      description: When the calendar next restarts it, in epoch seconds, null if it never does.
        While restarts are suspended, it is the first time after that, null if that is not known.
      type: int
      sample: 1785981600
    suspended_from:
      description: When the suspension of its calendar restarts begins or began, in epoch seconds,
        null for none.
      type: float
      sample:
    suspended_until:
      description: When the suspension of its calendar restarts ends, in epoch seconds, null for
        none.
      type: float
      sample:
    watchdog_suspended:
      description: Whether that suspension is about the restarts of the watchdog too.
      type: bool
      sample: false
    last_restart:
      description:
        - The ledger's entry of the last restart, null if there was none. C(time) in epoch seconds,
          C(event), V(restart) or V(failed), C(code), C(reason), C(trigger), V(timer), V(watchdog)
          or V(operator), and what else the ledger has of it.
      type: dict
      sample: {"time": 1785938400.123, "event": "restart", "code": "restarted", "reason": "daily
        restart", "trigger": "timer"}
    last_end:
      description:
        - How its last run ended that was not ended by the guard, null if there was none. C(time) in
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
      description: Why it does not run, and how to start it, null if it runs.
      type: str
      sample:
    outdated:
      description: Whether its Hermes was changed on disk after its process had started, as by an
        upgrade, or its unit was, and names another Python now, so that it needs a restart. Null if
        that is not known, or if it does not run.
      type: bool
      sample: false
    last_decision:
      description: The ledger's last entry, which may be a refusal or an alarm, with the same keys.
        Null if there is none.
      type: dict
      sample: {"time": 1785939000.5, "event": "refused", "code": "young", "reason": "it has run for
        10 min", "trigger": "operator"}
    memory:
      description: Its memory in bytes, but for the last; a value that cannot be known is null.
      type: dict
      contains:
        rss_bytes:
          description: Resident set size of the main process.
          type: int
          sample: 98664448
        pss_bytes:
          description: Proportional set size of the main process, where a shared page counts in
            parts.
          type: int
          sample: 91226112
        uss_bytes:
          description: Unique set size of the main process, which its end would free.
          type: int
          sample: 88424448
        swap_bytes:
          description: Swapped-out memory of the main process.
          type: int
          sample: 0
        tree_rss_bytes:
          description: Resident set size of the gateway's process and all that it started. Memory
            that a forked child shares with it counts once.
          type: int
          sample: 98664448
        cgroup_bytes:
          description: Memory that is charged to the unit's cgroup.
          type: int
          sample: 112304128
        cgroup_peak_bytes:
          description: The highest value of it so far.
          type: int
          sample: 231211008
        cgroup_max_bytes:
          description: The limit of the unit's own cgroup, C(MemoryMax=), null for none.
          type: int
          sample:
        limit_bytes:
          description: The limit that counts, null for none. It is the least of C(MemoryMax=) and
            C(MemoryHigh=) of the unit and of all above it, such as a slice, a user or a container.
          type: int
          sample: 1572864000
        high_events:
          description: How often the kernel has slowed the unit's processes down at C(MemoryHigh=).
          type: int
          sample: 0
    workers:
      description:
        - The scopes in which Hermes, from 0.20 on, runs commands beside the gateway. Their memory
          is not part of RV(gateways[].memory) and is no leak of the gateway; it counts if the host
          runs out of memory.
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
      description: RAM that can be had without swapping.
      type: int
      sample: 2876043264
    swap_total_bytes:
      description: Swap space.
      type: int
      sample: 0
guard_problem:
  description: Why it cannot be read which gateways the guard manages, null if it can. A host
    without C(hermes-guard) manages none.
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
