#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: memory_trend_info
short_description: Detect whether the Hermes gateways of a host leak memory
version_added: 1.0.0
description:
  - Analyses the memory history of each managed gateway, as C(hermes-guard trend --json) does,
    and forecasts when memory runs out.
  - The host analyses its own samples; only the result is sent to the controller.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.info
options:
  gateways:
    description:
      - Names of the gateways. If the list is empty, all managed gateways of the host.
    type: list
    elements: str
    default: []
    aliases: [names]
  points:
    description:
      - Number of points of each gateway's history to return for a chart, at most V(300). With V(0),
        no points are returned.
    type: int
    default: 0
  since:
    description:
      - Compares the memory trend of each gateway before and after a change, and returns the result
        as RV(changes).
      - With V(version), the change is the last change of the version in the history. Otherwise it
        is a UTC time such as V(2026-08-05) or V(2026-08-05 14:00), or a time in epoch seconds.
    type: str
notes:
  - Run it as root. It needs the configuration that the role P(hermes_ops.gateway.hermes_guard#role)
    writes.
seealso:
  - module: hermes_ops.gateway.gateway_info
"""

EXAMPLES = r"""
- name: Analyse the gateways
  hermes_ops.gateway.memory_trend_info:
  register: judged

- name: Show the verdicts
  ansible.builtin.debug:
    msg: "{{ item.key }}: {{ item.value.verdict }}. {{ item.value.why }}"
  loop: "{{ judged.trends | dict2items }}"

- name: Compare the last version with the one before
  hermes_ops.gateway.memory_trend_info:
    since: version
  register: compared
"""

RETURN = r"""
trends:
  description:
    - The verdicts by the gateway's name, each with the keys below. MB is 2^20 bytes.
  returned: success
  type: dict
  sample:
    hermes-gateway:
      verdict: leak
      slope_mb_per_hour: 39.472
      slope_ci: [38.831, 40.142]
  contains:
    verdict:
      description: V(leak), V(suspected), V(saturating), V(sawtooth), V(step), V(spiky), V(flat) or
        V(insufficient).
      type: str
      sample: leak
    slope_mb_per_hour:
      description: Growth of the baseline memory, null if it is unknown. A rough figure if the
        verdict is V(insufficient).
      type: float
      sample: 39.472
    slope_ci:
      description: Its 95 % confidence interval, null if the verdict is V(insufficient).
      type: list
      elements: float
      sample: [38.831, 40.142]
    p_value:
      description: Probability that chance alone causes such a trend, null if the verdict is
        V(insufficient).
      type: float
      sample: 4.96e-47
    observed_hours:
      description: The time that the samples cover, in hours.
      type: float
      sample: 166.826
    segments:
      description: Number of runs of the gateway in this time.
      type: int
      sample: 14
    samples:
      description: Number of samples used.
      type: int
      sample: 1969
    span_hours:
      description: Time from the first to the last sample, in hours, without gaps of more than 3
        hours.
      type: float
      sample: 167.9
    longest_run_hours:
      description: Observed length of the longest run, in hours.
      type: float
      sample: 11.9
    rss_mb:
      description: The last resident set size, null without a sample.
      type: float
      sample: 672.5
    limit_mb:
      description: The memory that the gateway must stay below.
      type: float
      sample: 2048.0
    limit_from:
      description: Where this limit is set.
      type: str
      sample: the watchdog's threshold
    hours_to_limit:
      description: Time until the limit is reached, null if memory does not grow.
      type: float
      sample: 34.4
    hours_to_limit_ci:
      description: The earliest and the latest time, from RV(trends.slope_ci) and from the bursts
        above the baseline. The latest is null if the limit may never be reached.
      type: list
      elements: float
      sample: [33.8, 35.0]
    recommended_restart_hours:
      description: Recommended restart interval until the leak is fixed, V(3), V(4), V(6), V(8),
        V(12), V(24), V(48), V(72) or V(168), null if no restarts are needed.
      type: int
      sample: 24
    faster_than_known:
      description: Whether it grows by more than 100 MB/h, which matches no known leak.
      type: bool
      sample: false
    bigger_box:
      description: How long servers of several sizes would last from a fresh start, with C(ram_gb)
        and C(hours) each. Empty if memory does not grow.
      type: list
      elements: dict
      sample: [{"ram_gb": 2, "hours": 32.2}]
    sample_age_hours:
      description: Age of the last sample in hours, null without one. RV(trends.hours_to_limit)
        is shorter by this time.
      type: float
      sample: 0.05
    running:
      description: Whether the gateway is running.
      type: bool
      sample: true
    oom_kills:
      description: Number of OOM-killed processes in the gateway's cgroup, as counted by the
        samples.
      type: int
      sample: 0
    version:
      description: The version of Hermes to which the verdict applies.
      type: str
      sample: 0.16.0
    judged_on:
      description: The analysed memory, V(anon_bytes) if it is known, else V(rss_bytes), both with
        swap.
      type: str
      sample: anon_bytes
    providers:
      description: For each provider, its C(models), the C(hours) with it, C(slope_mb_per_hour),
        C(slope_ci) and whether memory C(grows), which is null if the time is too short.
      type: list
      elements: dict
      sample: []
    provider_switch:
      description: One sentence on whether the leak persists after a switch of the provider, null
        without a switch.
      type: str
      sample:
    advice:
      description: What to do, the most important first.
      type: list
      elements: str
      sample: ["0.16.0 leaks without bound (#25315); upgrade to 0.17.0 or later", "restart it every
        24 h"]
    why:
      description: One sentence on the reason for the verdict.
      type: str
      sample: Baseline memory grows by 39.5 MB/h (38.8 to 40.1) over 7 days in 14 runs, keeps
        growing late in each run, and is never released.
    what_would_settle_it:
      description: What is missing for a verdict and when it can be available, null if nothing is.
      type: str
      sample:
    notes:
      description: Problems of the history, and how they were handled.
      type: list
      elements: str
      sample: []
    chart:
      description:
        - Only with O(points). C(points) are lists of time, highest RSS, its baseline and the number
          of the run, in epoch seconds and bytes. C(restarts) are the times of new runs.
          C(providers) are lists of time, provider, model and version, one for each change of these
          three.
      type: dict
      sample:
    suspended_until:
      description: End of the suspension of its calendar restarts, in epoch seconds, null if none.
      type: float
      sample:
    down:
      description: Why the gateway is not running, and how to start it. Null if it is running or if
        that is unknown.
      type: str
      sample:
    ends:
      description:
        - The ends of the runs of the last week that the guard did not end itself, oldest first, at
          most 20. C(time) in epoch seconds, C(code) and C(reason) as in C(last_end) of
          M(hermes_ops.gateway.gateway_info), and in C(runs) how many runs ended like this between
          two checks.
      type: list
      elements: dict
      sample: []
changes:
  description:
    - The effect of the change at O(since), by the gateway's name, each with the keys below.
  returned: if O(since) is given
  type: dict
  sample:
    hermes-gateway:
      result: fixed
      version_before: 0.16.0
      version_after: 0.19.0
  contains:
    result:
      description:
        - V(fixed), V(improved), V(still_leaking), V(new_leak), V(no_leak), V(not_enough_yet),
          V(no_baseline) if too few samples precede the change, or V(no_change) if the history does
          not contain it.
      type: str
      sample: fixed
    since:
      description: Time of the first sample after the change, in epoch seconds, null without one.
      type: int
      sample: 1785931200
    before:
      description:
        - The trend before the change. C(verdict) as in RV(trends.verdict), the observed C(hours),
          C(segments) as in RV(trends.segments), C(slope_mb_per_hour) and C(slope_ci), which are
          null if the verdict is V(insufficient). Null without a change.
      type: dict
      sample: {"verdict": "leak", "hours": 160.2, "segments": 14, "slope_mb_per_hour": 60.1,
        "slope_ci": [58.2, 62.0]}
    after:
      description: The trend after the change, with the keys of RV(changes.before).
      type: dict
      sample: {"verdict": "flat", "hours": 170.5, "segments": 1, "slope_mb_per_hour": 0.1,
        "slope_ci": [-0.2, 0.3]}
    hours_still:
      description: Hours until enough samples are available, null if samples are not what is
        missing.
      type: float
      sample:
    version_before:
      description: The version of Hermes before the change, null if unknown.
      type: str
      sample: 0.16.0
    version_after:
      description: The version of Hermes after the change, null if unknown.
      type: str
      sample: 0.19.0
    why:
      description: One sentence on the reason for the result.
      type: str
      sample: "Fixed from 0.16.0 to 0.19.0: memory grew by 60.1 MB/h (58.2 to 62.0) before and no
        longer grows (0.1 MB/h (-0.2 to 0.3))."
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.hermes_ops.gateway.plugins.module_utils._guard import memory_trend
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import GuardError


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "gateways": {"type": "list", "elements": "str", "default": [], "aliases": ["names"]},
            "points": {"type": "int", "default": 0},
            "since": {"type": "str"},
        },
        supports_check_mode=True,
    )
    try:
        answer = memory_trend.collect(
            module.params["gateways"], module.params["points"], module.params["since"]
        )
    except GuardError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(changed=False, **answer)


if __name__ == "__main__":
    main()
