# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A user's Python that never answers affects only that user's gateways, for a limited time."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible_collections.hermes_ops.gateway.plugins.module_utils._evidence import asking
from ansible_collections.hermes_ops.gateway.plugins.module_utils._hermes import client
from ansible_collections.hermes_ops.gateway.plugins.module_utils._host.errors import (
    HermesError,
    RunError,
)

ONE, OTHER = SimpleNamespace(name="a@ada"), SimpleNamespace(name="b@ada")


@pytest.fixture
def hermes(monkeypatch):
    """``asked`` is who was asked for how long, ``takes`` is how long an answer takes."""
    made = SimpleNamespace(asked=[], takes=1.0, now=1000.0)

    def run_python(gateway, arguments, timeout, **_more):
        made.asked.append((gateway.name, timeout))
        made.now += min(timeout, made.takes)
        if made.takes > timeout:
            raise RunError("python did not end within %g s" % timeout)
        return "answer"

    monkeypatch.setattr(client, "run_python", run_python)
    monkeypatch.setattr(client, "probe", lambda gateway: run_python(gateway, [], 30.0))
    monkeypatch.setattr(asking.time, "monotonic", lambda: made.now)
    return made


def test_one_that_never_answers_is_asked_once(hermes):
    hermes.takes = 1e9
    one = asking.Asking()
    with pytest.raises(RunError, match="did not end within 15 s"):
        one.run(ONE, ["--version"], 30.0)
    for _again in range(3):
        with pytest.raises(RunError, match="first request was not answered"):
            one.run(ONE, ["doctor"], 90.0)
    with pytest.raises(HermesError, match="first request was not answered"):
        one.probe(ONE)
    assert hermes.asked == [("a@ada", 15.0)]
    # Another install of the same user may work.
    hermes.takes = 1.0
    assert one.run(OTHER, ["--version"], 30.0) == "answer"


def test_one_that_answers_is_asked_further_also_after_a_slow_answer(hermes):
    one = asking.Asking()
    assert one.run(ONE, ["--version"], 30.0) == one.probe(ONE) == "answer"
    hermes.takes = 1e9
    with pytest.raises(RunError, match="within 90 s"):
        one.run(ONE, ["doctor"], 90.0)
    hermes.takes = 1.0
    assert one.run(ONE, ["redact"], 30.0) == "answer"


def test_all_gateways_of_a_user_share_one_budget(hermes):
    hermes.takes = 1e9
    one = asking.Asking()
    for number in range(100):
        with pytest.raises(RunError):
            one.run(SimpleNamespace(name="g%d@ada" % number), ["--version"], 30.0)
    assert hermes.now - 1000 == asking.BUDGET
    with pytest.raises(HermesError, match="took too long"):
        one.probe(OTHER)
