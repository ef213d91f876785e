# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every release in every way of installation, one test for each capability: a cell of the table."""

from __future__ import annotations

import pytest
from reasons import reason, red


def test_capability(capability, release, way, options, outcomes, cell):
    """The check holds, or docs/hermes.md says why it cannot."""
    why = reason(way, release, capability.key)
    if why:
        cell["word"] = "-"
        pytest.skip(why)
    known = red(way, release, capability.key)
    if known and options.short:
        # It takes minutes to see it again.
        cell["word"] = "no"
        pytest.xfail(known)
    problem = outcomes(capability)["%s-%s" % (release, way)]
    cell["word"] = "no" if problem else "yes"
    if problem and known:
        pytest.xfail(known)
    assert problem is None, problem
    assert not known, "it holds, and reasons.py says that it does not: %s" % known
