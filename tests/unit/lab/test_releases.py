# Copyright: (c) 2026, hermes_ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of Hermes that the lab has: each with hashed pins, and its source."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[3]
SPEC = importlib.util.spec_from_file_location("lab_hosts", TOP / "tests/lab/hosts.py")
hosts = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(hosts)


@pytest.mark.parametrize("release", hosts.RELEASES)
def test_lock_file_has_a_hash_for_every_package(release):
    text = (TOP / "tests/lab" / ("hermes-%s.txt" % release)).read_text(encoding="utf-8")
    pins = [pin for pin in text.replace("\\\n", " ").splitlines() if pin and pin[0] != "#"]
    form = re.compile(r"[a-z0-9._-]+==[a-z0-9.]+( +--hash=sha256:[0-9a-f]{64})+")
    assert len(pins) > 50
    assert [pin for pin in pins if not form.fullmatch(pin)] == []
    package, version = hosts.RELEASES[release].split()[:2]
    assert sum(pin.startswith("%s==%s " % (package, version)) for pin in pins) == 1


@pytest.mark.parametrize("release", hosts.RELEASES)
def test_docs_say_where_it_comes_from(release):
    text = (TOP / "docs/hermes.md").read_text(encoding="utf-8")
    package = hosts.RELEASES[release].split()[0]
    assert [line for line in text.splitlines() if release in line and "`%s`" % package in line]


def test_every_way_is_explained():
    text = (TOP / "docs/hermes.md").read_text(encoding="utf-8")
    assert [way for way in hosts.WAYS if "| %s |" % way not in text] == []


@pytest.mark.parametrize("release", hosts.RELEASES)
def test_gateways_of_a_host_are_apart(release):
    gateways = hosts.contract(release).gateways
    for key in ("port", "stub", "home"):
        assert len({getattr(one, key) for one in gateways}) == len(gateways)
