#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: memory_trend_info
short_description: Tell whether the Hermes gateways of a host leak memory
version_added: 0.1.0
description:
  - Judges the history that the watchdog keeps of each configured gateway, as C(hermes-guard trend
    --json) does, and says when memory runs out.
  - The work is done on the host and only the answer travels.
author:
  - Hermes Ops (@hermes-ops)
extends_documentation_fragment:
  - hermes_ops.gateway.attributes
  - hermes_ops.gateway.attributes.info
options:
  gateways:
    description:
      - The names of the gateways that are wanted. All that are configured on the host where the
        list is empty.
    type: list
    elements: str
    default: []
    aliases: [names]
  points:
    description:
      - How many points of its history to return of each gateway for a chart, V(300) at most. None
        where it is V(0).
    type: int
    default: 0
  since:
    description:
      - Compares what each gateway's memory did before a change with what it did after it, and
        returns that as RV(changes).
      - The change is the last one of the version in the history with V(version), else what happened
        at a time of UTC such as V(2026-08-05) or V(2026-08-05 14:00), or at a time in epoch
        seconds.
    type: str
notes:
  - Run it as root. It needs the configuration that the role P(hermes_ops.gateway.hermes_guard#role)
    writes.
seealso:
  - module: hermes_ops.gateway.gateway_info
"""

EXAMPLES = r"""
- name: Judge the gateways
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
      description: How fast the floor under the bursts climbs, null where that cannot be said. A
        rough figure where the verdict is V(insufficient).
      type: float
      sample: 39.472
    slope_ci:
      description: Its interval at 95 %, null where the verdict is V(insufficient).
      type: list
      elements: float
      sample: [38.831, 40.142]
    p_value:
      description: How likely so much of a trend is by chance, null where the verdict is
        V(insufficient).
      type: float
      sample: 4.96e-47
    observed_hours:
      description: The time that the samples cover, in hours.
      type: float
      sample: 166.826
    segments:
      description: How many lives of the gateway that is.
      type: int
      sample: 14
    samples:
      description: How many samples were used.
      type: int
      sample: 1969
    span_hours:
      description: From the first sample to the last one, in hours, without gaps of more than 3
        hours.
      type: float
      sample: 167.9
    longest_run_hours:
      description: How long the longest run was seen, in hours.
      type: float
      sample: 11.9
    rss_mb:
      description: The last resident set size, null without a sample.
      type: float
      sample: 672.5
    limit_mb:
      description: What it must stay below.
      type: float
      sample: 2048.0
    limit_from:
      description: Where that is said.
      type: str
      sample: the watchdog's threshold
    hours_to_limit:
      description: When that is reached, null where memory does not grow.
      type: float
      sample: 34.4
    hours_to_limit_ci:
      description: The earliest and the latest time, by RV(trends.slope_ci) and by the bursts above
        the line; the latest is null if it may be never.
      type: list
      elements: float
      sample: [33.8, 35.0]
    recommended_restart_hours:
      description: How often to restart it until the leak is fixed, V(3), V(4), V(6), V(8), V(12),
        V(24), V(48), V(72) or V(168), null for no need.
      type: int
      sample: 24
    faster_than_known:
      description: Whether it grows by more than 100 MB/h, which the known leak does not.
      type: bool
      sample: false
    bigger_box:
      description: How long servers of some sizes last from a fresh start, with C(ram_gb) and
        C(hours) each. Empty where memory does not grow.
      type: list
      elements: dict
      sample: [{"ram_gb": 2, "hours": 32.2}]
    sample_age_hours:
      description: How old the last sample is, in hours, null without one. By so much
        RV(trends.hours_to_limit) is shorter.
      type: float
      sample: 0.05
    running:
      description: Whether the gateway runs now.
      type: bool
      sample: true
    oom_kills:
      description: How many processes the kernel killed in the gateway's cgroup, as the samples
        counted them.
      type: int
      sample: 0
    version:
      description: The version of Hermes that is judged.
      type: str
      sample: 0.16.0
    judged_on:
      description: The memory that is judged, V(anon_bytes) if it is known, else V(rss_bytes), both
        with what is swapped out.
      type: str
      sample: anon_bytes
    providers:
      description: For each provider, its C(models), the C(hours) with it, C(slope_mb_per_hour),
        C(slope_ci) and whether it C(grows), null for too little.
      type: list
      elements: dict
      sample: []
    provider_switch:
      description: One sentence on whether the leak survives the switch of the provider, null where
        there was none.
      type: str
      sample:
    advice:
      description: What to do, the most important first.
      type: list
      elements: str
      sample: ["0.16.0 leaks without bound (#25315); upgrade to 0.17.0 or later", "restart it every
        24 h"]
    why:
      description: One sentence on the reason of the verdict.
      type: str
      sample: The floor under the bursts climbs by 39.5 MB/h (38.8 to 40.1) over 7 days of 14 lives,
        still does so late in each life, and is not given back.
    what_would_settle_it:
      description: What is missing for a verdict and when it can be there, null where nothing is.
      type: str
      sample:
    notes:
      description: What was wrong with the history and what was done about it.
      type: list
      elements: str
      sample: []
    chart:
      description:
        - Only with O(points). C(points) are lists of time, highest RSS, its floor and the number of
          the life, in epoch seconds and bytes; C(restarts) the times of new lives; C(providers)
          lists of time, provider, model and version, wherever one of the three changed.
      type: dict
      sample:
    suspended_until:
      description: When the suspension of its calendar restarts ends, in epoch seconds, null for
        none.
      type: float
      sample:
    down:
      description: Why it does not run, and how to start it, null if it runs or that is not known.
      type: str
      sample:
    ends:
      description:
        - How its runs of the last week ended that were not ended by the guard, oldest first, at
          most 20. C(time) in epoch seconds, C(code) and C(reason) as in C(last_end) of
          M(hermes_ops.gateway.gateway_info), and in C(runs) how many runs ended like this between
          two checks.
      type: list
      elements: dict
      sample: []
changes:
  description:
    - What the change at O(since) did to a leak, by the gateway's name, each with the keys below.
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
          V(no_baseline) for too little before the change, or V(no_change) for a history without it.
      type: str
      sample: fixed
    since:
      description: The time of the first sample after the change, in epoch seconds, null if there is
        none.
      type: int
      sample: 1785931200
    before:
      description:
        - What was before. C(verdict) as in RV(trends.verdict), C(hours) that were observed,
          C(segments) as in RV(trends.segments), C(slope_mb_per_hour) and C(slope_ci), which are
          null if the verdict is V(insufficient). Null without a change.
      type: dict
      sample: {"verdict": "leak", "hours": 160.2, "segments": 14, "slope_mb_per_hour": 60.1,
        "slope_ci": [58.2, 62.0]}
    after:
      description: What came after, with the keys of RV(changes.before).
      type: dict
      sample: {"verdict": "flat", "hours": 170.5, "segments": 1, "slope_mb_per_hour": 0.1,
        "slope_ci": [-0.2, 0.3]}
    hours_still:
      description: How long it takes until there is enough to judge by, in hours, null if that is
        not what is missing.
      type: float
      sample:
    version_before:
      description: The version of Hermes before the change, null if it is not known.
      type: str
      sample: 0.16.0
    version_after:
      description: The version of Hermes after it, null if it is not known.
      type: str
      sample: 0.19.0
    why:
      description: One sentence on the reason.
      type: str
      sample: "Fixed from 0.16.0 to 0.19.0: it grew by 60.1 MB/h (58.2 to 62.0) before, and does not
        grow any more (0.1 MB/h (-0.2 to 0.3))."
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
