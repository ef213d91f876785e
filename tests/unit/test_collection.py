# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the collection says of itself agrees with what it holds."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]


def load(name):
    return yaml.safe_load((CHECKOUT / name).read_text(encoding="utf-8"))


def test_action_group_lists_every_module():
    modules = sorted(
        path.stem for path in (CHECKOUT / "plugins/modules").glob("*.py") if path.stem != "__init__"
    )
    assert load("meta/runtime.yml")["action_groups"]["gateway"] == modules


def test_no_ignore_file():
    assert not list((CHECKOUT / "tests/sanity").glob("ignore*"))


@pytest.mark.parametrize(
    "role", sorted(path.name for path in (CHECKOUT / "roles").glob("*")), ids=str
)
def test_every_entry_point_of_a_role_has_a_specification(role):
    folder = CHECKOUT / "roles" / role
    entry_points = {
        path.stem for path in (folder / "tasks").glob("*.yml") if not path.stem.startswith("_")
    }
    assert set(load(folder / "meta/argument_specs.yml")["argument_specs"]) == entry_points


def test_dependencies_stay_empty():
    assert load("galaxy.yml")["dependencies"] == {}
