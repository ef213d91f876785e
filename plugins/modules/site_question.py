#!/usr/bin/python
# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: site_question
short_description: Ask a host whether the site playbook has anything to do there
version_added: 0.1.0
description:
  - Validates the variables of all roles of this collection, and sends them to the program
    C(hermes-guard) on the host in one round trip. It answers whether the last run asked for the
    same and all is as that run left it, so that the play can end for the host.
  - The host changes nothing for it, and no module is sent.
  - If there is no such program, if it is another one, or if it gives no answer that makes sense,
    the answer is no.
  - With O(results), the host keeps what was asked and its state now, for the next run.
author:
  - Hermes Ops (@hermes-ops)
options:
  full:
    description:
      - Whether the answer is no without asking.
    type: bool
    default: false
  results:
    description:
      - The results of the modules of all roles, from a run that has ended well. Their warnings are
        given again by each run that has nothing to do.
      - Nothing is kept if a module could not do everything, or if the run has both changed
        something and warned.
    type: list
    elements: dict
notes:
  - Internal to this collection; use the playbook C(hermes_ops.gateway.site) instead.
  - The host is asked only in a run without C(--tags) and C(--skip-tags).
"""

EXAMPLES = r"""
- name: Ask the host whether all is as this play wants it
  hermes_ops.gateway.site_question:
  register: site

- name: End the play for a host that has nothing to do
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
