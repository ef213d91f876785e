# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sources of this collection, with the loaders that bring it to a host."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.hermes_ops.gateway.plugins.module_utils._host import sources

TEXT = (Path(__file__).resolve().parents[5] / "plugins/module_utils/_host/quantity.py").read_text()


def test_source_of_a_checkout_needs_no_import(monkeypatch):
    monkeypatch.setattr(sources.importlib, "import_module", None)
    assert sources.source("_host.quantity") == TEXT


def test_source_from_a_loader_that_has_it_only_after_the_import(monkeypatch):
    """mitogen's loader has no get_data, and get_source answers once the module was imported."""
    monkeypatch.setattr(sources, "__loader__", object())
    imported = []
    real = sources.importlib.import_module
    monkeypatch.setattr(
        sources.importlib, "import_module", lambda name: imported.append(name) or real(name)
    )
    assert sources.source("_host.quantity") == TEXT
    assert [name.rpartition("module_utils.")[2] for name in imported] == ["_host.quantity"]
