# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options, the hosts for as long as the tests run, and the table at the end: releases by capability."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path[:0] = [str(HERE), str(TOP / "tests/lab")]

import engine
import hosts
import paths
from capabilities import CAPABILITIES
from contract import PATIENCE, Contract
from fleet import Fleet, no_scheduled_restart
from reasons import reason, red

# {(release, way, key): {"word": "yes", "no" or "-"}}, and the seconds that some checks took.
CELLS, SECONDS = {}, {}
STARTED = time.monotonic()


def pytest_addoption(parser):
    """Beside pytest's own."""
    parser.addoption("--keep", action="store_true", help="leave the lab up")
    parser.addoption("--prefix", default="hermes-contract", help="of the lab")
    parser.addoption("--versions", default=" ".join(hosts.RELEASES), help="releases to check")
    parser.addoption("--ways", default=" ".join(hosts.WAYS), help="ways of installation to check")
    parser.addoption(
        "--patience", type=int, default=PATIENCE, help="seconds until silence means frozen"
    )
    parser.addoption("--short", action="store_true", help="without what takes minutes")


def pytest_generate_tests(metafunc):
    """Sort by capability, then by gateway."""
    if "capability" not in metafunc.fixturenames:
        return
    config = metafunc.config
    ways = config.getoption("--ways").split()
    unknown = set(ways) - set(hosts.WAYS)
    unknown |= set(config.getoption("--versions").split()) - set(hosts.RELEASES)
    if unknown:
        raise pytest.UsageError("unknown: %s" % " ".join(sorted(unknown)))
    cells = [
        (capability, release, one.way)
        for capability in CAPABILITIES
        if not (capability.long and config.getoption("--short"))
        for release in config.getoption("--versions").split()
        for one in hosts.contract(release).gateways
        if one.way in ways
    ]
    ids = ["%s-%s-%s" % (capability.key, release, way) for capability, release, way in cells]
    metafunc.parametrize(("capability", "release", "way"), cells, ids=ids)


@pytest.fixture(scope="session")
def options(request):
    """The options of the command line."""
    return request.config.option


@pytest.fixture(scope="session")
def fleet(options):
    """The Fleet of these tests; its hosts are removed at the end."""
    engine.install(["ssh", "ssh-keygen"])
    ways = options.ways.split()
    found = Fleet(engine.find(), options.prefix, None, ways, no_scheduled_restart())
    with paths.locked("prefix-" + found.prefix):
        yield found
        if not options.keep:
            found.down(found.members())


@pytest.fixture(scope="session")
def contract(request, options, fleet):
    """The Contract with its hosts up and protected."""
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def say(text):
        with capture.global_and_fixture_disabled():
            sys.stderr.write("hermes: [%4d s] %s\n" % (time.monotonic() - STARTED, text))

    wanted = [hosts.contract(release) for release in options.versions.split()]
    found = Contract(fleet, wanted, options.patience, say)
    fleet.before = found.chat
    fleet.up([host.name for host in wanted])
    fleet.before = None
    found.protect()
    yield found
    found.close()


@pytest.fixture(scope="session")
def outcomes(contract, options):
    """outcomes(CAPABILITY): the result for each gateway (dict), checked for all at once."""
    known = {}

    def outcome(capability):
        if capability.key not in known:
            wanted = [
                one
                for one in contract.gateways
                if not reason(one.way, one.release, capability.key)
                and not (options.short and red(one.way, one.release, capability.key))
            ]
            known[capability.key] = contract.outcomes(capability, wanted)
            for one in contract.gateways:
                SECONDS[str(one)] = one.seen
        return known[capability.key]

    return outcome


@pytest.fixture
def cell(capability, release, way):
    """Record the result of a test for the table."""
    return CELLS.setdefault((release, way, capability.key), {})


def pytest_terminal_summary(terminalreporter):
    """Print the tables, and write them to .build/hermes.md."""
    if not CELLS:
        return
    keys = [one for one in CAPABILITIES if any(key == one.key for _r, _w, key in CELLS)]
    rows = list(dict.fromkeys((release, way) for release, way, _key in CELLS))
    lines = ["| Hermes | way | %s |" % " | ".join(one.key for one in keys)]
    lines += ["| --- | --- |%s" % (" --- |" * len(keys))]
    for release, way in rows:
        words = [CELLS.get((release, way, one.key), {}).get("word", "") for one in keys]
        lines.append("| %s | %s | %s |" % (release, way, " | ".join(words)))
    lines += ["", *("- %s: %s." % (one.key, one.text) for one in keys), ""]
    lines += _seconds(rows)
    for line in lines:
        terminalreporter.write_line(line)
    (TOP / ".build/hermes.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _seconds(rows):
    """How long restarts took."""
    heads = {
        "idle": "without service, idle",
        "turn": "until a new process, with a turn of 15 minutes in flight",
        "emergency": "until a new process, emergency with a turn in flight",
    }
    yield "| Hermes | way | %s |" % " | ".join(heads.values())
    yield "| --- | --- | ---: | ---: | ---: |"
    for release, way in rows:
        seen = SECONDS.get("%s-%s" % (release, way), {})
        if seen:
            words = ["%.1f s" % seen[key] if key in seen else "" for key in heads]
            yield "| %s | %s | %s |" % (release, way, " | ".join(words))
    for key, text in (
        ("kept", "Kept a message until its sender wrote again"),
        ("again", "Told the sender to send an interrupted turn again"),
    ):
        names = ["%s (%d)" % (name, seen[key]) for name, seen in SECONDS.items() if key in seen]
        if names:
            yield ""
            yield "%s: %s." % (text, ", ".join(names))
