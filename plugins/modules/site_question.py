#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: site_question
short_description: Check whether a host is already in the desired state of the site playbook
version_added: 1.0.0
description:
  - Validates the variables of all roles of this collection, and sends them to the program
    C(hermes-guard) on the host in one round trip. The program compares them, and the state of the
    host, with those of the last run. If nothing differs, the play can end for the host.
  - Changes nothing on the host, and sends no module.
  - If the program is missing, differs, or does not give a valid answer, RV(same) is false.
  - With O(results), the host stores the variables and its current state for the next run.
author:
  - Hermes Ops (@hermes-ops)
options:
  full:
    description:
      - Whether to return RV(same) as false without asking the host.
    type: bool
    default: false
  results:
    description:
      - The results of the modules of all roles, from a successful run. Each run that has nothing to
        do repeats their warnings.
      - Nothing is stored if a module could not do everything, or if the run has both changed
        something and issued a warning.
    type: list
    elements: dict
notes:
  - Internal to this collection; use the playbook C(hermes_ops.gateway.site) instead.
  - The host is asked only in runs without C(--tags) and C(--skip-tags).
"""

EXAMPLES = r"""
- name: Check whether the host is already in the desired state
  hermes_ops.gateway.site_question:
  register: site

- name: End the play for a host that is in the desired state
  ansible.builtin.meta: end_host
  when: site.same
"""

RETURN = r"""
same:
  description: Whether the play has nothing to do on the host.
  returned: success
  type: bool
  sample: false
why:
  description: The first thing that differs, or why the host was not asked.
  returned: if RV(same) is false
  type: str
  sample: hermes_watchdog_threshold has changed
"""
