# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The drain marker: which versions know it. What it does is in the arbiter's tests."""

from __future__ import annotations

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import drain


@pytest.mark.parametrize(
    "version, known",
    [("0.18.1", False), ("0.18.2", True), ("v0.19", True), ("1.0.0", True), (None, False)],
)
def test_supported(version, known):
    assert drain.supported(version) is known
