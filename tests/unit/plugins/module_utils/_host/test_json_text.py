# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON of a user who may try to delay or confuse a check."""

from __future__ import annotations

import json
import time

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import json_text


@pytest.mark.parametrize(
    "value", [{}, [], "x", None, True, 10**19, -(10**18), 0.5, 1e300, {"a": [{"b": [1.5, "é"]}]}]
)
def test_plain_json(value):
    assert json_text.loads(json.dumps(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "x",
        "[1,]",
        "[" * 100000,
        '{"a":' * 100000,
        "[" * 41 + "]" * 41,
        "NaN",
        "[-Infinity]",
    ]
    + ["1" * 21, '{"a": -%s}' % ("9" * 20), "1e999", "-1e999", "0." + "1" * 100],
)
def test_what_is_refused(text):
    with pytest.raises(ValueError):
        json_text.loads(text)


def test_number_of_a_megabyte_takes_no_time():
    """Python 3.9 needs four seconds for it: as many gateways as files, and the check is killed."""
    start = time.process_time()
    with pytest.raises(ValueError, match="more than 20 digits"):
        json_text.loads('{"pid": %s}' % ("7" * (1 << 20)))
    assert time.process_time() - start < 1


def test_depth_that_is_just_allowed():
    assert json_text.loads("[" * 40 + "]" * 40)
